package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// group adds a group with members, which opens a new door.
func (w *world) group(members ...uint64) *Group {
	w.t.Helper()
	w.n++
	name := fmt.Sprint("group-", w.n)
	w.must(w.EditMembers(w.t.Context(), as(Owner), name, true, members, nil))
	w.must(w.GiveAccess(w.t.Context(), as(Owner), name, "", []Where{{Doors, w.look(w.reader()).DoorID}}, nil, UseSchedule{}))
	return w.grouped(name)
}

// grouped returns a group.
func (w *world) grouped(name string) *Group {
	w.t.Helper()
	g, err := w.Group(w.t.Context(), as(Viewer), name)
	w.must(err)
	return g
}

// members returns the names of a group's members.
func (w *world) members(group string) (names []string) {
	w.t.Helper()
	page, err := w.Users(w.t.Context(), as(Viewer), UserQuery{Group: group})
	w.must(err)
	for _, u := range page.Users {
		names = append(names, u.Name)
	}
	return names
}

// policy edits a reader's policy.
func (w *world) policy(reader string, edit func(*wire.Policy)) *wire.Policy {
	w.t.Helper()
	p, err := w.SetPolicy(w.t.Context(), as(Owner), reader, 0, edit)
	w.must(err)
	return p
}

// oldPolicy edits a reader's policy as an older controller did, which refused less.
func (w *world) oldPolicy(reader string, edit func(*wire.Policy)) {
	w.t.Helper()
	w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error {
		p, err := tx.Policy(reader)
		if err != nil {
			return err
		}
		edit(p)
		return site.SetPolicy(tx, w.time, p)
	}))
}

// sent returns the groups of a user's credentials as readers get them.
func (w *world) sent(id uint64) (groups [][]string) {
	w.t.Helper()
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		credentials, err := tx.CredentialsOf(id)
		for _, c := range credentials {
			groups = append(groups, u.Wire(c).Groups)
		}
		return err
	}))
	return groups
}

