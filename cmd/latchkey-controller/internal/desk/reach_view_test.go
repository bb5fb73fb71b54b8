package desk

import (
	"errors"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAReachSaysWhatOfTheSiteIsOutOfIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	annex := w.annex()
	home := w.look(id).Place
	_, err := w.SetPolicy(t.Context(), as(Owner), id, 0, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}, {Group: wire.Everyone}} })
	w.must(err)
	for _, of := range []struct {
		actor Actor
		out   bool
	}{{as(Super), false}, {w.limitedTo(Super, annex), true}} {
		r, err := w.Reach(t.Context(), of.actor)
		w.must(err)
		if (r != nil) != of.out {
			t.Fatalf("%v", r)
		}
		row := func(groups ...string) *UserRow { return &UserRow{Name: "Ada", row: &store.User{Groups: groups}} }
		for name, err := range map[string]error{"a user": r.User(row("lab", "staff")), "a group": r.Group("staff")} {
			if errors.Is(err, ErrNotAllowed) != of.out {
				t.Errorf("%s of %s: %v", name, home, err)
			}
		}
		for name, err := range map[string]error{"a user": r.User(row("lab")), "everyone": r.Group(wire.Everyone), "somebody new": r.Newcomers()} {
			if errors.Is(err, ErrNotAllowed) != of.out {
				t.Errorf("%s, as everyone may: %v", name, err)
			}
		}
		for name, err := range map[string]error{"a new group": r.Group("lab"), "an unused schedule": r.Schedule(&Schedule{ID: 99})} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	w.opensTo(id, "staff")
	r, err := w.Reach(t.Context(), w.limitedTo(Super, annex))
	w.must(err)
	if err := errors.Join(r.Newcomers(), r.User(&UserRow{row: &store.User{Groups: []string{"lab"}}})); err != nil {
		t.Error(err)
	}
}

func TestALimitThatWasChangedMeanwhileIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.annex(), w.annex()
	id, _, err := w.AddAdmin(t.Context(), as(Owner), "Eve", Super, []int64{two, one})
	w.must(err)
	revision := func() string {
		t.Helper()
		all, err := w.Admins(t.Context(), as(Owner))
		w.must(err)
		for _, a := range all {
			if a.ID == id {
				return a.LimitRevision()
			}
		}
		return ""
	}
	was := revision()
	w.must(w.SetLimit(t.Context(), as(Owner), id, was, []int64{one}))
	for _, locations := range [][]int64{nil, {two}} {
		if err := w.SetLimit(t.Context(), as(Owner), id, was, locations); Fields(err)["administrator"] == nil || !errors.Is(err, ErrChanged) {
			t.Errorf("%v: %v", locations, err)
		}
	}
	w.must(w.SetLimit(t.Context(), as(Owner), id, revision(), nil))
	w.must(w.SetLimit(t.Context(), as(Owner), id, revision(), []int64{two}))
}
