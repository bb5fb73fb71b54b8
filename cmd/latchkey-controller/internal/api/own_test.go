package api

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// plain decodes an answer of the part that is ours alone.
func (a *answer) plain(t *testing.T, v any) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

func TestLockoutsAndTheSiteAreAsReadersSay(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	one, door := w.reader()
	other, _ := w.reader()
	w.live.say(one, sound)
	locked := sound
	locked.Lockout = wire.CauseGuessing
	var answer struct{ Lockouts []*lockoutObject }
	p.own("GET", "/lockouts", nil).plain(t, &answer)
	if answer.Lockouts == nil || len(answer.Lockouts) != 0 {
		t.Errorf("%+v", answer)
	}
	w.live.say(one, locked)
	p.own("GET", "/lockouts", nil).plain(t, &answer)
	if len(answer.Lockouts) != 1 || answer.Lockouts[0].Reader != one || answer.Lockouts[0].Cause != "guessing" || answer.Lockouts[0].Door.ID != w.api.ids.of(kindDoor, door) {
		t.Errorf("%+v", answer.Lockouts)
	}
	var site siteObject
	p.own("GET", "/site", nil).plain(t, &site)
	if site.Name != "home" || site.TimeZone != "UTC" || site.Readers != 2 || site.Online != 1 {
		t.Errorf("%+v", site)
	}
	_, _, err := w.desk.AddUser(t.Context(), root, desk.UserForm{First: "Ada"}, desk.PIN{Choice: desk.Auto}, nil)
	w.must(err)
	var all, at oddsObject
	p.own("GET", "/odds", nil).plain(t, &all)
	p.own("GET", "/odds?reader="+other, nil).plain(t, &at)
	if all.Readers != 2 || at.Readers != 1 || at.PINs != 1 || all.PerDay != 2*at.PerDay || at.Years == nil || *at.Years < 1 {
		t.Errorf("%+v, %+v", all, at)
	}
	if a := p.own("GET", "/odds?reader=nowhere", nil); a.code() != "404 CODE_DEVICE_DEVICE_NOT_FOUND" {
		t.Error(a.body)
	}
}

func TestAPolicyIsChangedOnlyByWhoHasSeenIt(t *testing.T) {
	w := newWorld(t)
	reader, _ := w.reader()
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	path := ownBase + "/readers/" + reader + "/policy"
	got := p.ask("GET", path, nil)
	seen := got.header.Get("ETag")
	var policy readerPolicyObject
	got.plain(t, &policy)
	if !strings.HasPrefix(seen, `"`) || *policy.Limit != 10 {
		t.Fatalf("%s %s", seen, got.body)
	}
	if a := p.askWith(map[string]string{"If-None-Match": `"other", ` + seen}, "GET", path, nil); a.status != http.StatusNotModified || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	limit := uint8(5)
	policy.Limit = &limit
	for header, want := range map[string]string{"": "428 CODE_PARAMS_INVALID", `"0"`: "412 CODE_OPERATION_FORBIDDEN", "W/" + seen: "412 CODE_OPERATION_FORBIDDEN", `"zz"`: "412 CODE_OPERATION_FORBIDDEN", seen + `, "zz"`: "412 CODE_OPERATION_FORBIDDEN"} {
		with := map[string]string{"If-Match": header}
		if header == "" {
			with = nil
		}
		if a := p.askWith(with, "PUT", path, policy); a.code() != want {
			t.Errorf("If-Match %s: %d %s", header, a.status, a.body)
		}
	}
	changed := p.askWith(map[string]string{"If-Match": seen}, "PUT", path, policy)
	if changed.status != http.StatusOK || changed.header.Get("ETag") == seen || changed.header.Get("ETag") == "" {
		t.Fatalf("%d %s", changed.status, changed.body)
	}
	if a := p.askWith(map[string]string{"If-Match": seen}, "PUT", path, policy); a.code() != "412 CODE_OPERATION_FORBIDDEN" {
		t.Errorf("a second time: %s", a.body)
	}
	if a := p.askWith(map[string]string{"If-Match": "*"}, "PUT", path, `{"wrong_pins": 5}`); a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, "is missing") {
		t.Errorf("a part of it: %s", a.body)
	}
	limit = 11
	if a := p.askWith(map[string]string{"If-Match": "*"}, "PUT", path, policy); a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, "1 to 10") {
		t.Errorf("a wrong limit: %s", a.body)
	}
	now, err := w.desk.Policy(t.Context(), root, reader)
	w.must(err)
	if now.Limit != 5 || now.Unlock != 5 || len(now.Access) != 1 {
		t.Errorf("%+v", now)
	}
	if a := p.own("GET", "/readers/nowhere/policy", nil); a.code() != "404 CODE_DEVICE_DEVICE_NOT_FOUND" {
		t.Error(a.body)
	}
}

