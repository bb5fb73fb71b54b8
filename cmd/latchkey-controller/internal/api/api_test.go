package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func TestAnIDNamesOneThingOfOneSite(t *testing.T) {
	here, there := idsOf(wire.SiteID{1}), idsOf(wire.SiteID{2})
	for _, n := range []int64{1, 2, 1<<62 - 1} {
		id := here.of(kindDoor, n)
		if back, err := here.parse(kindDoor, id); back != n || err != nil {
			t.Errorf("%s is %d, not %d: %v", id, back, n, err)
		}
		for name, wrong := range map[string]func() (int64, error){
			"another kind":    func() (int64, error) { return here.parse(kindUser, id) },
			"another site":    func() (int64, error) { return there.parse(kindDoor, id) },
			"upper case":      func() (int64, error) { return here.parse(kindDoor, strings.ToUpper(id)) },
			"no hyphens":      func() (int64, error) { return here.parse(kindDoor, strings.ReplaceAll(id, "-", "0")) },
			"a character off": func() (int64, error) { return here.parse(kindDoor, id[1:]) },
			"nothing":         func() (int64, error) { return here.parse(kindDoor, "") },
		} {
			if got, err := wrong(); err != desk.ErrNotFound {
				t.Errorf("%s of %s: %d, %v", name, id, got, err)
			}
		}
	}
}

func TestOnlyAValidTokenIsAnswered(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	for name, c := range map[string]struct {
		token, path, want string
	}{
		"none":                    {"", unifiBase + "/doors", "401 CODE_AUTH_FAILED"},
		"unknown":                 {p.token + "x", unifiBase + "/doors", "401 CODE_ACCESS_TOKEN_INVALID"},
		"valid":                   {p.token, unifiBase + "/doors", "200 SUCCESS"},
		"valid, nothing there":    {p.token, unifiBase + "/door", "404 CODE_RESOURCE_NOT_FOUND"},
		"valid, nothing there, 2": {p.token, ownBase + "/door", "404 CODE_RESOURCE_NOT_FOUND"},
		"none, nothing there":     {"", "/proxy/protect/integration/v1/meta/info", "404 CODE_RESOURCE_NOT_FOUND"},
	} {
		a := (&program{w, c.token}).ask("GET", c.path, nil)
		if a.code() != c.want {
			t.Errorf("%s: %s, not %s", name, a.body, c.want)
		}
		if a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %v", name, a.header)
		}
	}
	if a := p.unifi("DELETE", "/doors", nil); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET" {
		t.Errorf("a method that is none here: %v, %s", a.header, a.body)
	}
	if a := w.program(desk.ScopeOperate).unifi("GET", "/doors", nil); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Errorf("without the scope: %s", a.body)
	}
	w.passed.Store(int64(31 * 24 * time.Hour))
	if a := p.unifi("GET", "/doors", nil); a.code() != "401 CODE_ACCESS_TOKEN_INVALID" {
		t.Errorf("after its end: %s", a.body)
	}
}

func TestStrangersAreSlowedDownAndNobodyWithAToken(t *testing.T) {
	w := newWorld(t)
	p, stranger := w.program(desk.ScopeRead), &program{w, "lk_"}
	for range strangeBurst {
		if a := stranger.unifi("GET", "/doors", nil); a.status != http.StatusUnauthorized {
			t.Fatalf("%d: %s", a.status, a.body)
		}
	}
	a := stranger.unifi("GET", "/doors", nil)
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.code() != "429 CODE_OPERATION_FORBIDDEN" || err != nil || wait < 1 || wait > 3 {
		t.Errorf("%s, Retry-After %s", a.body, a.header.Get("Retry-After"))
	}
	if a := p.unifi("GET", "/doors", nil); a.status != http.StatusOK {
		t.Errorf("a valid token from the same address: %s", a.body)
	}
}