func TestAGroupIsThereWhileAUserIsInItOrAPolicyNamesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, back := w.reader(), w.reader()
	ada := w.user()
	w.must(w.EditMembers(t.Context(), as(Editor), "staff", true, []uint64{ada, w.user()}, nil))
	w.policy(front, func(p *wire.Policy) {
		p.Access = append(p.Access, wire.Access{Group: "staff"}, wire.Access{Group: "lab"})
		p.Exempt, p.InLockdown = []string{"guards"}, []string{"fire-brigade"}
		p.Opening = &wire.Opening{Schedule: wire.Schedule{Holiday: []wire.Span{{To: 60}}}, First: "porters"}
	})
	w.policy(back, func(p *wire.Policy) { p.Access = append(p.Access, wire.Access{Group: "staff"}) })
	page, err := w.ListGroups(t.Context(), as(Viewer), GroupQuery{})
	w.must(err)
	var got []string
	for _, g := range page.Groups {
		got = append(got, fmt.Sprint(g.Name, " ", g.Members, " ", g.Doors))
	}
	if want := []string{"everyone 2 2", "fire-brigade 0 0", "guards 0 0", "lab 0 1", "porters 0 0", "staff 2 2"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	g := w.grouped("staff")
	if g.Members != 2 || g.Doors != 2 || len(g.Access) != 2 || !g.Access[0].May || !g.Access[0].Everyone || g.Access[0].Hours != nil || g.Access[0].Door != "Door of "+front {
		t.Errorf("%+v", g)
	}
	for name, has := range map[string]func(GroupAccess) bool{
		"guards": func(a GroupAccess) bool { return a.Exempt }, "fire-brigade": func(a GroupAccess) bool { return a.InLockdown }, "porters": func(a GroupAccess) bool { return a.First },
	} {
		if g := w.grouped(name); len(g.Access) != 1 || !has(g.Access[0]) || g.Access[0].May {
			t.Errorf("%+v", g)
		}
	}
	w.must(w.EditMembers(t.Context(), as(Editor), "staff", false, nil, []uint64{ada}))
	if got := w.members("staff"); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if _, err := w.Group(t.Context(), as(Viewer), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestTwoReadersOfOneDoorAreOneDoorAndARemovedReaderIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.group(w.user())
	second, gone := w.reader(), w.reader()
	w.must(w.MoveReader(t.Context(), as(Owner), second, "", g.Access[0].DoorID))
	door := []Where{{Doors, w.look(gone).DoorID}, {Doors, g.Access[0].DoorID}}
	w.must(w.GiveAccess(t.Context(), as(Owner), g.Name, "", door, nil, UseSchedule{}))
	if g = w.grouped(g.Name); g.Doors != 2 || len(g.Access) != 3 {
		t.Errorf("%+v", g)
	}
	_, err := w.RemoveReader(t.Context(), as(Owner), gone, Lost)
	w.must(err)
	if g = w.grouped(g.Name); g.Doors != 1 || len(g.Access) != 2 || !slices.Equal(g.Removed, []string{gone}) {
		t.Errorf("%+v", g)
	}
	if page, err := w.ListGroups(t.Context(), as(Viewer), GroupQuery{Search: g.Name}); err != nil || page.Groups[0].Doors != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	// It comes back with what is in its policy: the group has its new name there, too.
	w.must(w.RenameGroup(t.Context(), as(Owner), g.Name, "", "crew"))
	if p, err := w.Policy(t.Context(), as(Owner), gone); err != nil || !slices.Contains(groupsIn(p), "crew") || slices.Contains(groupsIn(p), g.Name) {
		t.Errorf("%v, %v", groupsIn(p), err)
	}
	w.must(w.RemoveGroup(t.Context(), as(Owner), "crew", ""))
	if _, err := w.Group(t.Context(), as(Viewer), "crew"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestMembersHoldTheirGroupAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.withPIN(), w.withPIN()
	w.must(w.EditMembers(t.Context(), as(Editor), "staff", true, []uint64{ada}, nil))
	w.must(w.EditMembers(t.Context(), as(Editor), "staff", false, []uint64{ada, bob, bob}, []uint64{ada}))
	if a, b := w.sent(ada), w.sent(bob); len(a[0]) != 0 || !slices.Equal(b[0], []string{"staff"}) {
		t.Errorf("%v, %v", a, b)
	}
	if got := w.newest().Text.String(); got != "Limited Admin (Can Edit) changed who is in the group staff: added User 2; removed User 1" {
		t.Error(got)
	}
	w.check()
}

func TestARenamedGroupIsRenamedInCredentialsAndPoliciesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := w.reader()
	ada := w.withPIN()
	w.must(w.EditMembers(t.Context(), as(Editor), "staff", true, []uint64{ada}, nil))
	w.must(w.EditMembers(t.Context(), as(Editor), "lab", true, []uint64{ada}, nil))
	w.oldPolicy(front, func(p *wire.Policy) {
		p.Access = []wire.Access{{Group: "staff"}, {Group: "lab"}, {Group: "staff", Schedule: &wire.Schedule{}}}
	})
	before := w.policy(front, func(p *wire.Policy) {
		p.Exempt, p.InLockdown = []string{"lab", "staff"}, []string{"staff"}
		p.Opening = &wire.Opening{Schedule: wire.Schedule{Holiday: []wire.Span{{To: 60}}}, First: "staff"}
	})
	w.must(w.RenameGroup(t.Context(), as(Super), "staff", w.grouped("staff").Revision(), " crew "))
	if got := w.sent(ada); !slices.Equal(got[0], []string{"crew", "lab"}) {
		t.Errorf("%v", got)
	}
	p, err := w.Policy(t.Context(), as(Owner), front)
	w.must(err)
	if p.Revision <= before.Revision || !slices.Equal(groupsIn(p), []string{"crew", "lab"}) || !slices.Equal(p.Exempt, []string{"crew", "lab"}) || p.InLockdown[0] != "crew" || p.Opening.First != "crew" || p.Access[2].Group != "crew" {
		t.Errorf("%+v", p)
	}
	if page, err := w.Users(t.Context(), as(Viewer), UserQuery{Search: "crew"}); err != nil || page.Found != 1 {
		t.Errorf("the search does not know it: %+v, %v", page, err)
	}
	w.check()
}

func TestAGroupThatOpensAloneInAModeOrComesFirstIsNotTakenAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		edit func(*wire.Policy)
		says string // "": it may be taken
	}{
		{func(p *wire.Policy) {}, ""},
		{func(p *wire.Policy) { p.Exempt = []string{"lab", "staff"} }, ""},
		{func(p *wire.Policy) { p.Exempt = []string{"staff"} }, "Only staff opens it while it is kept locked: choose another group there first, or none"},
		{func(p *wire.Policy) { p.InLockdown = []string{"staff"} }, "Only staff opens it in a lockdown: choose another group there first, or none"},
		{func(p *wire.Policy) {
			p.Opening = &wire.Opening{Schedule: wire.Schedule{Holiday: []wire.Span{{To: 60}}}, First: "staff"}
		}, "Its unlock schedule waits for the first person of staff: choose another group there first"},
	} {
		for what, do := range map[string]func(w *world, door int64) error{
			"take": func(w *world, door int64) error {
				return w.TakeAccess(t.Context(), as(Super), "staff", "", []Where{{Doors, door}})
			},
			"remove": func(w *world, door int64) error { return w.RemoveGroup(t.Context(), as(Super), "staff", "") },
		} {
			w := newWorld(t)
			ada, front := w.withPIN(), w.reader()
			w.must(w.EditMembers(t.Context(), as(Editor), "staff", true, []uint64{ada}, nil))
			before := w.policy(front, func(p *wire.Policy) {
				p.Access = []wire.Access{{Group: "staff"}, {Group: "lab"}}
				c.edit(p)
			})
			err := do(w, w.look(front).DoorID)
			p, perr := w.Policy(t.Context(), as(Owner), front)
			w.must(perr)
			switch {
			case c.says == "" && (err != nil || !slices.Equal(groupsIn(p), []string{"lab"})):
				t.Errorf("%s: %v, %v", what, err, groupsIn(p))
			case c.says != "" && (Fields(err)["where"].String() != "Door of "+front+": "+c.says || p.Revision != before.Revision || len(w.members("staff")) != 1):
				t.Errorf("%s: %v, and %v, %v", what, err, groupsIn(p), w.members("staff"))
			}
			if gone := len(w.members("staff")) == 0; gone != (c.says == "" && what == "remove") {
				t.Errorf("%s: members are %q", what, w.members("staff"))
			}
			w.check()
		}
	}
}

func TestWhatIsWrongWithAGroupIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.group(w.user())
	door := []Where{{Doors, g.Access[0].DoorID}}
	ada, ctx := w.user(), t.Context()
	var many []string
	for i := range wire.MaxGroups {
		many = append(many, fmt.Sprintf("g%02d", i))
	}
	w.must(w.EditUser(ctx, as(Owner), ada, "", nil, func(f *UserForm) { f.Groups = many }))
	empty, err := w.AddPlace(ctx, as(Owner), Doors, w.look(g.Access[0].Reader).HubID, "Empty")
	w.must(err)
	for _, c := range []struct {
		do          func() error
		field, says string // says: how it begins; "" of ErrNotFound
	}{
		{func() error { return w.EditMembers(ctx, as(Owner), wire.Everyone, false, []uint64{ada}, nil) }, "group", "Everybody is in everyone"},
		{func() error { return w.EditMembers(ctx, as(Owner), "Night shift", true, []uint64{ada}, nil) }, "group", `"Night shift" cannot be a name`},
		{func() error { return w.EditMembers(ctx, as(Owner), g.Name, true, []uint64{ada}, nil) }, "group", "There already is a group " + g.Name},
		{func() error { return w.EditMembers(ctx, as(Owner), "new", false, []uint64{ada}, nil) }, "", "there is no group \"new\""},
		{func() error { return w.EditMembers(ctx, as(Owner), g.Name, false, nil, nil) }, "users", "Choose at least one user"},
		{func() error { return w.EditMembers(ctx, as(Owner), g.Name, false, []uint64{9999}, nil) }, "users", "User 9999 was removed"},
		{func() error { return w.EditMembers(ctx, as(Owner), g.Name, false, []uint64{ada}, nil) }, "users", "User 4 is in 32 groups"},
		{func() error {
			return w.EditMembers(ctx, as(Owner), g.Name, false, make([]uint64, MaxMembersEdit), []uint64{1})
		}, "users", "501 users at once are too many"},
		{func() error { return w.GiveAccess(ctx, as(Owner), "new", "", door, nil, UseSchedule{}) }, "", "there is no group"},
		{func() error { return w.GiveAccess(ctx, as(Owner), g.Name, "", nil, nil, UseSchedule{}) }, "where", "Choose at least one door"},
		{func() error {
			return w.GiveAccess(ctx, as(Owner), g.Name, "", make([]Where, maxWheres+1), nil, UseSchedule{})
		}, "where", "1,001 places at once"},
		{func() error { return w.GiveAccess(ctx, as(Owner), g.Name, "", []Where{{Hubs, 1}}, nil, UseSchedule{}) }, "where", "Choose a door, a location or the whole site"},
		{func() error {
			return w.GiveAccess(ctx, as(Owner), g.Name, "", []Where{{Doors, 999}}, nil, UseSchedule{})
		}, "where", "There is no door 999"},
		{func() error {
			return w.GiveAccess(ctx, as(Owner), g.Name, "", []Where{{Doors, empty}}, nil, UseSchedule{})
		}, "where", "No reader serves a door there"},
		{func() error { return w.GiveAccess(ctx, as(Owner), g.Name, "", door, new(wire.Schedule), UseSchedule{}) }, "access", "These hours never come"},
		{func() error {
			return w.GiveAccess(ctx, as(Owner), g.Name, "", door, &wire.Schedule{Week: []wire.Span{{From: 9, To: 8}}}, UseSchedule{})
		}, "access", "Door of "},
		{func() error {
			return w.TakeAccess(ctx, as(Owner), g.Name, "", []Where{{Doors, w.look(w.reader()).DoorID}})
		}, "where", g.Name + " has no access there"},
		{func() error { return w.RenameGroup(ctx, as(Owner), g.Name, "", "g01") }, "name", "There already is a group g01"},
		{func() error { return w.RenameGroup(ctx, as(Owner), g.Name, "", g.Name) }, "name", "It is called"},
		{func() error { return w.RenameGroup(ctx, as(Owner), g.Name, "", "Crew") }, "name", `"Crew" cannot be a name`},
		{func() error { return w.RenameGroup(ctx, as(Owner), g.Name, "", wire.Everyone) }, "name", "Everybody is in everyone"},
		{func() error { return w.RenameGroup(ctx, as(Owner), wire.Everyone, "", "all") }, "group", "Everybody is in everyone"},
		{func() error { return w.RemoveGroup(ctx, as(Owner), wire.Everyone, "") }, "group", "Everybody is in everyone"},
		{func() error { return w.RemoveGroup(ctx, as(Owner), "new", "") }, "", "there is no group"},
	} {
		err := c.do()
		says := Fields(err)[c.field]
		if c.field == "" && errors.Is(err, ErrNotFound) {
			says = language.Of(err)
		}
		if !strings.HasPrefix(says.String(), c.says) {
			t.Errorf("%q: %v", c.says, err)
		}
	}
	if now := w.grouped(g.Name); now.Revision() != g.Revision() {
		t.Errorf("%+v, before %+v", now, g)
	}
}