func TestABoardIsAdoptedOnceHoweverOftenItIsAskedFor(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeAdopt)
	b := boardtest.New(t)
	form := map[string]any{"reader": "front-door", "request": base64.StdEncoding.EncodeToString(b.Signed), "fingerprint": b.Fingerprint(), "door": "Front door", "groups": []string{"everyone"}}
	key := map[string]string{"Idempotency-Key": "7f9a"}
	for field, empty := range map[string]map[string]any{"Send reader": {}, "Send request": {"reader": "side-door"}} {
		if a := p.own("POST", "/adoptions", empty); a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, field) {
			t.Error(a.body)
		}
	}
	first := p.askWith(key, "POST", ownBase+"/adoptions", form)
	var adoption adoptionObject
	first.plain(t, &adoption)
	if adoption.Reader != "front-door" || adoption.Board != b.Fingerprint() || len(adoption.Bundle) == 0 || !adoption.TakesPINs {
		t.Errorf("%+v", adoption)
	}
	if again := p.askWith(key, "POST", ownBase+"/adoptions", form); again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %s", again.body)
	}
	if other := p.ask("POST", ownBase+"/adoptions", form); other.body == first.body {
		t.Error("without the key it is not done again")
	}
	form["door"] = "Back door"
	if a := p.askWith(key, "POST", ownBase+"/adoptions", form); a.code() != "422 CODE_PARAMS_INVALID" {
		t.Errorf("another body: %s", a.body)
	}
	for field, value := range map[string]any{"request": "@", "fingerprint": "AB CD", "reader": "Front Door", "groups": "everyone"} {
		wrong := map[string]any{}
		for k, v := range form {
			wrong[k] = v
		}
		wrong[field] = value
		if a := p.askWith(map[string]string{"Idempotency-Key": "wrong"}, "POST", ownBase+"/adoptions", wrong); a.code() != "400 CODE_PARAMS_INVALID" {
			t.Errorf("%s: %s", field, a.body)
		}
	}
	if a := w.program(desk.ScopeManage).own("POST", "/adoptions", form); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Errorf("without the scope: %s", a.body)
	}
}

func TestABoardThatWaitsIsAdoptedByItsNumber(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeAdopt)
	b := boardtest.New(t)
	list := func() []waitingObject {
		t.Helper()
		var waiting struct {
			Waiting []waitingObject `json:"waiting"`
		}
		p.own("GET", "/adoptions/waiting", nil).plain(t, &waiting)
		return waiting.Waiting
	}
	if all := list(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	ask := func() *wire.HandoverAnswer {
		t.Helper()
		answer, err := w.desk.HandOver(t.Context(), netip.MustParseAddr("192.0.2.7"), &wire.Handover{Request: b.Signed})
		w.must(err)
		return answer
	}
	ask()
	monitor := w.program(desk.ScopeRead)
	if n := monitor.samples()["latchkey_controller_boards_waiting"]; n != "1" {
		t.Errorf("%q wait, say the metrics", n)
	}
	all := list()
	if len(all) != 1 || all[0].Fingerprint != b.Fingerprint() || all[0].Address != "192.0.2.7" || all[0].Reader != "" || all[0].Fetched != nil || !all[0].TakesPINs {
		t.Fatalf("%+v", all)
	}
	form := map[string]any{"waiting": all[0].Waiting, "fingerprint": b.Fingerprint(), "door": "Front door", "groups": []string{"everyone"}}
	for field, value := range map[string]any{"fingerprint": boardtest.New(t).Fingerprint(), "request": base64.StdEncoding.EncodeToString(b.Signed), "door": ""} {
		wrong := maps.Clone(form)
		wrong[field] = value
		if a := p.own("POST", "/adoptions", wrong); a.code() != "400 CODE_PARAMS_INVALID" {
			t.Errorf("%s: %s", field, a.body)
		}
	}
	other := maps.Clone(form)
	other["waiting"] = all[0].Waiting + 7
	if a := p.own("POST", "/adoptions", other); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	var adoption adoptionObject
	p.own("POST", "/adoptions", form).plain(t, &adoption)
	if adoption.Reader != "front-door" || adoption.Board != b.Fingerprint() || len(adoption.Bundle) != 0 || adoption.Sum == "" {
		t.Errorf("%+v", adoption)
	}
	if n := monitor.samples()["latchkey_controller_boards_waiting"]; n != "0" {
		t.Errorf("%q wait once it is adopted, say the metrics", n)
	}
	if bundle := ask().Bundle; wire.Fingerprint(bundle) != adoption.Sum {
		t.Error("the board gets another bundle")
	}
	if all := list(); len(all) != 1 || all[0].Reader != "front-door" || all[0].Fetched == nil {
		t.Errorf("%+v", all)
	}
	if a := w.program(desk.ScopeManage).own("GET", "/adoptions/waiting", nil); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Errorf("without the scope: %s", a.body)
	}
}

func TestAProgramDecidesWhetherVisitorsMayBeInvitedToADoor(t *testing.T) {
	w := newWorld(t)
	_, door := w.reader()
	path := "/doors/" + w.doorID(door) + "/visitors"
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	for _, step := range []struct {
		method string
		body   any
		status int
		want   string
	}{
		{"GET", nil, 200, `{"invited":false}`},
		{"PUT", map[string]any{}, 400, "Send invited"},
		{"PUT", map[string]any{"invited": "yes"}, 400, "true or false"},
		{"PUT", map[string]any{"invited": true}, 200, `{"invited":true}`},
		{"GET", nil, 200, `{"invited":true}`},
		{"PUT", map[string]any{"invited": false}, 200, `{"invited":false}`},
		{"GET", nil, 200, `{"invited":false}`},
	} {
		if got := p.own(step.method, path, step.body); got.status != step.status || !strings.Contains(got.body, step.want) {
			t.Errorf("%s %v: %d %s", step.method, step.body, got.status, got.body)
		}
	}
	if got := w.program(desk.ScopeRead, desk.ScopeOperate).own("PUT", path, map[string]any{"invited": true}); got.status != 403 {
		t.Error(got.body)
	}
	for _, method := range []string{"GET", "PUT"} {
		if got := p.own(method, "/doors/"+w.doorID(99)+"/visitors", map[string]any{"invited": true}); got.status != 404 {
			t.Error(got.body)
		}
	}
}
