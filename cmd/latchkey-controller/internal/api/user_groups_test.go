package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// groups are the names of the groups that programs see, in order.
func (p *program) groups() (names []string, ids map[string]string) {
	p.w.t.Helper()
	var all []userGroup
	p.unifi("GET", "/user_groups", nil).into(p.w.t, &all)
	ids = map[string]string{}
	for _, g := range all {
		names, ids[g.Name] = append(names, g.Name), g.ID
	}
	return names, ids
}

// members are the names of a group's users, in order.
func (p *program) members(id string) (names []string) {
	p.w.t.Helper()
	var all []userObject
	p.unifi("GET", "/user_groups/"+id+"/users", nil).into(p.w.t, &all)
	for _, u := range all {
		names = append(names, u.Name)
	}
	return names
}

func TestAUserGroupIsMadeFilledRenamedAndRemoved(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	ada, bob := w.user("Ada", "Lovelace"), w.user("Bob", "")
	var made, is userGroup
	p.unifi("POST", "/user_groups", map[string]any{"name": "night-shift", "up_id": ""}).into(t, &made)
	p.unifi("GET", "/user_groups/"+made.ID, nil).into(t, &is)
	if made.Name != "night-shift" || made.FullName != "night-shift" || made.UpID != "" || made.UpIDs == nil || fmt.Sprint(made) != fmt.Sprint(is) {
		t.Errorf("%+v, %+v", made, is)
	}
	path := "/user_groups/" + made.ID
	do := func(method, path string, body any) {
		t.Helper()
		if a := p.unifi(method, path, body); a.code() != "200 SUCCESS" {
			t.Errorf("%s %s: %s", method, path, a.body)
		}
	}
	do("POST", path+"/users", []string{w.userID(bob), w.userID(ada), w.userID(ada)})
	if got := p.members(made.ID); !slices.Equal(got, []string{"Ada Lovelace", "Bob"}) {
		t.Errorf("%v", got)
	}
	do("PUT", path, map[string]any{"name": "late-shift"})
	do("PUT", path, map[string]any{"name": "late-shift"}) // which it is called by then
	do("POST", path+"/users/delete", []string{w.userID(bob)})
	var all []userObject
	a := p.unifi("GET", path+"/users/all?page_num=1&page_size=1", nil)
	if a.into(t, &all); len(all) != 1 || all[0].ID != w.userID(ada) || !strings.Contains(a.body, `"total":1`) {
		t.Error(a.body)
	}
	if names, ids := p.groups(); !slices.Equal(names, []string{"everyone", "late-shift"}) || ids["late-shift"] != made.ID {
		t.Errorf("%v, %v", names, ids)
	}
	do("POST", path+"/users/delete", []string{w.userID(ada)})
	if names, ids := p.groups(); len(names) != 2 || len(p.members(made.ID)) != 0 || len(p.members(ids["everyone"])) != 2 {
		t.Errorf("a group that was made is not there without users: %v", names)
	}
	var policies []policyObject
	p.unifi("GET", path+"/access_policies", nil).into(t, &policies)
	if len(policies) != 1 || policies[0].ID != made.ID || policies[0].Name != "late-shift" || len(policies[0].Resources) != 0 {
		t.Errorf("%+v", policies)
	}
	do("PUT", path+"/access_policies", map[string]any{"access_policy_ids": []string{made.ID}})
	do("DELETE", path, nil)
	if a := p.unifi("GET", path, nil); a.code() != "404 CODE_NOT_EXISTS" {
		t.Error(a.body)
	}
	p.unifi("POST", "/user_groups", map[string]any{"name": "late-shift"}).into(t, &is)
	if is.ID == made.ID {
		t.Error("another group has the id of one that was removed")
	}
}