func TestEveryoneIsGivenAccessAndItIsTakenFromThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := w.reader()
	door := []Where{{Doors, w.look(front).DoorID}}
	w.must(w.TakeAccess(t.Context(), as(Super), wire.Everyone, "", door))
	if g := w.grouped(wire.Everyone); g.Doors != 0 {
		t.Errorf("%+v", g)
	}
	w.must(w.GiveAccess(t.Context(), as(Super), wire.Everyone, "", door, nil, UseSchedule{}))
	w.policy(front, func(p *wire.Policy) { p.Exempt = []string{"guards"} }) // who may as everybody does
	if err := w.TakeAccess(t.Context(), as(Super), wire.Everyone, "", door); !strings.HasPrefix(Fields(err)["where"].String(), "Door of "+front+": guards may not open this door") {
		t.Error(err)
	}
}

func TestGroupsAreListedPageByPageAndFoundByTheirWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []string
	for i := range 120 {
		want = append(want, fmt.Sprintf("team-%03d", i))
	}
	for part := range slices.Chunk(want, wire.MaxGroups) {
		w.must(w.EditUser(t.Context(), as(Owner), w.user(), "", time.UTC, func(f *UserForm) { f.Groups = part }))
	}
	want = append([]string{wire.Everyone}, want...)
	for search, want := range map[string][]string{"": want, "team": want[1:], "TEAM 11": want[111:], "every": want[:1], "eam": nil} {
		var got []string
		q := GroupQuery{Search: search}
		for pages := 1; ; pages++ {
			page, err := w.ListGroups(t.Context(), as(Viewer), q)
			w.must(err)
			for _, g := range page.Groups {
				got = append(got, g.Name)
			}
			if page.Found != len(want) || page.Total != 121 || len(page.Groups) > defaultPageSize {
				t.Errorf("%q: %d found of %d, and %d on a page", search, page.Found, page.Total, len(page.Groups))
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q", search, got)
		}
	}
	if _, err := w.ListGroups(t.Context(), as(Viewer), GroupQuery{After: "?"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestUsersAreChosenByTheirGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, groups := range map[string][]string{"Ada": {"night-shift"}, "Bob": {"night", "shift"}, "Carol": {"night-shift-2"}, "Night Shift": nil, "Dan": {"night-shift", "lab"}} {
		_, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: name, Groups: groups}, PIN{}, nil)
		w.must(err)
	}
	for _, c := range []struct {
		q    UserQuery
		want []string
	}{
		{UserQuery{Group: "night-shift"}, []string{"Ada", "Dan"}},
		{UserQuery{Group: "night-shift", Search: "d"}, []string{"Dan"}},
		{UserQuery{Group: "night-shift", State: store.BareUsers}, []string{"Ada", "Dan"}},
		{UserQuery{Group: "night-shift", State: store.ExpiredUsers}, nil},
		{UserQuery{Group: "night"}, []string{"Bob"}},
		{UserQuery{Group: "none"}, nil},
		{UserQuery{Group: wire.Everyone}, []string{"Ada", "Bob", "Carol", "Dan", "Night Shift"}},
	} {
		var got []string
		c.q.Limit = 1
		for {
			page, err := w.Users(t.Context(), as(Viewer), c.q)
			w.must(err)
			for _, u := range page.Users {
				got = append(got, u.Name)
			}
			if page.Found != len(c.want) {
				t.Errorf("%+v: %d found", c.q, page.Found)
			}
			if c.q.After = page.Next; c.q.After == "" {
				break
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c.q, got)
		}
	}
}
