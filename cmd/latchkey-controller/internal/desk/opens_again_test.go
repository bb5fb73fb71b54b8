package desk

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestADoorOpensAgainWhenItIsSaidTo(t *testing.T) {
	t.Parallel()
	var said, never int
	rapid.Check(t, func(t *rapid.T) {
		// Clocks change at night in New York on 8 March 2026 and 1 November, in Auckland on 5 April and 27 September.
		now := rapid.SampledFrom([]time.Time{
			time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC), time.Date(2026, 3, 8, 6, 59, 0, 0, time.UTC), time.Date(2026, 11, 1, 5, 30, 0, 0, time.UTC),
			time.Date(2026, 4, 4, 13, 10, 0, 0, time.UTC), time.Date(2026, 9, 26, 13, 0, 0, 0, time.UTC),
		}).Draw(t, "now")
		r := &Reader{Bundle: 1, Policy: drawPolicy(t, now), Level: store.LevelUnknown}
		credentials := drawPerson(t, now)
		if len(credentials) == 0 {
			return
		}
		var from int64 // of the person: a PIN that was used elsewhere has ended, and may say an earlier one
		for _, c := range credentials {
			from = max(from, c.From)
		}
		w := r.doorway(now)
		a := &Access{Hours: r.Policy.Hours(&credentials[0]), Two: r.Policy.TwoProofs, From: moment(from)}
		a.PIN, a.Card = w.takes(credentials)
		if w.opens(a, credentials) {
			return
		}
		again := w.again(a, credentials)
		end := now.AddDate(0, 0, lookAhead-1)
		if !again.IsZero() {
			said++
			if end = again; !again.After(now) || !r.doorway(again).opens(a, credentials) {
				t.Fatalf("it does not open on %v", again)
			}
		} else {
			never++
		}
		// Drawn schedules begin on the hour, and drawn dates within minutes.
		for at := now.Add(time.Minute); at.Before(end); at = at.Add(time.Minute) {
			if at.Sub(now) > 5*time.Minute {
				at = at.Truncate(15 * time.Minute).Add(15 * time.Minute)
			}
			if at.Before(end) && r.doorway(at).opens(a, credentials) {
				t.Fatalf("it opens on %v already, not %v", at, again)
			}
		}
	})
	if said == 0 || never == 0 {
		t.Errorf("%d times it opens again, %d times it does not", said, never)
	}
}

func TestDoorsAreSummedUpEachOnce(t *testing.T) {
	t.Parallel()
	eight, nine := time.Unix(8*3600, 0), time.Unix(9*3600, 0)
	x, y, z := language.Data("x"), language.Data("y"), language.Data("z")
	for name, c := range map[string]struct {
		all  []*Access
		want DoorsNow
	}{
		"none":               {},
		"several":            {[]*Access{{DoorID: 1, Door: "Lab"}, {DoorID: 2, Door: "Front door"}}, DoorsNow{Open: []string{"Lab", "Front door"}}},
		"two of a name":      {[]*Access{{DoorID: 1, Door: "Lab", Place: "A"}, {DoorID: 2, Door: "Lab", Place: "B"}}, DoorsNow{Open: []string{"Lab (A)", "Lab (B)"}}},
		"two readers":        {[]*Access{{DoorID: 1, Door: "Lab", Never: x, Unsure: y}, {DoorID: 1, Door: "Lab"}}, DoorsNow{Open: []string{"Lab"}}},
		"the unsure opens":   {[]*Access{{DoorID: 1, Door: "Lab", Never: x}, {DoorID: 1, Door: "Lab", Unsure: y}}, DoorsNow{Open: []string{"Lab"}, Unsure: []string{"Lab"}}},
		"held":               {[]*Access{{DoorID: 1, Door: "Lab", Not: x, Opens: eight, Held: true}}, DoorsNow{Everybody: []string{"Lab"}}},
		"again, by time":     {[]*Access{{DoorID: 1, Door: "Lab", Not: x, Opens: nine}, {DoorID: 2, Door: "Yard", Not: x, Opens: eight}, {DoorID: 3, Door: "Hall", Not: x, Opens: nine}}, DoorsNow{Later: []DoorsLater{{[]string{"Yard"}, eight}, {[]string{"Lab", "Hall"}, nine}}}},
		"the earlier of two": {[]*Access{{DoorID: 1, Door: "Lab", Not: x, Opens: nine}, {DoorID: 1, Door: "Lab", Not: x, Opens: eight}}, DoorsNow{Later: []DoorsLater{{[]string{"Lab"}, eight}}}},
		"one reason":         {[]*Access{{DoorID: 1, Door: "Lab", Never: x}, {DoorID: 2, Door: "Yard", Not: x}, {DoorID: 3, Door: "Hall", Not: z}}, DoorsNow{Shut: []DoorsShut{{[]string{"Lab", "Yard"}, x}, {[]string{"Hall"}, z}}}},
	} {
		if got := SumUp(c.all); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, not %+v", name, got, c.want)
		}
	}
}

func TestWhoseHoursHaveNotBegunIsToldWhenTheyDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, user := w.reader(), w.withPIN()
	w.says(id, wire.ModeState{Mode: wire.ModeNormal})
	w.live.states[0].State.Condition.ClockTrusted = true
	w.oldPolicy(id, func(p *wire.Policy) { p.Access[0].Schedule = evening() })
	w.live.states[0].State.PolicyRevision = w.look(id).Policy.Revision
	a := w.access(user)[0]
	if want := w.time.Truncate(24 * time.Hour).Add(18 * time.Hour); a.Not.String() == "" || !a.Opens.Equal(want) {
		t.Errorf("%v: not for %q, again on %v", w.time, a.Not, a.Opens)
	}
	for asked, want := range map[bool]time.Time{false: {}, true: a.Opens} { // of a door's many users only if asked
		if at := w.openers(id, OpenerQuery{Opens: asked}).Openers[0].At[0]; at.Not.String() != a.Not.String() || !at.Opens.Equal(want) {
			t.Errorf("asked %t: not for %q, again on %v", asked, at.Not, at.Opens)
		}
	}
	w.pass(a.Opens.Sub(w.time))
	if a := w.access(user)[0]; a.Not.String() != "" || !a.Opens.IsZero() {
		t.Errorf("then not for %q, again on %v", a.Not, a.Opens)
	}
	w.oldPolicy(id, func(p *wire.Policy) { p.Access[0].Schedule, p.PIN = nil, false })
	if a := w.access(user)[0]; !a.Opens.IsZero() {
		t.Errorf("without PINs again on %v", a.Opens)
	}
	// Only the readers that matter are read.
	other := w.reader()
	w.oldPolicy(other, func(p *wire.Policy) { p.Access[0].Group = "lab" })
	readers, err := w.ReadersOf(t.Context(), as(Viewer), user)
	if err != nil || len(readers) != 1 || readers[0].ID != id {
		t.Error(readers, err)
	}
	w.oldPolicy(id, func(p *wire.Policy) { p.Access = nil })
	if readers, err := w.ReadersOf(t.Context(), as(Viewer), user); err != nil || len(readers) != 0 {
		t.Error(readers, err)
	}
}
