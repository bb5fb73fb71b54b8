package desk

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestAVisitSaysWhatHasBecomeOfItsDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	reader := w.readerOf(door)
	id := w.invite(w.visit(door, time.Hour))
	hours := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 0, To: 60}}}
	for i, c := range []struct {
		takes bool
		edit  func(*wire.Policy)
		but   string
		opens bool
	}{
		{true, func(p *wire.Policy) {}, "", true},
		{true, func(p *wire.Policy) { p.PIN = false }, "a PIN alone does not open it: PIN entry is switched off", false},
		{true, func(p *wire.Policy) { p.PIN, p.TwoProofs = true, new(wire.TwoProofs) }, "a PIN alone does not open it: the door demands card and PIN, and they have no card", false},
		{true, func(p *wire.Policy) { p.TwoProofs = &wire.TwoProofs{Schedule: hours} }, "", true},
		{false, func(p *wire.Policy) { p.TwoProofs = nil }, "takes no visitors any more", false},
		{false, func(p *wire.Policy) { p.Access = []wire.Access{{Group: wire.Everyone, Schedule: hours}} }, "takes no visitors any more, but everyone may open it at set times, and so may they", true},
		{false, func(p *wire.Policy) { p.Access[0].Schedule = nil }, "takes no visitors any more, but everyone may open it, and so may they", true},
		{false, func(p *wire.Policy) { p.PIN = false }, "takes no visitors any more", false},
	} {
		w.must(w.TakeVisitors(t.Context(), as(Owner), door, c.takes))
		w.policy(reader, c.edit)
		u, err := w.User(t.Context(), as(Viewer), id)
		w.must(err)
		at := u.Visit.Doors[0]
		if at.But().String() != c.but || at.Opens() != c.opens || len(u.Visit.Opened()) == 1 != c.opens {
			t.Errorf("%d: %q, opens: %v; %+v", i, at.But(), at.Opens(), at)
		}
	}
	_, err := w.RemoveReader(t.Context(), as(Owner), reader, Returned)
	w.must(err)
	w.must(w.TakeVisitors(t.Context(), as(Owner), door, true))
	if u, err := w.User(t.Context(), as(Viewer), id); err != nil || u.Visit.Doors[0].But().String() != "a PIN alone does not open it: it has no reader" {
		t.Errorf("without a reader: %+v, %v", u.Visit, err)
	}
}

func TestADoorSaysWhetherEveryoneMayOpenItAtSetTimesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	first, second := w.readerOf(door), w.reader()
	w.must(w.MoveReader(t.Context(), as(Owner), second, "", door))
	hours := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 0, To: 60}}}
	everyone := func(reader string, s *wire.Schedule) {
		w.policy(reader, func(p *wire.Policy) { p.PIN, p.Access = true, []wire.Access{{Group: wire.Everyone, Schedule: s}} })
	}
	everyone(first, hours)
	everyone(second, hours)
	for _, want := range []bool{true, false} {
		doors, err := w.VisitDoors(t.Context(), as(Viewer))
		w.must(err)
		if at := doors[slices.IndexFunc(doors, func(d *VisitDoor) bool { return d.ID == door })]; !at.Everyone || at.AtTimes != want {
			t.Errorf("at set times only: %v, not %v", at.AtTimes, want)
		}
		everyone(second, nil)
	}
}

func TestVisitorsAreSearchedByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	w.user() // who is no visitor
	invite := func(first, last string, begins, ends time.Duration) uint64 {
		form := w.visit(door, ends)
		form.First, form.Last = first, last
		if begins > 0 {
			form.From = w.time.Add(begins).Format(time.RFC3339)
		}
		return w.invite(form)
	}
	late := invite("Łucja", "Adams", 0, 9*time.Hour)
	over := invite("Lucy", "Burns", 0, time.Minute)
	coming := invite("Lucius", "Malfoy", 5*time.Hour, 8*time.Hour)
	invite("Annie", "Cannon", 0, time.Hour)
	here := invite("Ada", "Lucas", 0, 2*time.Hour)
	w.pass(time.Minute)
	for _, c := range []struct {
		q    VisitQuery
		want []uint64
	}{
		{VisitQuery{Search: "luc"}, []uint64{over, here, coming, late}},
		{VisitQuery{Search: "LUC a"}, []uint64{here, late}},
		{VisitQuery{Search: "luc", At: "over"}, []uint64{over}},
		{VisitQuery{Search: "luc", At: "coming"}, []uint64{coming}},
		{VisitQuery{Search: "luc", At: "now"}, []uint64{here, late}},
		{VisitQuery{Search: "visitors-of-door"}, nil},
	} {
		for _, limit := range []int{1, 2, 3, 50} {
			q, got, pages := c.q, []uint64(nil), 0
			for q.Limit = limit; ; pages++ {
				page, err := w.Visitors(t.Context(), as(Viewer), q)
				w.must(err)
				if page.Found != len(c.want) {
					t.Errorf("%+v: %d found", q, page.Found)
				}
				for _, u := range page.Visitors {
					got = append(got, u.ID)
				}
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%+v: %v, not %v", q, got, c.want)
			}
			if most := max(1, (len(c.want)+limit-1)/limit); pages+1 != most {
				t.Errorf("%+v: %d pages, not %d", q, pages+1, most)
			}
		}
	}
}