func TestGroupsOfVisitorsAreNoUserGroups(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	door, _ := w.visited()
	made := p.invited(w.visit(door))
	group := site.VisitorGroup(mustID(t, w, door))
	var number int64
	w.must(w.site.View(t.Context(), func(tx *store.Tx) error {
		n, err := tx.GroupNumber(group)
		number = n.Number
		return err
	}))
	if names, ids := p.groups(); ids[group] != "" || len(names) != 1 {
		t.Errorf("%v", names)
	}
	ada := w.user("Ada", "")
	for _, id := range []string{w.api.ids.of(kindGroup, number), group} {
		path := "/user_groups/" + id
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{"GET", path, nil}, {"GET", path + "/users", nil}, {"GET", path + "/users/all", nil}, {"GET", path + "/access_policies", nil},
			{"PUT", path, map[string]any{"name": "crew"}}, {"DELETE", path, nil},
			{"PUT", path + "/access_policies", map[string]any{"access_policy_ids": []string{}}},
			{"POST", path + "/users", []string{w.userID(ada)}}, {"POST", path + "/users/delete", []string{made.ID}},
		} {
			if a := p.unifi(c.method, c.path, c.body); a.code() != "404 CODE_NOT_EXISTS" {
				t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
			}
		}
	}
	if a := p.unifi("POST", "/user_groups", map[string]any{"name": group}); a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, "kept for visitors") {
		t.Error(a.body)
	}
	// Nor is a visitor in another group.
	var crew userGroup
	p.unifi("POST", "/user_groups", map[string]any{"name": "crew"}).into(t, &crew)
	if a := p.unifi("PUT", "/user_groups/"+crew.ID, map[string]any{"name": group}); a.code() != "400 CODE_PARAMS_INVALID" {
		t.Error(a.body)
	}
	if a := p.unifi("POST", "/user_groups/"+crew.ID+"/users", []string{made.ID}); a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, "is a visitor") {
		t.Error(a.body)
	}
	_, ids := p.groups()
	if got := p.members(ids["everyone"]); !slices.Equal(got, []string{"Ada"}) {
		t.Errorf("a visitor is among the users: %v", got)
	}
	var is visitorObject
	p.unifi("GET", "/visitors/"+made.ID, nil).into(t, &is)
	if !slices.Equal(doorsOf(is), []string{door}) {
		t.Errorf("%+v", is.Resources)
	}
}

