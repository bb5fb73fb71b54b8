package api

import (
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/sync/wire"
)

// doorID returns the id of a door as programs know it.
func (w *world) doorID(number int64) string { return w.api.ids.of(kindDoor, number) }

func TestADoorIsUnlockedAndTheAnswerIsTrue(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeOperate)
	reader, door := w.reader()
	path := "/doors/" + w.doorID(door) + "/unlock"
	for name, test := range map[string]struct {
		result link.OrderResult
		query  string
		body   any
		want   string
	}{
		"no body, as Home Assistant": {link.OrderResult{Done: true}, "", nil, "200 SUCCESS"},
		"for somebody":               {link.OrderResult{Done: true}, "?control_cmd=open&reader_id=" + reader, map[string]any{"actor_id": "x", "actor_name": "Ada", "extra": map[string]any{"why": 1}}, "200 SUCCESS"},
		"offline":                    {link.OrderResult{Unsent: true, Text: language.Data("not sent")}, "", nil, "402 CODE_DEVICE_DEVICE_OFFLINE"},
		"no answer":                  {link.OrderResult{Text: language.Data("no answer")}, "", nil, "402 CODE_DEVICE_DEVICE_BUSY"},
		"in lockdown":                {link.OrderResult{Record: &wire.Record{Kind: wire.CommandRefused, Reason: wire.ReasonLockdown}}, "", nil, "403 CODE_OPERATION_FORBIDDEN"},
		"refused":                    {link.OrderResult{Record: &wire.Record{Kind: wire.CommandRefused, Reason: wire.ReasonBusy}}, "", nil, "402 CODE_DEVICE_DEVICE_BUSY"},
		"fields of another call":     {link.OrderResult{Done: true}, "", map[string]any{"first_name": 7}, "200 SUCCESS"},
	} {
		w.live.results = map[string]link.OrderResult{reader: test.result}
		if a := p.unifi("PUT", path+test.query, test.body); a.code() != test.want {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	page, err := w.desk.Activity(t.Context(), root, desk.Query{Kind: "admin.unlock"})
	w.must(err)
	told := false
	for _, e := range page.Events {
		told = told || strings.HasSuffix(e.Text.String(), "for Ada") && strings.HasSuffix(e.Who, "(token)")
	}
	if !told {
		t.Error("nothing tells for whom the door was opened")
	}
}

func TestABadUnlockMovesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeOperate)
	_, door := w.reader()
	other, _ := w.reader()
	path := "/doors/" + w.doorID(door) + "/unlock"
	for _, test := range []struct {
		path string
		body any
		want string
	}{
		{"/doors/" + w.doorID(99) + "/unlock", nil, "404 CODE_NOT_EXISTS"},
		{"/doors/" + w.api.ids.of(kindUser, door) + "/unlock", nil, "404 CODE_NOT_EXISTS"},
		{"/doors/x/unlock", nil, "404 CODE_NOT_EXISTS"},
		{path + "?reader_id=" + other, nil, "404 CODE_DEVICE_DEVICE_NOT_FOUND"},
		{path + "?reader_id=%00", nil, "404 CODE_DEVICE_DEVICE_NOT_FOUND"},
		{path + "?control_cmd=close", nil, "400 CODE_DEVICE_API_NOT_SUPPORTED"},
		{path + "?control_cmd=stop", nil, "400 CODE_DEVICE_API_NOT_SUPPORTED"},
		{path + "?control_cmd=OPEN", nil, "400 CODE_PARAMS_INVALID"},
		{path, map[string]any{"actor_id": "x"}, "400 CODE_PARAMS_INVALID"},
		{path, map[string]any{"actor_name": "x"}, "400 CODE_PARAMS_INVALID"},
		{path, map[string]any{"actor_id": 1, "actor_name": "x"}, "400 CODE_PARAMS_INVALID"},
		{path, map[string]any{"extra": "x"}, "400 CODE_PARAMS_INVALID"},
		{path, "[]", "400 CODE_PARAMS_INVALID"},
		{path, "{", "400 CODE_PARAMS_INVALID"},
		{path, `{"extra": "` + strings.Repeat("x", maxBody) + `"}`, "413 CODE_PARAMS_INVALID"},
	} {
		if a := p.unifi("PUT", test.path, test.body); a.code() != test.want {
			t.Errorf("%s: %.200s", test.path, a.body)
		}
	}
	if a := w.program(desk.ScopeRead, desk.ScopeEmergency, desk.ScopeManage).unifi("PUT", path, nil); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Error(a.body)
	}
	if len(w.live.orders) != 0 {
		t.Errorf("%+v", w.live.orders)
	}
}

