package console

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// field returns the value of a field of a page's form; "": there is none.
func field(p *page, name string) string {
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.body)
	if found == nil {
		return ""
	}
	return found[1]
}

func TestAGroupIsBegunFilledGivenADoorRenamedAndRemoved(t *testing.T) {
	w := small(t)
	w.user("Bob", "Martin", false, "")
	b := w.visitor(desk.Super)
	b.get("/groups?new=1&name=Night Shift").shows(t, http.StatusOK, "cannot be a name")
	b.get("/groups?new=1&name=Staff").shows(t, http.StatusOK, "There already is a group staff")
	b.get("/groups?new=1&name=crew&find=nobody").shows(t, http.StatusOK, "No user has a name or group")
	b.get("/groups?new=1&name=Crew&find=bob").shows(t, http.StatusOK, "Choose who is in crew.", "Bob Martin")
	b.post("/groups", "name", "crew").shows(t, http.StatusUnprocessableEntity, "Choose at least one user", "Bob Martin")
	b.post("/groups", "name", "staff", "user", "2").shows(t, http.StatusUnprocessableEntity, "There already is a group staff")
	b.post("/groups", "name", "crew", "user", "2").shows(t, http.StatusOK, "The group was added.", "Bob Martin")

	b.get("/groups/crew?ask=add&find=martin").shows(t, http.StatusOK, "in it already")
	b.post("/groups/crew/members", "user", "1").shows(t, http.StatusOK, "1 user is in the group now.", "Ada Lovelace", "Bob Martin")
	b.post("/groups/crew/members", "user", "x").shows(t, http.StatusUnprocessableEntity, "User 0 was removed meanwhile")
	b.get("/groups/crew?find=ada").shows(t, http.StatusOK, "Ada Lovelace")
	if p := b.get("/groups/crew?find=ada"); strings.Contains(p.body, "Bob Martin") {
		t.Error("the search finds everybody")
	}
	b.post("/groups/crew/members/remove", "user", "2").shows(t, http.StatusOK, "1 user was taken out.")

	give := b.get("/groups/crew?tab=doors&ask=add")
	give.shows(t, http.StatusOK, "Let crew open", "Front door")
	b.post("/groups/crew/access", "revision", field(give, "revision"), "when", "always").shows(t, http.StatusUnprocessableEntity, "Choose at least one door")
	b.post("/groups/crew/access", "revision", field(give, "revision"), "door", "1", "when", "times").shows(t, http.StatusUnprocessableEntity, "These hours never come")
	b.post("/groups/crew/access", "revision", field(give, "revision"), "door", "1", "when", "times", "mon", "soon").shows(t, http.StatusUnprocessableEntity, "Enter hours like")
	b.post("/groups/crew/access", "revision", field(give, "revision"), "door", "1", "when", "times", "mon", "soon", "tue", "08:00-12:00").shows(t, http.StatusUnprocessableEntity, "Enter hours like", `value="08:00-12:00"`)
	b.post("/groups/crew/access", "revision", field(give, "revision"), "door", "1", "when", "times", "mon", "08:00-12:00").shows(t, http.StatusOK, "Saved.", "Mon 08:00-12:00", "everyone may always")
	b.get("/groups/crew?tab=doors&ask=add&door=1").shows(t, http.StatusOK, `value="08:00-12:00"`, "has it at set times")

	rename := b.get("/groups/crew?tab=settings")
	b.post("/groups/crew/rename", "revision", field(rename, "revision"), "name", "staff").shows(t, http.StatusUnprocessableEntity, "There already is a group staff.")
	b.post("/groups/crew/rename", "revision", field(rename, "revision"), "name", "Porters").shows(t, http.StatusOK, "It is called porters now")
	b.get("/groups/crew").shows(t, http.StatusNotFound, "")
	p, err := w.desk.Policy(t.Context(), owner, "front-door")
	w.must(err)
	if len(p.Access) != 2 || p.Access[1].Group != "porters" {
		t.Errorf("%+v", p.Access)
	}
	remove := b.get("/groups/porters?tab=settings&ask=remove")
	remove.shows(t, http.StatusOK, "1 user is in it", "1 door no longer opens to it")
	b.post("/groups/porters/remove", "revision", field(remove, "revision")).shows(t, http.StatusOK, "porters was removed from its users")
	b.post("/groups/porters/remove", "revision", field(remove, "revision")).shows(t, http.StatusOK, "This group was already removed.")
}

