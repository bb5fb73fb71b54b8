package api

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// userRoutes are the routes of users and credentials, with a body that is good for {user} and
// {token}, and bodies that are not.
var userRoutes = []struct {
	method, path, good string
	bad                map[string]string
	looks              bool // it changes nothing
}{
	{"POST", "/users", `{"first_name": "Grace"}`, map[string]string{
		`{}`: codeParams, `{"first_name": "", "last_name": " "}`: codeParams, `{"first_name": 1}`: codeParams, `{"last_name": ["Hopper"]}`: codeParams, `[]`: codeParams, `"Grace"`: codeParams, `{`: codeParams,
		`{"first_name": "` + strings.Repeat("G", 65) + `"}`: codeParams, `{"first_name": "G\u0007"}`: codeParams, `{"first_name": "Grace", "onboard_time": "today"}`: codeParams,
		`{"first_name": "Grace", "user_email": "` + strings.Repeat("g", 300) + `@example.com"}`: codeWrongEmail, `{"first_name": "Grace", "user_email": {}}`: codeParams,
		`{"first_name": "Grace", "employee_number": "` + strings.Repeat("1", 65) + `"}`: codeParams,
	}, false},
	{"GET", "/users", ``, nil, true},
	{"GET", "/users/search?keyword=a", ``, nil, true},
	{"GET", "/users/{user}", ``, nil, true},
	{"PUT", "/users/{user}", `{"first_name": "Grace"}`, map[string]string{
		`{"first_name": 1}`: codeParams, `{"first_name": "", "last_name": ""}`: codeParams, `{"status": true}`: codeParams, `{"status": "active"}`: codeParams, `{"status": ""}`: codeParams, `[]`: codeParams,
		`{"last_name": "` + strings.Repeat("H", 65) + `"}`: codeParams, `{"user_email": "Grace <grace@example.com>"}`: codeWrongEmail, `{"onboard_time": 1.5}`: codeParams,
	}, false},
	{"DELETE", "/users/{user}", ``, nil, false},
	{"GET", "/users/{user}/access_policies", ``, nil, true},
	{"PUT", "/users/{user}/access_policies", `{"access_policy_ids": []}`, map[string]string{
		`{}`: codeParams, `{"access_policy_ids": {}}`: codeParams, `{"access_policy_ids": "{user}"}`: codeParams, `{"access_policy_ids": [7]}`: codeParams,
	}, false},
	{"PUT", "/users/{user}/pin_codes", `{"pin_code": "58310274"}`, map[string]string{
		`{}`: codeParams, ``: codeParams, `{"pin_code": 58310274}`: codeParams, `{"pin_code": {}}`: codeParams, `{"pin_code": "5831"}`: codePINLength, `{"pin_code": "` + strings.Repeat("7", 5000) + `"}`: codePINLength, `{"pin_code": "12345678"}`: codeParams,
	}, false},
	{"DELETE", "/users/{user}/pin_codes", ``, nil, false},
	{"PUT", "/users/{user}/nfc_cards", `{"token": "{token}"}`, map[string]string{
		`{}`: codeParams, `{"token": 1}`: codeParams, `{"token": "04A1B2C3D4E580"}`: codeWrongCard, `{"token": ""}`: codeWrongCard, `{"token": "` + strings.Repeat("0", 64) + `"}`: codeWrongCard, `{"token": "` + strings.Repeat("a", 5000) + `"}`: codeWrongCard,
		`{"token": "{token}", "force_add": "yes"}`: codeParams,
	}, false},
	{"PUT", "/users/{user}/nfc_cards/delete", `{"token": "{token}"}`, map[string]string{
		`{}`: codeParams, `{"token": []}`: codeParams, `{"token": "04A1B2C3D4E580"}`: codeWrongCard,
	}, false},
	{"POST", "/users/identity/invitations", `[{"user_id": "{user}"}]`, map[string]string{
		`{}`: codeParams, `[]`: codeParams, ``: codeParams, `[{"email": "a@example.com"}]`: codeParams, `[{"user_id": 1}]`: codeParams, `["{user}"]`: codeParams, `[` + strings.Repeat(`{"user_id": "a"},`, maxIDs) + `{"user_id": "a"}]`: codeParams,
	}, true},
	{"POST", "/credentials/pin_codes", ``, nil, true},
	{"POST", "/credentials/nfc_cards/sessions", `{"device_id": "reader-1"}`, map[string]string{`{}`: codeParams, `[]`: codeParams, `{"device_id": 1}`: codeParams, `{"device_id": "nowhere"}`: codeNoDevice}, false},
	{"GET", "/credentials/nfc_cards/sessions/unknown", ``, nil, true},
	{"DELETE", "/credentials/nfc_cards/sessions/unknown", ``, nil, false},
	{"GET", "/credentials/nfc_cards/tokens", ``, nil, true},
	{"GET", "/credentials/nfc_cards/tokens/{token}", ``, nil, true},
	{"PUT", "/credentials/nfc_cards/tokens/{token}", `{"alias": "Blue"}`, nil, true},
	{"DELETE", "/credentials/nfc_cards/tokens/{token}", ``, nil, false},
	{"POST", "/credentials/nfc_cards/import", `04A1B2C3D4E580,Blue`, nil, true},
}

