package api

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/device/pin"
)

func TestATokenNamesOneCardOfOneSite(t *testing.T) {
	here, there := idsOf([16]byte{1}), idsOf([16]byte{2})
	token := here.token(9)
	if n, err := here.parseToken(token); n != 9 || err != nil || len(token) != 64 {
		t.Errorf("%s is %d, %v", token, n, err)
	}
	if here.token(10) == token || there.token(9) == token {
		t.Error("two cards have the same token")
	}
	id := here.bytes(kindUser, 9)
	for name, wrong := range map[string]string{
		"another site": there.token(9), "upper case": strings.ToUpper(token), "cut": token[:32], "longer": token + "00", "none": "", "a digit off": token[:63] + map[bool]string{true: "0", false: "1"}[token[63] == '1'],
		"a user's": fmt.Sprintf("%x", id) + token[32:], "no digits": strings.Repeat("g", 64), "zeros": strings.Repeat("0", 64),
	} {
		if n, err := here.parseToken(wrong); err != desk.ErrNotFound {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// acts returns what administrators and programs did of a kind, the newest first.
func (w *world) acts(kind string) (all []string) {
	w.t.Helper()
	page, err := w.desk.Activity(w.t.Context(), root, desk.Query{Kind: kind, Limit: 200})
	w.must(err)
	for _, e := range page.Events {
		all = append(all, e.Text.String())
	}
	return all
}

func TestATakenPINCannotBeToldFromAnUnsuitableOne(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	ada, eve := w.user("Ada", "Lovelace"), w.userID(w.user("Eve", "Moneypenny"))
	const taken, weak, other = "58310274", "12345678", "61937254"
	_, err := w.desk.SetPIN(t.Context(), root, ada, desk.PIN{Choice: desk.Chosen, Digits: []byte(taken)})
	w.must(err)
	set := func(digits string) *answer {
		t.Helper()
		return p.unifi("PUT", "/users/"+eve+"/pin_codes", `{"pin_code": "`+digits+`"}`)
	}
	if a := set(other); a.code() != "200 SUCCESS" {
		t.Fatal(a.body)
	}
	before := p.look(eve)
	a, b := set(taken), set(weak)
	for _, header := range []string{"Date"} {
		a.header.Del(header)
		b.header.Del(header)
	}
	if a.status != b.status || a.body != b.body || fmt.Sprint(a.header) != fmt.Sprint(b.header) {
		t.Errorf("taken: %d %s %v\nweak:  %d %s %v", a.status, a.body, a.header, b.status, b.body, b.header)
	}
	if a.code() != "400 CODE_PARAMS_INVALID" || strings.Contains(a.body, "taken") || strings.Contains(a.body, "assigned") {
		t.Error(a.body)
	}
	// The same work: each is an act that was noted after it was undone.
	if acts := w.acts("admin.pin.set"); len(acts) != 4 || !strings.Contains(acts[0], "could not give Eve Moneypenny a PIN") || !strings.Contains(acts[1], "could not give Eve Moneypenny a PIN") {
		t.Errorf("%q", acts)
	}
	acts := w.acts("admin.pin.set")
	if acts[0] != acts[1] || strings.Contains(acts[0], "digits") {
		t.Errorf("the activity tells them apart: %q", acts[:2])
	}
	if after := p.look(eve); *after.PIN != *before.PIN {
		t.Error("the PIN that she has is gone")
	}
	// After five clashes no PIN is taken that somebody chose: neither is told from any other.
	for range 4 {
		if a := set(taken); a.code() != "400 CODE_PARAMS_INVALID" {
			t.Error(a.body)
		}
	}
	refused := set(taken)
	for _, digits := range []string{weak, "70418263"} {
		if a := set(digits); a.body != refused.body || a.status != 400 || !strings.Contains(a.body, "unusable PINs") {
			t.Errorf("%s\nnot %s", a.body, refused.body)
		}
	}
	if _, err := w.desk.SetPIN(t.Context(), root, ada, desk.PIN{Choice: desk.Chosen, Digits: []byte("70418263")}); err != nil {
		t.Error("others can no longer choose one:", err)
	}
}

func TestAPINIsNowhereButWhereItBelongs(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	eve := "/users/" + w.userID(w.user("Eve", "Moneypenny")) + "/pin_codes"
	for _, c := range []struct{ method, path, body, want string }{
		{"PUT", eve, `{"pin_code": "6719372"}`, "400 CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID"},
		{"PUT", eve, `{"pin_code": "671937250"}`, "400 CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID"},
		{"PUT", eve, `{"pin_code": "6719372x"}`, "400 CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID"},
		{"PUT", eve, `{"pin_code": ""}`, "400 CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID"},
		{"PUT", eve, `{"pin_code": 67193725}`, "400 CODE_PARAMS_INVALID"},
		{"PUT", eve, `{"pin_code": ["67193725"]}`, "400 CODE_PARAMS_INVALID"},
		{"PUT", eve, `{"pin_code": null}`, "400 CODE_PARAMS_INVALID"},
		{"PUT", eve, `{"PIN": "67193725"}`, "400 CODE_PARAMS_INVALID"},
		{"PUT", eve, `{"pin_code": "67193725"`, "400 CODE_PARAMS_INVALID"},
		{"PUT", eve, `67193725`, "400 CODE_PARAMS_INVALID"},
		{"PUT", eve + "?pin_code=67193725", ``, "400 CODE_PARAMS_INVALID"},
		{"PUT", eve + "?pin_code=67193725", `{"pin_code": "67193725"}`, "400 CODE_PARAMS_INVALID"},
		{"PUT", eve + "/67193725", ``, "404 CODE_RESOURCE_NOT_FOUND"},
		{"PUT", eve, `{"pin_code": "67193725"}`, "200 SUCCESS"},
		{"DELETE", eve, ``, "200 SUCCESS"},
		{"DELETE", eve, ``, "200 SUCCESS"},
		{"PUT", eve, `{"pin_code": "11111111", "pin_code": "67193725"}`, "200 SUCCESS"},
	} {
		a := p.unifi(c.method, c.path, c.body)
		if a.code() != c.want {
			t.Errorf("%s %s: %s, not %s", c.method, c.body, a.body, c.want)
		}
		if strings.Contains(a.body, "6719372") || strings.Contains(fmt.Sprint(a.header), "6719372") {
			t.Errorf("the answer has the PIN: %s", a.body)
		}
	}
	if log := w.logged.String(); strings.Contains(log, "6719372") {
		t.Errorf("logged: %s", log)
	}
	for _, act := range append(w.acts("admin.pin.set"), w.acts("admin.pin.remove")...) {
		if strings.Contains(act, "6719372") {
			t.Error(act)
		}
	}
}

func TestADecodedPINIsWiped(t *testing.T) {
	var p pinDigits
	if err := p.UnmarshalJSON([]byte(`"67193725"`)); err != nil {
		t.Fatal(err)
	}
	held := p
	if err := p.UnmarshalJSON([]byte(`"1"`)); err == nil || string(held) != strings.Repeat("\x00", 8) || p != nil {
		t.Errorf("%v, %q", err, held)
	}
}

func TestABodyIsWipedHoweverLongItIs(t *testing.T) {
	from := &pieces{left: strings.Repeat(" ", 4090) + `"67193725"` + strings.Repeat(" ", 5000)}
	b, err := readAll(from)
	if err != nil || len(b) != 9100 {
		t.Fatal(len(b), err)
	}
	if len(from.given) < 2 {
		t.Fatal("it has grown in place")
	}
	for _, buffer := range from.given[:len(from.given)-1] {
		if strings.Contains(string(buffer), "6719") {
			t.Error("a buffer that was outgrown has the PIN")
		}
	}
}

// pieces gives a text to Read, and keeps the buffers that it was read into.
type pieces struct {
	left  string
	given [][]byte
}

func (p *pieces) Read(b []byte) (int, error) {
	n := copy(b, p.left)
	p.left = p.left[n:]
	p.given = append(p.given, b[:n])
	if n == 0 {
		return 0, fmt.Errorf("read past the end")
	}
	if p.left == "" {
		return n, io.EOF
	}
	return n, nil
}

func TestADrawnPINCanBeGiven(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	a := p.unifi("POST", "/credentials/pin_codes", nil)
	if !regexp.MustCompile(`^\{"code":"SUCCESS","msg":"success","data":"[0-9]{8}"\}$`).MatchString(a.body) || a.header.Get("Content-Type") != "application/json" {
		t.Fatal(a.body)
	}
	var digits string
	a.into(t, &digits)
	if err := pin.Weak([]byte(digits)); err != nil {
		t.Error(err)
	}
	eve := w.userID(w.user("Eve", ""))
	if a := p.unifi("PUT", "/users/"+eve+"/pin_codes", `{"pin_code": "`+digits+`"}`); a.code() != "200 SUCCESS" {
		t.Error(a.body)
	}
	u := p.look(eve)
	if u.PIN == nil || len(u.PIN.Token) != 64 {
		t.Fatalf("%+v", u.PIN)
	}
	if a := p.unifi("GET", "/credentials/nfc_cards/tokens/"+u.PIN.Token, nil); a.code() != "404 CODE_NOT_EXISTS" {
		t.Errorf("a PIN as a card: %s", a.body)
	}
	if a := p.unifi("PUT", "/users/"+eve+"/nfc_cards", `{"token": "`+u.PIN.Token+`", "force_add": true}`); a.code() != "400 CODE_CREDS_NFC_CARD_INVALID" {
		t.Errorf("a PIN given as a card: %s", a.body)
	}
}

func TestCardsAreListedMovedAndTaken(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	ada, bob := w.user("Ada", "Lovelace"), w.user("Bob", "Baker")
	first, second := w.card(ada), w.card(bob)
	var cards []cardObject
	p.unifi("GET", "/credentials/nfc_cards/tokens?page_num=2&page_size=1", nil).into(t, &cards)
	want := cardObject{
		Token: second, ID: cards[0].ID, Type: cardType, Status: "assigned", UserID: w.userID(bob), UserType: "USER",
		User: cardOwner{ID: w.userID(bob), First: "Bob", Last: "Baker", Name: "Bob Baker"},
	}
	if len(cards) != 1 || cards[0] != want || !regexp.MustCompile(`^[0-9A-F]{4}$`).MatchString(want.ID) {
		t.Errorf("%+v", cards)
	}
	give := func(user uint64, body, wanted string) {
		t.Helper()
		if a := p.unifi("PUT", "/users/"+w.userID(user)+"/nfc_cards", body); a.code() != wanted {
			t.Errorf("%s: %s, not %s", body, a.body, wanted)
		}
	}
	give(ada, `{"token": "`+second+`"}`, "400 CODE_CREDS_NFC_HAS_BIND_USER")
	give(ada, `{"token": "`+second+`", "force_add": false}`, "400 CODE_CREDS_NFC_HAS_BIND_USER")
	give(ada, `{"token": "`+first+`"}`, "200 SUCCESS")
	give(ada, `{"token": "`+second+`", "force_add": true}`, "200 SUCCESS")
	if u := p.look(w.userID(ada)); len(u.Cards) != 2 || u.Cards[1].Token != second {
		t.Errorf("%+v", u.Cards)
	}
	if u := p.look(w.userID(bob)); len(u.Cards) != 0 {
		t.Errorf("%+v", u.Cards)
	}
	w.must(w.desk.SuspendUser(t.Context(), root, ada, true))
	var card cardObject
	p.unifi("GET", "/credentials/nfc_cards/tokens/"+second, nil).into(t, &card)
	if card.Status != "disable" || card.UserID != w.userID(ada) {
		t.Errorf("%+v", card)
	}
	remove := func(user uint64, token, wanted string) {
		t.Helper()
		if a := p.unifi("PUT", "/users/"+w.userID(user)+"/nfc_cards/delete", `{"token": "`+token+`"}`); a.code() != wanted {
			t.Errorf("%s, not %s", a.body, wanted)
		}
	}
	remove(bob, second, "400 CODE_CREDS_NFC_CARD_INVALID")
	remove(ada, second, "200 SUCCESS")
	remove(ada, second, "400 CODE_CREDS_NFC_CARD_INVALID")
	if a := p.unifi("DELETE", "/credentials/nfc_cards/tokens/"+first, nil); a.body != `{"code":"SUCCESS","msg":"success","data":"success"}` {
		t.Error(a.body)
	}
	for _, method := range []string{"GET", "DELETE", "PUT"} {
		if a := p.unifi(method, "/credentials/nfc_cards/tokens/"+first, nil); a.code() != "404 CODE_NOT_EXISTS" {
			t.Errorf("%s: %s", method, a.body)
		}
	}
	if a := p.unifi("GET", "/credentials/nfc_cards/tokens", nil); a.body != `{"code":"SUCCESS","msg":"success","data":[],"pagination":{"page_num":1,"page_size":1000,"total":0}}` {
		t.Error(a.body)
	}
	if _, err := w.site.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
