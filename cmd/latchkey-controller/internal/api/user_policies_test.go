package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func TestAPolicyIsGivenToUsersByItsID(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	_, door := w.reader()
	staff, err := w.desk.AddGroup(t.Context(), root, "staff")
	w.must(err)
	crew, err := w.desk.AddGroup(t.Context(), root, "crew")
	w.must(err)
	w.must(w.desk.GiveAccess(t.Context(), root, "crew", "", []desk.Where{{Level: desk.Doors, ID: door}}, nil, desk.UseSchedule{}))
	numbers, err := w.desk.GroupNumbers(t.Context(), root)
	w.must(err)
	id := func(number int64) string { return w.api.ids.of(kindGroup, number) }
	everyone, ada := id(numbers[wire.Everyone]), w.userID(w.user("Ada", "Lovelace"))
	give := func(body, want string, has ...string) {
		t.Helper()
		if a := p.unifi("PUT", "/users/"+ada+"/access_policies", body); a.code() != want {
			t.Errorf("%.100s: %s, not %s", body, a.body, want)
		}
		if got := p.look(ada).PolicyIDs; !slices.Equal(got, append([]string{everyone}, has...)) {
			t.Errorf("%.100s: %v", body, got)
		}
	}
	list := func(ids ...string) string { return `{"access_policy_ids": ["` + strings.Join(ids, `", "`) + `"]}` }
	give(`{"access_policy_ids": []}`, "200 SUCCESS")
	give(list(id(staff)), "200 SUCCESS", id(staff))
	give(`{"access_policy_ids": [null, "`+id(crew)+`", "`+id(staff)+`", null]}`, "200 SUCCESS", id(crew), id(staff)) // as n8n does with a user that it read unexpanded
	give(list(everyone, id(crew), id(crew)), "200 SUCCESS", id(crew))
	for _, bad := range []string{id(999), "unknown", id(crew)[1:], ada} {
		give(list(id(staff), bad), "404 CODE_NOT_EXISTS", id(crew))
	}
	for _, bad := range []string{`{}`, ``, `{"access_policy_ids": "` + id(staff) + `"}`, `{"access_policy_ids": null}`, `{"access_policy_ids": [1]}`, `{"access_policy_ids": [` + strings.Repeat("null,", maxIDs) + `null]}`} {
		give(bad, "400 CODE_PARAMS_INVALID", id(crew))
	}
	// A group in which nobody is any more, and that opens nothing, is none.
	bob := w.user("Bob", "")
	w.must(w.desk.EditMembers(t.Context(), root, "night", true, []uint64{bob}, nil))
	numbers, err = w.desk.GroupNumbers(t.Context(), root)
	w.must(err)
	w.must(w.desk.EditMembers(t.Context(), root, "night", false, nil, []uint64{bob}))
	give(list(id(numbers["night"])), "404 CODE_NOT_EXISTS", id(crew))
	// It stays theirs under another name, and what is another group is another policy.
	w.must(w.desk.RenameGroup(t.Context(), root, "crew", "", "team"))
	give(list(id(crew)), "200 SUCCESS", id(crew))
	var whole struct {
		Access_policy_ids []string
		Access_policies   []*policyObject
	}
	p.unifi("GET", "/users/"+ada+"?expand[]=access_policy", nil).into(t, &whole)
	want := &policyObject{ID: id(crew), Name: "team", Resources: []resourceObject{{w.api.ids.of(kindDoor, door), "door"}}, Schedule: w.api.ids.of(kindSchedule, alwaysOpen)}
	if len(whole.Access_policies) != 2 || whole.Access_policies[0].ID != everyone || fmt.Sprint(whole.Access_policies[1]) != fmt.Sprint(want) || len(whole.Access_policy_ids) != 2 {
		t.Errorf("%v, not %v", whole, want)
	}
	var all []*policyObject
	p.unifi("GET", "/users/"+ada+"/access_policies?only_user_policies=true", nil).into(t, &all)
	if len(all) != 2 || fmt.Sprint(all[1]) != fmt.Sprint(want) {
		t.Errorf("%v", all)
	}
	w.must(w.desk.RemoveGroup(t.Context(), root, "team", ""))
	give(list(id(crew)), "404 CODE_NOT_EXISTS")
}