// demoted returns a program whose token was made by somebody who may only look by now.
func (w *world) demoted(scopes ...desk.Scope) *program {
	w.t.Helper()
	id, _, err := w.desk.AddAdmin(w.t.Context(), root, "Grace", desk.Super, nil)
	w.must(err)
	grace := desk.Actor{ID: id, Name: "Grace", Role: desk.Super, FreshSignIn: true, Via: desk.Console}
	_, text, err := w.desk.MakeToken(w.t.Context(), grace, desk.TokenForm{Name: "Of Grace", Scopes: scopes, Days: 30})
	w.must(err)
	w.must(w.desk.SetRole(w.t.Context(), root, id, desk.Viewer))
	return &program{w, text}
}

func TestBadInputToUsersAndCredentialsChangesNothing(t *testing.T) {
	w := newWorld(t)
	ada := w.user("Ada", "Lovelace")
	user, token := w.userID(ada), w.card(ada)
	w.reader()
	fill := strings.NewReplacer("{user}", user, "{token}", token).Replace
	p, demoted := w.program(desk.ScopeManage), w.demoted(desk.ScopeManage)
	wrong := w.program(desk.ScopeRead, desk.ScopeActivity, desk.ScopeOperate, desk.ScopeEmergency, desk.ScopeWebhooks, desk.ScopeAdopt)
	state := func() string {
		t.Helper()
		a := p.unifi("GET", "/users", nil)
		b := p.unifi("GET", "/credentials/nfc_cards/tokens", nil)
		return a.body + b.body
	}
	before := state()
	check := func(what string, a *answer, status int, code string) {
		t.Helper()
		var e struct{ Msg string }
		if a.status != status || !strings.HasSuffix(a.code(), " "+code) {
			t.Errorf("%.200s: %d %s, not %d %s", what, a.status, a.body, status, code)
		}
		if strings.Contains(a.body, `"msg":""`) {
			t.Errorf("%.200s: no sentence %v", what, e)
		}
		if after := state(); after != before {
			t.Errorf("%.200s: it is now\n%s\nand was\n%s", what, after, before)
			before = after
		}
	}
	for _, route := range userRoutes {
		path, good := fill(route.path), fill(route.good)
		name := route.method + " " + route.path
		for body, code := range route.bad {
			status := http.StatusBadRequest
			if code == codeNoDevice {
				status = http.StatusNotFound
			}
			check(name+" "+body, p.unifi(route.method, path, fill(body)), status, code)
		}
		check(name+", wrong scope", wrong.unifi(route.method, path, good), http.StatusForbidden, codeNoScope)
		w.api.limit.strangers.Forget()
		check(name+", no token", (&program{w, ""}).unifi(route.method, path, good), http.StatusUnauthorized, codeNoToken)
		if !route.looks || strings.HasPrefix(route.path, "/users/identity") || route.method == "POST" {
			check(name+", no right", demoted.unifi(route.method, path, good), http.StatusForbidden, codeForbidden)
		}
		if len(good) > 0 && !strings.HasSuffix(path, "import") && route.method != "PUT" || strings.HasSuffix(path, "pin_codes") && route.method == "PUT" {
			check(name+", too large", p.unifi(route.method, path, `{"first_name": "`+strings.Repeat("x", maxBody)+`"}`), http.StatusRequestEntityTooLarge, codeParams)
		}
		if strings.Contains(route.path, "{user}") {
			for _, id := range []string{w.userID(999), "unknown", strings.Repeat("a", 2000), w.api.ids.of(kindDoor, int64(ada)), "0"} {
				check(name+" of "+id, p.unifi(route.method, strings.ReplaceAll(path, user, id), good), http.StatusNotFound, codeNoUser)
			}
		}
		if strings.Contains(route.path, "{token}") {
			for _, id := range []string{w.api.ids.token(999), "unknown", strings.Repeat("a", 2000), user} {
				check(name+" of "+id, p.unifi(route.method, strings.ReplaceAll(path, token, id), good), http.StatusNotFound, codeNotExists)
			}
		}
	}
}

func TestTextThatIsNotUnicodeIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	for _, name := range []string{"Ad\xff", "\xed\xa0\x80", `Ad\ud800`, `\udc00a`, `\ud800\ud800`, `\\\ud83d`} {
		a := p.unifi("POST", "/users", `{"first_name": "`+name+`", "last_name": "Lovelace"}`)
		if a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, "UTF-8") && !strings.Contains(a.body, "surrogate") {
			t.Errorf("%q: %s", name, a.body)
		}
	}
	for _, name := range []string{`\ud83d\udeaa`, `Ada \\ud800`, `Zo\u00eb`, "Zoë"} {
		if a := p.unifi("POST", "/users", `{"first_name": "`+name+`", "last_name": "Lovelace"}`); a.code() != "200 SUCCESS" {
			t.Errorf("%q: %s", name, a.body)
		}
	}
}
