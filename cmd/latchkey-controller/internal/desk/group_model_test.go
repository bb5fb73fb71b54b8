package desk

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"latchkey/sync/wire"
)

// A groupsModel is what users and policies have of groups, as somebody would keep it by hand.
type groupsModel struct {
	*world
	r       *rapid.T
	users   map[uint64][]string    // sorted
	doors   map[int64]*wire.Policy // with one reader each
	readers map[int64]string       // ids
}

var modelGroups = []string{"crew", "lab", "staff"}

// TestGroupsAreAsUsersAndPoliciesHaveThem makes random acts, some of them refused, and
// compares users, credentials, policies and groups with a model after each.
func TestGroupsAreAsUsersAndPoliciesHaveThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &groupsModel{world: w, users: map[uint64][]string{}, doors: map[int64]*wire.Policy{}, readers: map[int64]string{}}
	for range 3 {
		id, _ := w.card()
		m.users[id] = nil
		reader := w.reader()
		m.readers[w.look(reader).DoorID] = reader
	}
	rapid.Check(t, func(r *rapid.T) {
		m.r = r
		for id := range m.users {
			m.users[id] = nil
			w.must(w.EditUser(t.Context(), as(Owner), id, "", nil, func(f *UserForm) { f.Groups = nil }))
		}
		for door, reader := range m.readers {
			m.doors[door] = w.policy(reader, func(p *wire.Policy) {
				p.Access, p.Exempt, p.InLockdown, p.Opening = []wire.Access{}, nil, nil, nil
			})
		}
		for range rapid.IntRange(1, 15).Draw(r, "acts") {
			m.step()
			m.compare()
		}
	})
	w.check()
}

func (m *groupsModel) named(name string) string {
	return rapid.SampledFrom(modelGroups).Draw(m.r, name)
}

func (m *groupsModel) someUsers(name string) []uint64 {
	return rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(m.users))), 1, 3).Draw(m.r, name)
}

func (m *groupsModel) someDoors() (where []Where) {
	for _, id := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(m.doors))), 1, 2).Draw(m.r, "doors") {
		where = append(where, Where{Doors, id})
	}
	return where
}

func (m *groupsModel) exists(group string) bool {
	for _, groups := range m.users {
		if slices.Contains(groups, group) {
			return true
		}
	}
	for _, p := range m.doors {
		if slices.Contains(groupsIn(p), group) {
			return true
		}
	}
	return false
}

// set puts a user into a group, or takes them from it.
func (m *groupsModel) set(id uint64, group string, in bool) {
	m.users[id] = slices.DeleteFunc(slices.Clone(m.users[id]), func(g string) bool { return g == group })
	if in {
		m.users[id] = append(m.users[id], group)
		slices.Sort(m.users[id])
	}
}

// copied returns a policy for a change that may be refused.
func copied(p *wire.Policy) *wire.Policy {
	c := *p
	c.Access, c.Exempt, c.InLockdown = slices.Clone(p.Access), slices.Clone(p.Exempt), slices.Clone(p.InLockdown)
	if p.Opening != nil {
		o := *p.Opening
		c.Opening = &o
	}
	return &c
}

// without is a policy without a group, or nil if nobody may take it away.
func without(p *wire.Policy, group string) *wire.Policy {
	p = copied(p)
	if slices.Equal(p.Exempt, []string{group}) || slices.Equal(p.InLockdown, []string{group}) || p.Opening != nil && p.Opening.First == group {
		return nil
	}
	is := func(g string) bool { return g == group }
	p.Access = slices.DeleteFunc(p.Access, func(a wire.Access) bool { return is(a.Group) })
	p.Exempt, p.InLockdown = slices.DeleteFunc(p.Exempt, is), slices.DeleteFunc(p.InLockdown, is)
	return p
}