func TestDoorsAreAsClientsReadThem(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	reader, door := w.reader()
	look := func() (all []*doorObject) {
		t.Helper()
		p.unifi("GET", "/doors", nil).into(t, &all)
		return all
	}
	want := doorObject{ID: w.api.ids.of(kindDoor, door), Name: "Door of " + reader, Type: "door", Bound: true, Relay: "lock"}
	for _, c := range []struct {
		say             func()
		position, relay string
	}{
		{func() {}, "", "lock"},
		{func() { w.live.say(reader, sound) }, "close", "lock"},
		{func() { c := sound; c.Door, c.Strike = wire.DoorIsForced, wire.StrikePulse; w.live.say(reader, c) }, "open", "unlock"},
		{func() { c := sound; c.Door = wire.DoorIsUnknown; w.live.say(reader, c) }, "", "lock"},
	} {
		c.say()
		want.Position, want.Relay = orNull(c.position), c.relay
		all := look()
		if len(all) != 1 {
			t.Fatal(all)
		}
		got := *all[0]
		want.Floor, want.FullName = got.Floor, got.FullName
		if got != want {
			t.Errorf("%+v\nnot %+v", got, want)
		}
		var one doorObject
		answer := p.unifi("GET", "/doors/"+want.ID, nil)
		if unknown := strings.Contains(answer.body, `"door_position_status":null`); unknown != (c.position == "") {
			t.Errorf("%s, which is %q", answer.body, c.position)
		}
		answer.into(t, &one)
		if one != got {
			t.Errorf("by itself %+v", one)
		}
	}
	if a := p.unifi("GET", "/doors/"+w.api.ids.of(kindDoor, 99), nil); a.code() != "404 CODE_NOT_EXISTS" {
		t.Error(a.body)
	}
}

func TestABodyThatIsWrongIsRefusedAndNeverQuoted(t *testing.T) {
	for body, want := range map[string]string{
		`{"name": 67203419}`: "name must be a string, not this number", `{"n": "67203419"}`: "n must be a whole number, not a string",
		`{"n": 9223372036854775808}`: "n must be a whole number from -9223372036854775808 to 9223372036854775807, not this number", `{"small": -1}`: "small must be a whole number from 0 to 255, not this number",
		`{"n": 1.5}`: "n must be a whole number, not this number", `[67203419]`: "The body must be an object, not a list",
		`{"name": "67203419`: "The body is not JSON", `67203419`: "The body must be an object, not this number",
		`{"list": "67203419"}`: "list must be a list, not a string",
	} {
		r, err := http.NewRequest("POST", "/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		v := struct {
			Name  string
			N     int
			Small uint8
			List  []string
		}{}
		err = (&call{r: r}).body(&v)
		if err == nil || !strings.EqualFold(err.Error(), want) {
			t.Errorf("%s: %v, not %s", body, err, want)
		}
	}
}

func TestAnEnvelopeAlwaysHasData(t *testing.T) {
	b, err := json.Marshal(envelope{Code: codeSuccess, Msg: "success"})
	if err != nil || string(b) != `{"code":"SUCCESS","msg":"success","data":null}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestPathsAreTakenAsTheyAreMeant(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	w.reader()
	for path, want := range map[string]string{
		unifiBase + "/doors":                         "200 SUCCESS",
		"//api/v1/developer/doors":                   "200 SUCCESS",
		"/api//v1/developer///doors?page_num=1":      "200 SUCCESS",
		"/./api/v1/developer/users/../doors":         "200 SUCCESS",
		"/api/v1/developer//doors/x%2F..%2Fsettings": "404 CODE_NOT_EXISTS",
		"//api/v1/developer/windows":                 "404 CODE_RESOURCE_NOT_FOUND",
		unifiBase + "/doors/":                        "404 CODE_RESOURCE_NOT_FOUND",
		unifiBase + "//":                             "404 CODE_RESOURCE_NOT_FOUND",
		unifiBase:                                    "404 CODE_RESOURCE_NOT_FOUND",
		ownBase:                                      "404 CODE_RESOURCE_NOT_FOUND",
		"//":                                         "404 CODE_RESOURCE_NOT_FOUND",
		"/../..":                                     "404 CODE_RESOURCE_NOT_FOUND",
		"//proxy/x/../meta/info":                     "404 CODE_RESOURCE_NOT_FOUND",
	} {
		r := httptest.NewRequest("GET", "https://controller.example"+path, nil)
		r.Header.Set("Authorization", "Bearer "+p.token)
		answered := httptest.NewRecorder()
		w.api.ServeHTTP(answered, r)
		if a := (&answer{answered.Code, answered.Header(), answered.Body.String()}); a.code() != want {
			t.Errorf("%s: %s, not %s", path, a.code(), want)
		}
	}
}
