package api

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func TestDevicesComeDoorByDoor(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	var all [][]*deviceObject
	if p.unifi("GET", "/devices", nil).into(t, &all); all == nil || len(all) != 0 {
		t.Errorf("%v", all)
	}
	first, door := w.reader()
	second, _ := w.reader()
	moved, _ := w.reader()
	w.must(w.desk.MoveReader(t.Context(), root, moved, "", door))
	none := sound
	none.PIN = wire.ReasonNone
	w.live.say(first, none)
	p.unifi("GET", "/devices?refresh=true", nil).into(t, &all)
	if len(all) != 2 || len(all[0])+len(all[1]) != 3 {
		t.Fatalf("%v", all)
	}
	for _, devices := range all {
		for _, d := range devices {
			want := len(devices) == 2
			if at := d.Location == w.doorID(door); at != want || (d.ID == second) == want {
				t.Errorf("%+v among %d", d, len(devices))
			}
			if d.Online != (d.ID == first) || d.Online != d.Connected || !d.Adopted || d.Capabilities[0] != "is_hub" || len(d.Capabilities) == 4 == d.Online {
				t.Errorf("%+v", d)
			}
		}
	}
	if a := w.program(desk.ScopeOperate).unifi("GET", "/devices", nil); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Error(a.body)
	}
}

func TestPINsOfADeviceAreSwitched(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	id, _ := w.reader()
	path := "/devices/" + id + "/settings"
	for _, test := range []struct {
		body         any
		pin, shuffle string
	}{
		{map[string]any{"access_methods": map[string]any{"pin_code": map[string]any{"enabled": "no", "pin_code_shuffle": "yes"}}}, "no", "yes"},
		{map[string]any{"access_methods": map[string]any{"pin_code": map[string]any{"enabled": "yes"}, "nfc": map[string]any{"enabled": "yes"}, "face": map[string]any{"enabled": "no"}}}, "yes", "yes"},
		{map[string]any{"pin_code": map[string]any{"pin_code_shuffle": false}}, "yes", "no"},
		{map[string]any{"pin_code": map[string]any{"enabled": "false"}}, "no", "no"},
		{map[string]any{"pin_code": nil}, "no", "no"},
		{nil, "no", "no"},
		{map[string]any{"pin_code": map[string]any{"enabled": true}}, "yes", "no"},
	} {
		var data string
		p.unifi("PUT", path, test.body).into(t, &data)
		var got deviceSettings
		p.unifi("GET", path, nil).into(t, &got)
		r, err := w.desk.Reader(t.Context(), root, id)
		w.must(err)
		if data != "success" || got.ID != id || got.Methods.NFC == nil || bool(*got.Methods.PIN.Enabled) != (test.pin == "yes") || bool(*got.Methods.PIN.Shuffle) != (test.shuffle == "yes") || r.PIN() != (test.pin == "yes") {
			t.Errorf("%v: %+v", test.body, got)
		}
	}
	for _, test := range []struct {
		body any
		want string
	}{
		{map[string]any{"access_methods": map[string]any{"nfc": map[string]any{"enabled": "no"}}}, "400 CODE_DEVICE_API_NOT_SUPPORTED"},
		{map[string]any{"nfc": map[string]any{"enabled": false}}, "400 CODE_DEVICE_API_NOT_SUPPORTED"},
		{map[string]any{"access_methods": map[string]any{"face": map[string]any{"enabled": "yes"}}}, "400 CODE_DEVICE_API_NOT_SUPPORTED"},
		{map[string]any{"access_methods": "no"}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"pin_code": map[string]any{"enabled": "maybe"}}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"pin_code": map[string]any{"enabled": 1}}, "400 CODE_PARAMS_INVALID"},
		{map[string]any{"pin_code": "no"}, "400 CODE_PARAMS_INVALID"},
		{"[]", "400 CODE_PARAMS_INVALID"},
	} {
		if a := p.unifi("PUT", path, test.body); a.code() != test.want {
			t.Errorf("%v: %s", test.body, a.body)
		}
	}
	for _, body := range []any{map[string]any{"pin_code": map[string]any{"enabled": "no"}}, map[string]any{"pin_code": map[string]any{"pin_code_shuffle": "no"}}, map[string]any{}} {
		for _, id := range []string{"nobody", "Nobody%20at%20all"} {
			if a := p.unifi("PUT", "/devices/"+id+"/settings", body); a.code() != "404 CODE_DEVICE_DEVICE_NOT_FOUND" {
				t.Errorf("%s: %s", id, a.body)
			}
		}
	}
	if a := p.unifi("GET", "/devices/nobody/settings", nil); a.code() != "404 CODE_DEVICE_DEVICE_NOT_FOUND" {
		t.Error(a.body)
	}
	if a := w.program(desk.ScopeRead, desk.ScopeOperate).unifi("PUT", path, map[string]any{"pin_code": map[string]any{"enabled": "no"}}); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Error(a.body)
	}
}
