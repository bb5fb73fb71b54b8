package desk

import (
	"errors"
	"slices"
	"testing"

	"latchkey/sync/wire"
)

func TestWhoEditsAGroupThatAnotherHasChangedIsTold(t *testing.T) {
	t.Parallel()
	const told = "Somebody else has changed this group; check it again"
	for name, c := range map[string]struct {
		first, second func(w *world, g *Group) error
		want          string // "": the second works as well; "gone": there is no such group
	}{
		"two add members":         {members("ada"), members("bob"), ""},
		"two add the same":        {members("ada"), members("ada"), ""},
		"a new name, and members": {rename("crew"), members("ada"), "gone"},
		"a new name, and another": {rename("crew"), rename("staff"), "gone"},
		"a new name, and access":  {rename("crew"), give, "gone"},
		"removed, and members":    {removeIt, members("ada"), "gone"},
		"removed, and access":     {removeIt, give, "gone"},
		"removed, and a new name": {removeIt, rename("crew"), "gone"},
		"removed twice":           {removeIt, removeIt, "gone"},
		"members, and a new name": {members("ada"), rename("crew"), told},
		"members, and removed":    {members("ada"), removeIt, told},
		"members, and access":     {members("ada"), give, ""},
		"hours, and a new name":   {give, rename("crew"), told},
		"hours, and removed":      {give, removeIt, told},
		"hours, and others":       {give, give, told},
		"hours, and none":         {give, take, told},
		"none, and hours":         {take, give, told},
	} {
		w := newWorld(t)
		g := w.group(w.user())
		for _, name := range []string{"ada", "bob"} {
			_, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: name}, PIN{}, nil)
			w.must(err)
		}
		w.must(c.first(w, g))
		before := w.check()
		was := w.revisions()
		err := c.second(w, g)
		switch {
		case c.want == "" && err != nil, c.want == "gone" && !errors.Is(err, ErrNotFound), c.want == told && Fields(err)["group"].String() != told:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (w.check() != before || !slices.Equal(w.revisions(), was)):
			t.Errorf("%s: refused, and it changed something", name)
		}
	}
}

// revisions returns the state of all groups.
func (w *world) revisions() (all []string) {
	w.t.Helper()
	groups, err := w.Groups(w.t.Context(), as(Viewer))
	w.must(err)
	for _, name := range groups {
		all = append(all, w.grouped(name).Revision())
	}
	return all
}

// The acts of a page that shows the group g.

func members(name string) func(*world, *Group) error {
	return func(w *world, g *Group) error {
		found, err := w.FindUser(w.t.Context(), as(Owner), name)
		w.must(err)
		return w.EditMembers(w.t.Context(), as(Editor), g.Name, false, []uint64{found.ID}, nil)
	}
}

func rename(to string) func(*world, *Group) error {
	return func(w *world, g *Group) error {
		return w.RenameGroup(w.t.Context(), as(Super), g.Name, g.Revision(), to)
	}
}

func removeIt(w *world, g *Group) error {
	return w.RemoveGroup(w.t.Context(), as(Super), g.Name, g.Revision())
}

func give(w *world, g *Group) error {
	return w.GiveAccess(w.t.Context(), as(Super), g.Name, g.AccessRevision(), []Where{{Doors, g.Access[0].DoorID}}, &wire.Schedule{Holiday: []wire.Span{{To: 60}}}, UseSchedule{})
}

func take(w *world, g *Group) error {
	return w.TakeAccess(w.t.Context(), as(Super), g.Name, g.AccessRevision(), []Where{{Doors, g.Access[0].DoorID}})
}

func TestActsOnAGroupThatComeAtOnceAreAllOrNothing(t *testing.T) {
	t.Parallel()
	for range 8 {
		w := newWorld(t)
		ids := []uint64{w.user(), w.user()}
		g := w.group(ids...)
		door := []Where{{Doors, g.Access[0].DoorID}}
		acts := []func() error{
			func() error { return w.RenameGroup(t.Context(), as(Super), g.Name, "", "crew") },
			func() error { return w.RenameGroup(t.Context(), as(Super), g.Name, "", "staff") },
			func() error { return w.RemoveGroup(t.Context(), as(Super), g.Name, g.Revision()) },
			func() error { return w.EditMembers(t.Context(), as(Editor), g.Name, false, nil, ids[:1]) },
			func() error {
				return w.GiveAccess(t.Context(), as(Super), g.Name, g.AccessRevision(), door, nil, UseSchedule{})
			},
		}
		errs := make(chan error, len(acts))
		for _, act := range acts {
			go func() { errs <- act() }()
		}
		for range acts {
			if err := <-errs; err != nil && !errors.Is(err, ErrNotFound) && Fields(err)["group"] == nil {
				t.Error(err)
			}
		}
		// One of the three that end the name has won: it is nowhere, and what it had has one other name at most.
		groups, err := w.Groups(t.Context(), as(Viewer))
		w.must(err)
		if len(groups) > 1 || slices.Contains(groups, g.Name) {
			t.Errorf("%q", groups)
		}
		for _, name := range groups {
			if g := w.grouped(name); g.Doors != 1 || g.Members < 1 || g.Members > 2 {
				t.Errorf("%+v", g)
			}
		}
		w.check()
	}
}