// step makes one act at the desk and in the model.
func (m *groupsModel) step() {
	ctx, group := m.t.Context(), m.named("group")
	there := m.exists(group)
	var err error
	var done bool
	what := rapid.SampledFrom([]string{"members", "begin", "give", "take", "rename", "remove", "policy"}).Draw(m.r, "act")
	switch what {
	case "members", "begin":
		add, remove := m.someUsers("added"), m.someUsers("removed")
		err = m.EditMembers(ctx, as(Editor), group, what == "begin", add, remove)
		if done = there != (what == "begin"); done {
			for _, id := range add {
				m.set(id, group, true)
			}
			for _, id := range remove {
				m.set(id, group, false)
			}
		}
	case "give":
		where := m.someDoors()
		var hours *wire.Schedule
		if rapid.Bool().Draw(m.r, "at hours") {
			hours = &wire.Schedule{Holiday: []wire.Span{{To: 60}}}
		}
		err = m.GiveAccess(ctx, as(Super), group, "", where, hours, UseSchedule{})
		if done = there; done {
			for _, at := range where {
				p := m.doors[at.ID]
				i := slices.IndexFunc(p.Access, func(a wire.Access) bool { return a.Group == group })
				if i < 0 {
					i, p.Access = len(p.Access), append(p.Access, wire.Access{Group: group})
				}
				p.Access[i].Schedule = hours
			}
		}
	case "take":
		where := m.someDoors()
		err = m.TakeAccess(ctx, as(Super), group, "", where)
		after := map[int64]*wire.Policy{}
		for _, at := range where {
			done = done || slices.Contains(groupsIn(m.doors[at.ID]), group)
			after[at.ID] = without(m.doors[at.ID], group)
		}
		for _, p := range after {
			done = done && p != nil
		}
		if done {
			maps.Copy(m.doors, after)
		}
	case "rename":
		to := m.named("to")
		err = m.RenameGroup(ctx, as(Super), group, "", to)
		if done = there && !m.exists(to); done {
			for id, groups := range m.users {
				if slices.Contains(groups, group) {
					m.set(id, group, false)
					m.set(id, to, true)
				}
			}
			for _, p := range m.doors {
				for _, list := range []*[]string{&p.Exempt, &p.InLockdown} {
					if i := slices.Index(*list, group); i >= 0 {
						(*list)[i] = to
						slices.Sort(*list)
					}
				}
				for i := range p.Access {
					if p.Access[i].Group == group {
						p.Access[i].Group = to
					}
				}
				if p.Opening != nil && p.Opening.First == group {
					p.Opening.First = to
				}
			}
		}
	case "remove":
		err = m.RemoveGroup(ctx, as(Super), group, "")
		done = there
		after := map[int64]*wire.Policy{}
		for id, p := range m.doors {
			if after[id] = p; slices.Contains(groupsIn(p), group) {
				after[id] = without(p, group)
			}
			done = done && after[id] != nil
		}
		if done {
			m.doors = after
			for id := range m.users {
				m.set(id, group, false)
			}
		}
	case "policy":
		p := copied(m.doors[m.someDoors()[0].ID])
		other := m.named("other")
		switch rapid.IntRange(0, 2).Draw(m.r, "list") {
		case 0:
			p.Exempt = slices.Compact(slices.Sorted(slices.Values([]string{group, other})))
		case 1:
			p.InLockdown = []string{group}
		case 2:
			p.Opening = &wire.Opening{Schedule: wire.Schedule{Holiday: []wire.Span{{To: 60}}}, First: group}
		}
		_, err = m.SetPolicy(ctx, as(Super), p.Reader, 0, func(is *wire.Policy) { is.Exempt, is.InLockdown, is.Opening = p.Exempt, p.InLockdown, p.Opening })
		if done = checkModeGroups(p) == nil; done {
			for id, reader := range m.readers {
				if reader == p.Reader {
					m.doors[id] = p
				}
			}
		}
	}
	if (err == nil) != done || err != nil && Fields(err) == nil && !errors.Is(err, ErrNotFound) {
		m.r.Fatalf("%s %s: %v, and the model does it: %v", what, group, err, done)
	}
}

// compare compares the site with the model.
func (m *groupsModel) compare() {
	members, opened := map[string]int{}, map[string]int{}
	for id, want := range m.users {
		for _, group := range want {
			members[group]++
		}
		if got := m.person(id).Groups; !slices.Equal(got, want) {
			m.r.Fatalf("user %d: %q, not %q", id, got, want)
		}
		if got := m.sent(id)[0]; !slices.Equal(got, want) {
			m.r.Fatalf("the card of user %d: %q, not %q", id, got, want)
		}
	}
	for _, want := range m.doors {
		got, err := m.Policy(m.t.Context(), as(Viewer), want.Reader)
		m.must(err)
		if g, w := settingsText(policySettings(got, nil)), settingsText(policySettings(want, nil)); g != w {
			m.r.Fatalf("%s: %s\nnot %s", want.Reader, g, w)
		}
		for _, a := range want.Access {
			opened[a.Group]++
		}
	}
	page, err := m.ListGroups(m.t.Context(), as(Viewer), GroupQuery{})
	m.must(err)
	var got, want []string
	for _, g := range page.Groups[1:] {
		got = append(got, fmt.Sprint(g.Name, " ", g.Members, " ", g.Doors))
	}
	for _, group := range modelGroups {
		if m.exists(group) {
			want = append(want, fmt.Sprint(group, " ", members[group], " ", opened[group]))
		}
	}
	if !slices.Equal(got, want) {
		m.r.Fatalf("%q, not %q", got, want)
	}
}

// settingsText returns settings as text.
func settingsText(settings []setting) (text string) {
	for _, s := range settings {
		text += fmt.Sprintf("%s %s; ", s.name, s.value)
	}
	return text
}
