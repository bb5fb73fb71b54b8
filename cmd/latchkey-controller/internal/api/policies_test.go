package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// at returns doors as a policy names them.
func (w *world) at(doors ...int64) []resourceObject {
	all := []resourceObject{}
	for _, door := range doors {
		all = append(all, resourceObject{w.api.ids.of(kindDoor, door), "door"})
	}
	return all
}

func TestAPolicyIsMadeReadChangedAndRemoved(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	_, front := w.reader()
	_, back := w.reader()
	var office, everyone policyObject
	var schedule scheduleObject
	p.unifi("POST", schedulesPath, map[string]any{"name": "Office hours", "week_schedule": week("10:00:00", "17:00:59", "monday")}).into(t, &schedule)
	p.unifi("POST", "/access_policies", map[string]any{"name": "staff", "schedule_id": schedule.ID, "resource": w.at(front)}).into(t, &office)
	if office.Name != "staff" || office.Schedule != schedule.ID || !slices.Equal(office.Resources, w.at(front)) {
		t.Fatalf("%+v", office)
	}
	path := "/access_policies/" + office.ID
	var is policyObject
	set := func(body map[string]any) {
		t.Helper()
		var answered policyObject
		p.unifi("PUT", path, body).into(t, &answered)
		p.unifi("GET", path, nil).into(t, &is)
		if fmt.Sprint(answered) != fmt.Sprint(is) {
			t.Errorf("%+v, read as %+v", answered, is)
		}
	}
	set(map[string]any{"resources": w.at(back, front, back)})
	if is.Schedule != schedule.ID || !slices.Equal(is.Resources, w.at(front, back)) {
		t.Errorf("%+v", is)
	}
	always := w.api.ids.of(kindSchedule, alwaysOpen)
	set(map[string]any{"name": "crew", "schedule_id": always, "week_schedule": map[string]any{}}) // of another request
	if is.ID != office.ID || is.Name != "crew" || is.Schedule != always || len(is.Resources) != 2 {
		t.Errorf("%+v", is)
	}
	// What was read is sent back, and nothing changes.
	w.must(w.desk.GiveAccess(t.Context(), root, "crew", "", []desk.Where{{Level: desk.Doors, ID: back}}, &wire.Schedule{Holiday: []wire.Span{{To: 60}}}, desk.UseSchedule{}))
	p.unifi("GET", path, nil).into(t, &is)
	if is.Schedule != "" {
		t.Errorf("its doors have different hours: %+v", is)
	}
	before, err := w.desk.Group(t.Context(), root, "crew")
	w.must(err)
	set(map[string]any{"name": is.Name, "schedule_id": is.Schedule, "resource": is.Resources, "resources": nil})
	if after, err := w.desk.Group(t.Context(), root, "crew"); err != nil || after.Revision() != before.Revision() {
		t.Errorf("%+v, %v", after, err)
	}

	list := p.unifi("GET", "/access_policies", nil)
	var all []policyObject
	list.into(t, &all)
	if len(all) != 2 || all[0].Name != wire.Everyone || all[0].Schedule != always || len(all[0].Resources) != 2 || all[1].ID != office.ID || !strings.Contains(list.body, `"total":2`) {
		t.Errorf("%s", list.body)
	}
	everyone = all[0]
	p.unifi("GET", "/access_policies?page_num=2&page_size=1", nil).into(t, &all)
	if len(all) != 1 || all[0].ID != office.ID {
		t.Errorf("%+v", all)
	}
	if a := p.unifi("DELETE", "/access_policies/"+everyone.ID, nil); a.code() != "400 CODE_PARAMS_INVALID" {
		t.Errorf("everyone is removed: %s", a.body)
	}
	var success string
	p.unifi("DELETE", path, nil).into(t, &success)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if a := p.unifi(method, path, map[string]any{}); a.code() != "404 CODE_NOT_EXISTS" {
			t.Errorf("%s of one that was removed: %s", method, a.body)
		}
	}
	p.unifi("POST", "/access_policies", map[string]any{"name": "crew"}).into(t, &is)
	if is.ID == office.ID || is.Schedule != "" || len(is.Resources) != 0 {
		t.Errorf("another one of the same name: %+v", is)
	}
}

func TestAPolicyThatCannotBeIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	_, door := w.reader()
	doors, always := w.at(door), w.api.ids.of(kindSchedule, alwaysOpen)
	for what, test := range map[string]struct {
		body any
		want string
	}{
		"no name":                    {map[string]any{"schedule_id": always, "resource": doors}, "400 CODE_PARAMS_INVALID"},
		"a name that no group has":   {map[string]any{"name": "Night Shift", "schedule_id": always, "resource": doors}, "400 CODE_PARAMS_INVALID"},
		"everyone again":             {map[string]any{"name": "everyone", "schedule_id": always, "resource": doors}, "400 CODE_PARAMS_INVALID"},
		"no schedule":                {map[string]any{"name": "crew", "resource": doors}, "400 CODE_PARAMS_INVALID"},
		"no such schedule":           {map[string]any{"name": "crew", "schedule_id": w.api.ids.of(kindSchedule, 9), "resource": doors}, "404 CODE_ACCESS_POLICY_SCHEDULE_NOT_FOUND"},
		"no id of a schedule":        {map[string]any{"name": "crew", "schedule_id": doors[0].ID, "resource": doors}, "404 CODE_ACCESS_POLICY_SCHEDULE_NOT_FOUND"},
		"no id of a door":            {map[string]any{"name": "crew", "schedule_id": always, "resource": []resourceObject{{always, "door"}}}, "404 CODE_RESOURCE_NOT_FOUND"},
		"no such door":               {map[string]any{"name": "crew", "schedule_id": always, "resource": w.at(door, 99)}, "404 CODE_NOT_EXISTS"},
		"a group of doors":           {map[string]any{"name": "crew", "schedule_id": always, "resource": []resourceObject{{w.api.ids.of(kindHub, 1), "door_group"}}}, "400 CODE_PARAMS_INVALID"},
		"doors that are a word":      {map[string]any{"name": "crew", "schedule_id": always, "resource": "all"}, "400 CODE_PARAMS_INVALID"},
		"a name that is a number":    {map[string]any{"name": 7}, "400 CODE_PARAMS_INVALID"},
		"a list":                     {[]string{"crew"}, "400 CODE_PARAMS_INVALID"},
		"doors that are null in one": {`{"name": "crew", "resource": [null]}`, "400 CODE_PARAMS_INVALID"},
	} {
		if a := p.unifi("POST", "/access_policies", test.body); a.code() != test.want {
			t.Errorf("%s: %s, not %s", what, a.body, test.want)
		}
	}
	if names, err := w.desk.Groups(t.Context(), root); err != nil || len(names) != 0 {
		t.Errorf("all were refused, and there are %q, %v", names, err)
	}
	reads := w.program(desk.ScopeRead)
	everyone := "/access_policies/" + w.api.ids.of(kindGroup, 1)
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		path := everyone
		if method == "POST" {
			path = "/access_policies"
		}
		if a := reads.unifi(method, path, map[string]any{"name": "crew"}); a.code() != "403 CODE_UNAUTHORIZED" {
			t.Errorf("%s with a token that may read only: %s", method, a.body)
		}
	}
}
