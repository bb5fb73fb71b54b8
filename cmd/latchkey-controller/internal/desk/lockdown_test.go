package desk

import (
	"errors"
	"testing"

	"latchkey/sync/wire"
)

// Whatever lets a group in at other times during a lockdown needs the password: at the reader, at
// the group, and at a schedule.
func TestNobodyIsLetInLongerDuringALockdownWithoutThePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.readerAt("lab", "Annex", "Lab")
	ctx, stale := t.Context(), as(Super)
	stale.FreshSignIn = false
	hours, err := ParseHours(map[string]string{"mon": "8-9"})
	w.must(err)
	longer, err := ParseHours(map[string]string{"mon": "8-20"})
	w.must(err)
	id, err := w.AddSchedule(ctx, as(Owner), ScheduleForm{"Rounds", hours})
	w.must(err)
	w.must(w.EditMembers(ctx, as(Owner), "guards", true, []uint64{w.user()}, nil))
	w.must(w.EditMembers(ctx, as(Owner), "crew", true, []uint64{w.user()}, nil))
	doors := []Where{{Doors, reader.DoorID}}
	w.policy("lab", func(p *wire.Policy) { p.Access = nil })
	w.must(w.GiveAccess(ctx, as(Owner), "guards", "", doors, nil, UseSchedule{ID: id}))
	w.policy("lab", func(p *wire.Policy) { p.InLockdown = []string{"guards"} })
	changes := map[string]func(a Actor) error{
		"the schedule is longer": func(a Actor) error { return w.EditSchedule(ctx, a, id, 0, func(f *ScheduleForm) { f.Hours = longer }) },
		"the group comes always": func(a Actor) error { return w.GiveAccess(ctx, a, "guards", "", doors, nil, UseSchedule{}) },
		"so does everyone":       func(a Actor) error { return w.GiveAccess(ctx, a, wire.Everyone, "", doors, nil, UseSchedule{}) },
		"the door's clock is another": func(a Actor) error {
			_, err := w.SetPolicy(ctx, a, "lab", 0, func(p *wire.Policy) { p.TimeZone = "Asia/Tokyo" })
			return err
		},
	}
	w.setMode(Where{}, wire.ModeLockdown, 0)
	was, entries := w.look("lab").Policy.Revision, w.newest().ID
	for what, change := range changes {
		if err := change(stale); !errors.Is(err, ErrSignInAgain) {
			t.Errorf("%s: %v", what, err)
		}
		if w.look("lab").Policy.Revision != was || w.newest().ID != entries {
			t.Errorf("%s: something was done", what)
		}
	}
	w.must(w.GiveAccess(ctx, stale, "crew", "", doors, nil, UseSchedule{}))
	w.must(w.EditSchedule(ctx, stale, id, 0, func(f *ScheduleForm) { f.Name = "Round" }))
	shorter, err := ParseHours(map[string]string{"mon": "8:15-8:45"})
	w.must(err)
	w.must(w.EditSchedule(ctx, stale, id, 0, func(f *ScheduleForm) { f.Hours = shorter }))
	for _, what := range []string{"the schedule is longer", "the group comes always"} {
		if err := changes[what](as(Super)); err != nil {
			t.Errorf("%s, with the password: %v", what, err)
		}
	}
}