func TestBadUserGroupsAreRefusedWithASentence(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	ada := w.user("Ada", "")
	w.must(w.desk.EditMembers(t.Context(), root, "staff", true, []uint64{ada}, nil))
	reader, _ := w.reader()
	_, err := w.desk.SetPolicy(t.Context(), root, reader, 0, func(p *wire.Policy) {
		p.Access, p.InLockdown = append(p.Access, wire.Access{Group: "staff"}), []string{"staff"}
	})
	w.must(err)
	_, ids := p.groups()
	staff, everyone, none := "/user_groups/"+ids["staff"], "/user_groups/"+ids["everyone"], "/user_groups/"+w.api.ids.of(kindGroup, 999)
	someone := []string{w.userID(ada)}
	for _, c := range []struct {
		method, path string
		body         any
		want, says   string
	}{
		{"POST", "/user_groups", nil, "400 CODE_PARAMS_INVALID", "Send name"},
		{"POST", "/user_groups", "[]", "400 CODE_PARAMS_INVALID", "must be an object"},
		{"POST", "/user_groups", map[string]any{"name": 1}, "400 CODE_PARAMS_INVALID", "name must be a string"},
		{"POST", "/user_groups", map[string]any{"name": ""}, "400 CODE_PARAMS_INVALID", "cannot be a name"},
		{"POST", "/user_groups", map[string]any{"name": "Night Shift"}, "400 CODE_PARAMS_INVALID", "cannot be a name"},
		{"POST", "/user_groups", map[string]any{"name": strings.Repeat("x", 33)}, "400 CODE_PARAMS_INVALID", "cannot be a name"},
		{"POST", "/user_groups", map[string]any{"name": "staff"}, "400 CODE_PARAMS_INVALID", "There already is"},
		{"POST", "/user_groups", map[string]any{"name": "everyone"}, "400 CODE_PARAMS_INVALID", "Everybody is in everyone"},
		{"POST", "/user_groups", map[string]any{"name": "crew", "up_id": ids["staff"]}, "400 CODE_DEVICE_API_NOT_SUPPORTED", "No group is in another"},
		{"POST", "/user_groups", `{"name": "` + strings.Repeat("x", maxBody) + `"}`, "413 CODE_PARAMS_INVALID", "too large"},
		{"GET", none, nil, "404 CODE_NOT_EXISTS", ""},
		{"GET", "/user_groups/staff", nil, "404 CODE_NOT_EXISTS", ""},
		{"PUT", none, map[string]any{"name": "crew"}, "404 CODE_NOT_EXISTS", ""},
		{"PUT", staff, map[string]any{"name": true}, "400 CODE_PARAMS_INVALID", "name must be a string"},
		{"PUT", staff, map[string]any{"name": "everyone"}, "400 CODE_PARAMS_INVALID", "Everybody is in everyone"},
		{"PUT", everyone, map[string]any{"name": "crew"}, "400 CODE_PARAMS_INVALID", "Everybody is in everyone"},
		{"DELETE", none, nil, "404 CODE_NOT_EXISTS", ""},
		{"DELETE", everyone, nil, "400 CODE_PARAMS_INVALID", "Everybody is in everyone"},
		{"DELETE", staff, nil, "400 CODE_PARAMS_INVALID", "Only staff opens it in a lockdown"},
		{"GET", none + "/users", nil, "404 CODE_NOT_EXISTS", ""},
		{"GET", staff + "/users?page_size=x", nil, "400 CODE_PARAMS_INVALID", "page_size"},
		{"GET", none + "/users/all", nil, "404 CODE_NOT_EXISTS", ""},
		{"POST", none + "/users", someone, "404 CODE_NOT_EXISTS", ""},
		{"POST", everyone + "/users", someone, "400 CODE_PARAMS_INVALID", "Everybody is in everyone"},
		{"POST", staff + "/users", nil, "400 CODE_PARAMS_INVALID", "at least one user"},
		{"POST", staff + "/users", map[string]any{"users": someone}, "400 CODE_PARAMS_INVALID", "must be a list"},
		{"POST", staff + "/users", []int{1}, "400 CODE_PARAMS_INVALID", ""},
		{"POST", staff + "/users", []string{"x"}, "400 CODE_PARAMS_INVALID", "There is no user"},
		{"POST", staff + "/users", []string{w.userID(99)}, "400 CODE_PARAMS_INVALID", "User 99 was removed"},
		{"POST", staff + "/users", slices.Repeat(someone, desk.MaxMembersEdit+1), "400 CODE_PARAMS_INVALID", "at most 500"},
		{"POST", none + "/users/delete", someone, "404 CODE_NOT_EXISTS", ""},
		{"POST", staff + "/users/delete", []string{}, "400 CODE_PARAMS_INVALID", "at least one user"},
		{"POST", staff + "/users/delete", []string{w.userID(ada), ids["staff"]}, "400 CODE_PARAMS_INVALID", "There is no user"},
		{"GET", none + "/access_policies", nil, "404 CODE_NOT_EXISTS", ""},
		{"PUT", none + "/access_policies", map[string]any{"access_policy_ids": []string{}}, "404 CODE_NOT_EXISTS", ""},
		{"PUT", staff + "/access_policies", nil, "400 CODE_PARAMS_INVALID", "access_policy_ids"},
		{"PUT", staff + "/access_policies", map[string]any{"access_policy_ids": "all"}, "400 CODE_PARAMS_INVALID", "must be a list"},
		{"PUT", staff + "/access_policies", map[string]any{"access_policy_ids": []string{}}, "400 CODE_DEVICE_API_NOT_SUPPORTED", "cannot be without"},
		{"PUT", staff + "/access_policies", map[string]any{"access_policy_ids": []string{ids["everyone"]}}, "400 CODE_DEVICE_API_NOT_SUPPORTED", "cannot be without"},
		{"PUT", staff + "/access_policies", map[string]any{"access_policy_ids": []string{ids["staff"], w.api.ids.of(kindGroup, 999)}}, "400 CODE_DEVICE_API_NOT_SUPPORTED", "one access policy"},
		{"PUT", staff + "/access_policies", map[string]any{"access_policy_ids": []any{ids["staff"], nil, ids["everyone"]}}, "200 SUCCESS", ""},
	} {
		if a := p.unifi(c.method, c.path, c.body); a.code() != c.want || !strings.Contains(a.body, c.says) {
			t.Errorf("%s %s %.100v: %d %.300s\nnot %s: %s", c.method, c.path, c.body, a.status, a.body, c.want, c.says)
		}
	}
	if names, now := p.groups(); !slices.Equal(names, []string{"everyone", "staff"}) || now["staff"] != ids["staff"] || !slices.Equal(p.members(ids["staff"]), []string{"Ada"}) {
		t.Errorf("a refused request changed something: %v", names)
	}
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/user_groups", nil}, {"POST", "/user_groups", map[string]any{"name": "crew"}}, {"GET", staff, nil}, {"PUT", staff, map[string]any{"name": "crew"}}, {"DELETE", staff, nil},
		{"GET", staff + "/users", nil}, {"GET", staff + "/users/all", nil}, {"POST", staff + "/users", someone}, {"POST", staff + "/users/delete", someone},
		{"GET", staff + "/access_policies", nil}, {"PUT", staff + "/access_policies", map[string]any{"access_policy_ids": []string{ids["staff"]}}},
	} {
		w.wrongScope(c.method, c.path, c.body, desk.ScopeManage)
	}
}