func TestADoorIsTakenFromAGroupUnlessNobodyElseOpensItInAMode(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	w.must(w.desk.GiveAccess(t.Context(), owner, "staff", "", []desk.Where{{Level: desk.Doors, ID: 1}}, nil, desk.UseSchedule{}))
	exempt := func(groups ...string) {
		_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Exempt = groups })
		w.must(err)
	}
	exempt("staff")
	take := b.get("/groups/staff?tab=doors&ask=take&door=1")
	take.shows(t, http.StatusOK, "while kept locked", "Take this door from staff?")
	b.post("/groups/staff/access/remove", "revision", field(take, "revision"), "door", "1").shows(t, http.StatusUnprocessableEntity, "Front door: Only staff opens it while it is kept locked")
	exempt()
	b.post("/groups/staff/access/remove", "revision", field(take, "revision"), "door", "1").shows(t, http.StatusUnprocessableEntity, "Somebody else has changed this group; check it again")
	take = b.get("/groups/staff?tab=doors&ask=take&door=1")
	b.post("/groups/staff/access/remove", "revision", field(take, "revision"), "door", "1").shows(t, http.StatusOK, "It does not open this door any more.", "It opens no door")
}

func TestAGroupThatIsGoneWithItsLastMemberSaysSo(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	b.post("/groups/staff/members/remove", "user", "1").shows(t, http.StatusOK, "1 user was taken out. staff is no group any more")
}

func TestTwoAdministratorsAtOneGroupOverwriteNothingUnseen(t *testing.T) {
	w := small(t)
	first, second := w.visitor(desk.Super), w.visitor(desk.Owner)
	w.must(w.desk.GiveAccess(t.Context(), owner, "staff", "", []desk.Where{{Level: desk.Doors, ID: 1}}, nil, desk.UseSchedule{}))
	give, rename := first.get("/groups/staff?tab=doors&ask=add"), first.get("/groups/staff?tab=settings")
	second.post("/groups/staff/access", "revision", field(give, "revision"), "door", "1", "when", "times", "fri", "10:00-11:00").shows(t, http.StatusOK, "Fri 10:00-11:00")

	again := first.post("/groups/staff/access", "revision", field(give, "revision"), "door", "1", "when", "times", "mon", "08:00-12:00")
	again.shows(t, http.StatusUnprocessableEntity, "Somebody else has changed this group; check it again. Saving again overwrites that change.", `value="08:00-12:00"`)
	first.post("/groups/staff/rename", "revision", field(rename, "revision"), "name", "crew").shows(t, http.StatusUnprocessableEntity, "Somebody else has changed this group", `value="crew"`)
	first.post("/groups/staff/access", "revision", field(again, "revision"), "door", "1", "when", "times", "mon", "08:00-12:00").shows(t, http.StatusOK, "Mon 08:00-12:00")

	rename = second.get("/groups/staff?tab=settings")
	second.post("/groups/staff/rename", "revision", field(rename, "revision"), "name", "crew").shows(t, http.StatusOK, "It is called crew now")
	first.post("/groups/staff/members", "user", "1").shows(t, http.StatusNotFound, "")
	first.post("/groups/staff/access", "door", "1", "when", "always").shows(t, http.StatusNotFound, "")
	if _, err := w.desk.Group(t.Context(), owner, "staff"); err == nil {
		t.Error("the old name is back")
	}
}

func TestLongListsOfGroupsAndMembersComeInPages(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Viewer)
	for i := range 120 {
		w.user(fmt.Sprintf("Member %03d", i), "", false, "", "crew", fmt.Sprintf("team-%03d", i))
	}
	w.user("Member 999", "of nothing", false, "")
	next := regexp.MustCompile(`href="([^"]*(?:after|start)=[^"]*)">Next page`)
	for path, c := range map[string]struct {
		row  string
		want int
	}{
		"/groups": {`id="group-team-`, 120}, "/groups?q=team 11": {`id="group-team-`, 10}, "/groups/crew": {`hx-boost="false">Member`, 120}, "/groups/crew?find=member 11": {`hx-boost="false">Member`, 10},
		"/users?group=crew": {`class="row-link" id="user-`, 120}, "/users?group=crew&q=member": {`class="row-link" id="user-`, 120},
	} {
		found, pages, b := 0, 0, b
		if strings.HasPrefix(path, "/groups/") { // the list beside the panel has pages of its own
			b = b.part("panel")
		}
		for at := strings.ReplaceAll(path, " ", "%20"); at != "" && pages < 10; pages++ {
			p := b.get(at)
			p.shows(t, http.StatusOK, "")
			found += strings.Count(p.body, c.row)
			at = ""
			if to := next.FindStringSubmatch(p.body); to != nil {
				at = strings.ReplaceAll(to[1], "&amp;", "&")
			}
		}
		if found != c.want || pages != (c.want+49)/50 && path != "/groups" {
			t.Errorf("%s: %d on %d pages, not %d", path, found, pages, c.want)
		}
	}
	b.get("/groups?q=nothing").shows(t, http.StatusOK, "No group found")
	b.get("/groups?after=%3F").shows(t, http.StatusNotFound, "")
	b.part("group-list").get("/groups?q=crew").shows(t, http.StatusOK, "crew")
	b.part("panel").get("/groups/crew").shows(t, http.StatusOK, "Member 000")
}

