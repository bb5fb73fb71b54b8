package api

import (
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestAVisitorGetsADrawnPINAndNoChosenOne(t *testing.T) {
	w := newWorld(t)
	p, other := w.program(desk.ScopeManage), w.program(desk.ScopeManage)
	door, _ := w.visited()
	made := p.invited(w.visit(door))
	path := "/visitors/" + made.ID + "/pin_codes"
	draw := func() (digits string) {
		t.Helper()
		p.unifi("POST", "/credentials/pin_codes", nil).into(t, &digits)
		return digits
	}
	pin := func() string {
		t.Helper()
		var o visitorObject
		p.unifi("GET", "/visitors/"+made.ID, nil).into(t, &o)
		if o.PIN == nil {
			return ""
		}
		return o.PIN.Token
	}
	give := func(p *program, digits, want string) {
		t.Helper()
		a := p.unifi("PUT", path, `{"pin_code": "`+digits+`"}`)
		if a.code() != want || strings.Contains(a.body, digits) || strings.Contains(w.logged.String(), digits) {
			t.Errorf("%d %s, not %s", a.status, a.body, want)
		}
	}
	drawn := draw()
	before := pin()
	give(other, drawn, "400 CODE_PARAMS_INVALID") // which has not drawn it
	give(p, "58310274", "400 CODE_PARAMS_INVALID")
	give(p, "12345678", "400 CODE_PARAMS_INVALID")
	if pin() != before {
		t.Error("a PIN that was refused is the visitor's")
	}
	give(p, drawn, "200 SUCCESS")
	if pin() == before || pin() == "" {
		t.Error("the PIN that was drawn is not the visitor's")
	}
	late := draw()
	w.passed.Store(int64(11 * time.Minute))
	give(p, late, "400 CODE_PARAMS_INVALID")
	for range 2 { // also where there is none
		if a := p.unifi("DELETE", path, nil); a.code() != "200 SUCCESS" {
			t.Error(a.body)
		}
	}
	if pin() != "" {
		t.Error("the PIN is still there")
	}
}

func TestAVisitorGetsCardsAndLosesThem(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	door, _ := w.visited()
	made := p.invited(w.visit(door))
	path, token := "/visitors/"+made.ID+"/nfc_cards", w.card(w.user("Grace", "Hopper"))
	cards := func() []userCard {
		t.Helper()
		var all []visitorObject
		p.unifi("GET", "/visitors?status=6", nil).into(t, &all)
		if len(all) != 1 {
			t.Fatalf("%+v", all)
		}
		return all[0].Cards
	}
	if a := p.unifi("PUT", path, map[string]any{"token": token}); a.code() != "400 CODE_CREDS_NFC_HAS_BIND_USER" {
		t.Error(a.body)
	}
	if a := p.unifi("PUT", path, map[string]any{"token": token, "force_add": true}); a.code() != "200 SUCCESS" {
		t.Error(a.body)
	}
	if got := cards(); len(got) != 1 || got[0].Token != token || len(got[0].ID) != 4 || got[0].Type != cardType {
		t.Errorf("%+v", got)
	}
	if a := p.unifi("PUT", path+"/delete", map[string]any{"token": token}); a.code() != "200 SUCCESS" {
		t.Error(a.body)
	}
	if got := cards(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestBadCredentialsOfVisitorsAreRefused(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	door, _ := w.visited()
	made := p.invited(w.visit(door))
	grace := w.user("Grace", "Hopper")
	token, user := w.card(grace), "/visitors/"+w.userID(grace)
	path, unknown := "/visitors/"+made.ID, "/visitors/"+w.userID(99)
	for _, c := range []struct {
		method, path string
		body         any
		want         string
	}{
		{"PUT", path + "/pin_codes", nil, "400 CODE_PARAMS_INVALID"},
		{"PUT", path + "/pin_codes", `{"pin_code": 58310274}`, "400 CODE_PARAMS_INVALID"},
		{"PUT", path + "/pin_codes", `{"pin_code": "5831"}`, "400 CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID"},
		{"PUT", path + "/pin_codes?pin_code=58310274", nil, "400 CODE_PARAMS_INVALID"},
		{"PUT", unknown + "/pin_codes", `{"pin_code": "58310274"}`, "404 CODE_NOT_EXISTS"},
		{"PUT", user + "/pin_codes", `{"pin_code": "58310274"}`, "404 CODE_NOT_EXISTS"},
		{"DELETE", unknown + "/pin_codes", nil, "404 CODE_NOT_EXISTS"},
		{"DELETE", user + "/pin_codes", nil, "404 CODE_NOT_EXISTS"},
		{"PUT", path + "/nfc_cards", nil, "400 CODE_PARAMS_INVALID"},
		{"PUT", path + "/nfc_cards", map[string]any{"token": 1}, "400 CODE_PARAMS_INVALID"},
		{"PUT", path + "/nfc_cards", map[string]any{"token": "x"}, "400 CODE_CREDS_NFC_CARD_INVALID"},
		{"PUT", path + "/nfc_cards", map[string]any{"token": token, "force_add": "yes"}, "400 CODE_PARAMS_INVALID"},
		{"PUT", unknown + "/nfc_cards", map[string]any{"token": token}, "404 CODE_NOT_EXISTS"},
		{"PUT", user + "/nfc_cards", map[string]any{"token": token}, "404 CODE_NOT_EXISTS"},
		{"PUT", path + "/nfc_cards/delete", map[string]any{}, "400 CODE_PARAMS_INVALID"},
		{"PUT", path + "/nfc_cards/delete", map[string]any{"token": token}, "400 CODE_CREDS_NFC_CARD_INVALID"}, // another's
		{"PUT", user + "/nfc_cards/delete", map[string]any{"token": token}, "404 CODE_NOT_EXISTS"},
	} {
		if a := p.unifi(c.method, c.path, c.body); a.code() != c.want || strings.Contains(a.body, "5831") {
			t.Errorf("%s %s %v: %d %s\nnot %s", c.method, c.path, c.body, a.status, a.body, c.want)
		}
	}
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"PUT", path + "/pin_codes", `{"pin_code": "58310274"}`}, {"DELETE", path + "/pin_codes", nil},
		{"PUT", path + "/nfc_cards", map[string]any{"token": token}}, {"PUT", path + "/nfc_cards/delete", map[string]any{"token": token}},
	} {
		w.wrongScope(c.method, c.path, c.body, desk.ScopeManage)
	}
	u, err := w.desk.User(t.Context(), root, grace)
	if err != nil || len(u.Credentials) != 1 {
		t.Errorf("%+v, %v", u, err)
	}
}
