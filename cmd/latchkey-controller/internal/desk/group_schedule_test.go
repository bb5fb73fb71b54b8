package desk

import (
	"testing"

	"latchkey/sync/wire"
)

func TestAGroupOpensDoorsByASchedulesName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	reader := w.readerAt("lab", "Annex", "Lab")
	doors := []Where{{Doors, reader.DoorID}}
	id, err := w.AddSchedule(ctx, owner, ScheduleForm{Name: "Office hours", Hours: &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}})
	w.must(err)
	w.must(w.EditMembers(ctx, owner, "staff", true, []uint64{w.user()}, nil))
	if err := w.GiveAccess(ctx, owner, "staff", "", doors, nil, UseSchedule{Schedule: "Nights"}); Fields(err)["schedule"] == nil {
		t.Errorf("a schedule that there is not: %v", err)
	}
	w.must(w.GiveAccess(ctx, owner, "staff", "", doors, nil, UseSchedule{Schedule: "office hours"}))
	at := func(group string) GroupAccess {
		t.Helper()
		g, err := w.Group(ctx, owner, group)
		w.must(err)
		if len(g.Access) == 0 {
			return GroupAccess{}
		}
		return g.Access[len(g.Access)-1]
	}
	if got := at("staff"); got.Schedule != "Office hours" || got.When().String() != "Office hours (Mon 08:00-18:00)" {
		t.Errorf("%+v: %s", got, got.When())
	}

	// It stays the schedule's when the group is renamed.
	w.must(w.RenameGroup(ctx, owner, "staff", "", "crew"))
	w.must(w.EditSchedule(ctx, owner, id, 0, func(f *ScheduleForm) { f.Hours = &wire.Schedule{Week: []wire.Span{{Day: 2, From: 60, To: 120}}} }))
	if got := at("crew"); got.Schedule != "Office hours" || got.When().String() != "Office hours (Tue 01:00-02:00)" {
		t.Errorf("after it was renamed: %+v: %s", got, got.When())
	}

	// Hours of its own, and the same: they do not follow the schedule any more.
	w.must(w.GiveAccess(ctx, owner, "crew", "", doors, at("crew").Hours, UseSchedule{}))
	if got := at("crew"); got.Schedule != "" || got.When().String() != "Tue 01:00-02:00" {
		t.Errorf("with hours of its own: %+v: %s", got, got.When())
	}
	w.must(w.RemoveSchedule(ctx, owner, id))
}

func TestAGroupWhoseMembersAreOthersByNowIsNotRemovedFromAnOldPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob, alice := w.user(), w.user()
	w.must(w.EditMembers(t.Context(), as(Owner), "temp", true, []uint64{bob}, nil))
	was := w.grouped("temp").Revision()
	w.must(w.EditMembers(t.Context(), as(Owner), "temp", false, []uint64{alice}, []uint64{bob}))
	if err := w.RemoveGroup(t.Context(), as(Owner), "temp", was); Fields(err)["group"] == nil {
		t.Error(err)
	}
	if err := w.RenameGroup(t.Context(), as(Owner), "temp", was, "other"); Fields(err)["group"] == nil {
		t.Error(err)
	}
	w.must(w.RemoveGroup(t.Context(), as(Owner), "temp", w.grouped("temp").Revision()))
}

func TestARemovedReaderKeepsNoGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.reader()
	w.must(w.EditMembers(t.Context(), as(Owner), "guards", true, []uint64{w.user()}, nil))
	w.policy(r, func(p *wire.Policy) {
		p.Access = []wire.Access{{Group: "guards"}}
		p.InLockdown, p.Exempt = []string{"guards"}, []string{"guards"}
		p.Opening = &wire.Opening{Schedule: *evening(), First: "guards"}
	})
	_, err := w.RemoveReader(t.Context(), as(Owner), r, Lost)
	w.must(err)
	w.must(w.RemoveGroup(t.Context(), as(Owner), "guards", ""))
	p, err := w.Policy(t.Context(), as(Owner), r)
	w.must(err)
	if len(groupsIn(p)) != 0 || p.Opening != nil {
		t.Errorf("%+v", p)
	}
}