func TestAGroupsPageOffersWhatTheRoleMayDo(t *testing.T) {
	w := small(t)
	w.must(w.desk.GiveAccess(t.Context(), owner, "staff", "", []desk.Where{{Level: desk.Doors, ID: 1}}, nil, desk.UseSchedule{}))
	visitors := map[desk.Role]*browser{}
	for _, role := range desk.Roles() {
		visitors[role] = w.visitor(role)
	}
	for _, c := range []struct {
		path, shows string
		may         string // roles by their first letters, as in the desk's tests
	}{
		{"/groups", `id="new-group"`, "OSE"},
		{"/groups/staff", `id="add-members"`, "OSE"},
		{"/groups/staff", "Take out those ticked", "OSE"},
		{"/groups/everyone", `id="add-members"`, ""},
		{"/groups/staff?ask=add", "Add to the group", "OSE"},
		{"/groups/staff?tab=doors", `id="give-access"`, "OS"},
		{"/groups/staff?tab=doors", `id="take-front-door"`, "OS"},
		{"/groups/staff?tab=doors&ask=add", "Let staff open", "OS"},
		{"/groups/staff?tab=doors&ask=take&door=1", "Take it away", "OS"},
		{"/groups/staff?tab=settings", ">Rename<", "OS"},
		{"/groups/everyone?tab=settings", ">Rename<", ""},
		{"/groups/staff?tab=settings&ask=remove", ">Remove staff<", "OS"},
	} {
		for role, letter := range map[desk.Role]string{desk.Owner: "O", desk.Super: "S", desk.Editor: "E", desk.Viewer: "V"} {
			p := visitors[role].get(c.path)
			p.shows(t, http.StatusOK, "")
			if offered := strings.Contains(p.body, c.shows); offered != strings.Contains(c.may, letter) {
				t.Errorf("%s: %s is offered %q: %v", c.path, role, c.shows, offered)
			}
		}
	}
}

func TestTheHoursOfOneDoorAreEditedWithoutTheOthers(t *testing.T) {
	w := small(t)
	w.adopt("lab", "Lab", "Main building")
	b := w.visitor(desk.Super)
	w.must(w.desk.GiveAccess(t.Context(), owner, "staff", "", []desk.Where{{Level: desk.Doors, ID: 1}}, nil, desk.UseSchedule{}))
	shows := func(p *page, status int) {
		t.Helper()
		p.shows(t, status, "Front doorhas it always", `name="door" value="1" checked`, "Other doors")
		if strings.Contains(p.body, `name="door" value="2"`) {
			t.Error("another door is shown")
		}
	}
	one := b.get("/groups/staff?tab=doors&ask=add&door=1")
	shows(one, http.StatusOK)
	shows(b.post("/groups/staff/access", "revision", field(one, "revision"), "only", "1", "door", "1", "when", "times", "mon", "soon"), http.StatusUnprocessableEntity)
	for _, path := range []string{"/groups/staff?tab=doors&ask=add", "/groups/staff?tab=doors&ask=add&door=99"} {
		b.get(path).shows(t, http.StatusOK, `name="door" value="1"`, `name="door" value="2"`, "has it always")
	}
}

func TestAGroupOfManyReadersShowsSomeAndSaysHowManyMore(t *testing.T) {
	p := &groupPanel{Group: &desk.Group{Access: make([]desk.GroupAccess, maxAccessShown+7)}}
	if len(p.Access()) != maxAccessShown || p.NotShown() != 7 {
		t.Errorf("%d are shown, and %d not", len(p.Access()), p.NotShown())
	}
	if p.Group.Access = p.Group.Access[:3]; len(p.Access()) != 3 || p.NotShown() != 0 {
		t.Errorf("%d are shown, and %d not", len(p.Access()), p.NotShown())
	}
}