func TestALockRuleIsSetAndReadBack(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeOperate)
	_, door := w.reader()
	path := "/doors/" + w.doorID(door) + "/lock_rule"
	for _, test := range []struct {
		body map[string]any
		want string
		lets time.Duration // until its end; 0: it has none
	}{
		{map[string]any{"type": "keep_unlock", "interval": 10}, "keep_unlock", 31 * 24 * time.Hour},
		{map[string]any{"type": "custom", "interval": 10}, "custom", 10 * time.Minute},
		{map[string]any{"type": "custom", "interval": 1440}, "custom", 24 * time.Hour},
		{map[string]any{"type": "keep_lock", "interval": 10}, "keep_lock", 0},
		{map[string]any{"type": "reset", "interval": 10}, "", 0},
		{map[string]any{"type": "custom", "interval": 1}, "custom", time.Minute},
		{map[string]any{"type": "lock_now"}, "", 0},
	} {
		var data string
		p.unifi("PUT", path, test.body).into(t, &data)
		var got lockRuleObject
		p.unifi("GET", path, nil).into(t, &got)
		left := time.Until(time.Unix(got.Ended, 0))
		if data != "success" || got.Type != test.want || (test.lets == 0) != (got.Ended == 0) || test.lets != 0 && (left > test.lets+time.Minute || left < test.lets-time.Minute) {
			t.Errorf("%v: %q, %+v", test.body, data, got)
		}
	}
	for _, test := range []struct {
		body any
		want string
	}{
		{nil, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": ""}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": "schedule"}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": 1}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": "custom"}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": "custom", "interval": -1}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": "custom", "interval": 1441}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": "custom", "interval": "10"}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": "custom", "interval": 1.5}, "400 CODE_PARAMS_INVALID"},
		{`{"type": "custom", "interval": 1e30}`, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"type": "lock_early"}, "400 CODE_PARAMS_INVALID"}, // no schedule holds it open
		{"7", "400 CODE_PARAMS_INVALID"},
	} {
		if a := p.unifi("PUT", path, test.body); a.code() != test.want {
			t.Errorf("%v: %s", test.body, a.body)
		}
	}
	for _, id := range []string{w.doorID(99), "x", w.api.ids.of(kindHub, door)} {
		for method, body := range map[string]any{"GET": nil, "PUT": map[string]any{"type": "keep_lock"}} {
			if a := p.unifi(method, "/doors/"+id+"/lock_rule", body); a.code() != "404 CODE_NOT_EXISTS" {
				t.Errorf("%s %s: %s", method, id, a.body)
			}
		}
	}
	if a := w.program(desk.ScopeRead).unifi("PUT", path, map[string]any{"type": "keep_lock"}); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Error(a.body)
	}
	if a := w.program(desk.ScopeOperate).unifi("GET", path, nil); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Error(a.body)
	}
}

func TestAnEmergencyNeedsAScopeOfItsOwn(t *testing.T) {
	w := newWorld(t)
	_, door := w.reader()
	const path = "/doors/settings/emergency"
	homeAssistant, siren := w.program(desk.ScopeRead, desk.ScopeActivity, desk.ScopeOperate), w.program(desk.ScopeRead, desk.ScopeEmergency)
	for _, test := range []struct {
		body map[string]any
		want emergencyObject
	}{
		{map[string]any{"lockdown": true, "evacuation": false}, emergencyObject{Lockdown: true}},
		{map[string]any{"evacuation": true}, emergencyObject{true, true}},
		{map[string]any{"lockdown": false}, emergencyObject{Evacuation: true}},
		{map[string]any{"lockdown": nil, "evacuation": false}, emergencyObject{}},
		{map[string]any{"lockdown": true}, emergencyObject{Lockdown: true}},
	} {
		if test.want.Lockdown != test.want.Evacuation {
			if a := homeAssistant.unifi("PUT", path, test.body); a.code() != "403 CODE_UNAUTHORIZED" {
				t.Errorf("without the scope: %v: %s", test.body, a.body)
			}
		}
		var data string
		siren.unifi("PUT", path, test.body).into(t, &data)
		var got emergencyObject
		homeAssistant.unifi("GET", path, nil).into(t, &got)
		if data != "success" || got != test.want {
			t.Errorf("%v: %q, %+v", test.body, data, got)
		}
	}
	if a := homeAssistant.unifi("PUT", "/doors/"+w.doorID(door)+"/unlock", nil); a.status != 200 && a.code() != "403 CODE_OPERATION_FORBIDDEN" && a.code() != "403 CODE_UNAUTHORIZED" {
		t.Error(a.body)
	}
	for _, body := range []any{nil, map[string]any{}, map[string]any{"lock_down": true}, map[string]any{"lockdown": nil}, map[string]any{"lockdown": "true"}, map[string]any{"evacuation": 1}, "[]", "nothing"} {
		if a := siren.unifi("PUT", path, body); a.code() != "400 CODE_PARAMS_INVALID" {
			t.Errorf("%v: %s", body, a.body)
		}
	}
}
