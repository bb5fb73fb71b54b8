package desk

import (
	"errors"
	"fmt"
	"testing"

	"latchkey/sync/wire"
)

var christmas, epiphany = wire.Holiday{Month: 12, Day: 25}, wire.Holiday{Year: 2027, Month: 1, Day: 6}

func TestHolidaysOfTheSiteAreThoseOfEachDoorInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	front, back, gone := w.reader(), w.reader(), w.reader()
	_, err := w.RemoveReader(ctx, owner, gone, Returned)
	w.must(err)
	set := func() (revisions []uint64) {
		t.Helper()
		_, err = w.SetHolidays(ctx, owner, []wire.Holiday{epiphany, christmas, epiphany})
		w.must(err)
		for _, reader := range []string{front, back} {
			p := w.look(reader).Policy
			if fmt.Sprint(p.Holidays) != fmt.Sprint([]wire.Holiday{christmas, epiphany}) {
				t.Errorf("%s: %v", reader, p.Holidays)
			}
			revisions = append(revisions, p.Revision)
		}
		return revisions
	}
	if first, second := set(), set(); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("the same holidays again make a new policy: %d, %d", first, second)
	}
	_, err = w.SetPolicy(ctx, owner, back, 0, func(p *wire.Policy) { p.Holidays = p.Holidays[:1] })
	w.must(err)
	h, err := w.Holidays(ctx, owner)
	if err != nil || fmt.Sprint(h) != fmt.Sprint(&Holidays{Days: []wire.Holiday{christmas}, More: []string{"Door of " + front}}) {
		t.Errorf("%+v, %v", h, err)
	}
	w.check()
}

func TestBadHolidaysChangeNoDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	if _, err := w.SetHolidays(ctx, owner, nil); Fields(err)["holidays"] == "" {
		t.Errorf("without a reader: %v", err)
	}
	front, back := w.reader(), w.reader()
	_, err := w.SetPolicy(ctx, owner, back, 0, func(p *wire.Policy) {
		p.Access, p.InLockdown = []wire.Access{{Group: "staff", Schedule: night()}}, []string{"staff"}
	})
	w.must(err)
	_, err = w.SetMode(ctx, owner, Where{}, wire.ModeLockdown, 0)
	w.must(err)
	before := w.look(front).Policy.Revision
	tired := as(Owner)
	tired.FreshSignIn = false
	if _, err := w.SetHolidays(ctx, tired, []wire.Holiday{christmas}); !errors.Is(err, ErrSignInAgain) {
		t.Errorf("what opens a door longer in a lockdown: %v", err)
	}
	if _, err := w.SetHolidays(ctx, owner, []wire.Holiday{{Month: 2, Day: 30}}); Fields(err)["holidays"] == "" {
		t.Errorf("no such day: %v", err)
	}
	if p := w.look(front).Policy; p.Revision != before || len(p.Holidays) != 0 {
		t.Errorf("%+v", p)
	}
}
