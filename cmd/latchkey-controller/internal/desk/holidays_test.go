package desk

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func dayOf(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

func christmas() *Holiday {
	return &Holiday{Name: "Christmas", First: dayOf(2026, 12, 25), Last: dayOf(2026, 12, 26), Yearly: true}
}

func epiphany() *Holiday {
	return &Holiday{Name: "Epiphany", First: dayOf(2027, 1, 6), Last: dayOf(2027, 1, 6)}
}

// holiday adds one that is past.
func (w *world) holiday() int64 {
	w.t.Helper()
	w.n++
	id, err := w.AddHoliday(w.t.Context(), as(Owner), HolidayForm{Name: fmt.Sprint("Holiday ", w.n), First: fmt.Sprint(2000+w.n, "-03-01")})
	w.must(err)
	return id
}

// holidaysAt returns the holidays in a reader's policy as text.
func (w *world) holidaysAt(reader string) string {
	w.t.Helper()
	return holidaysText(w.look(reader).Policy.Holidays)
}

func TestTheSitesHolidaysAreThoseOfEachDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	id, err := w.AddHoliday(ctx, owner, HolidayForm{Name: " Christmas ", First: "2026-12-25", Last: "2026-12-26", Yearly: true})
	w.must(err)
	front, back, gone := w.reader(), w.reader(), w.reader()
	if got := w.holidaysAt(front); got != "12-25, 12-26" {
		t.Errorf("a reader that is adopted afterwards: %s", got)
	}
	_, err = w.RemoveReader(ctx, owner, gone, Returned)
	w.must(err)
	_, err = w.SetPolicy(ctx, owner, back, 0, func(p *wire.Policy) { p.Holidays = []wire.Holiday{{Month: 3, Day: 19}} })
	w.must(err)
	if got := w.holidaysAt(back); got != "03-19, 12-25, 12-26" {
		t.Errorf("with one of its own: %s", got)
	}
	w.must(w.EditHoliday(ctx, owner, id, 1, HolidayForm{Name: "Christmas", First: "2026-12-24", Last: "2026-12-25", Yearly: true}))
	if front, back := w.holidaysAt(front), w.holidaysAt(back); front != "12-24, 12-25" || back != "03-19, 12-24, 12-25" {
		t.Errorf("after an edit: %s; %s", front, back)
	}
	revision := w.look(front).Policy.Revision
	w.must(w.EditHoliday(ctx, owner, id, 2, HolidayForm{Name: "Christmas holidays", First: "2026-12-24", Last: "2026-12-25", Yearly: true}))
	if is := w.look(front).Policy.Revision; is != revision {
		t.Errorf("another name makes policy %d of %d", is, revision)
	}
	if err := w.EditHoliday(ctx, owner, id, 2, HolidayForm{Name: "X", First: "2026-12-24"}); !errors.Is(err, ErrChanged) {
		t.Errorf("an edit of what somebody has changed since: %v", err)
	}
	h, err := w.Holidays(ctx, owner)
	w.must(err)
	if len(h.All) != 1 || h.All[0].Name != "Christmas holidays" || !slices.Equal(h.More, []string{"Door of " + back}) || h.Lack != nil {
		t.Errorf("%+v", h)
	}
	w.must(w.RemoveHoliday(ctx, owner, id))
	if front, back := w.holidaysAt(front), w.holidaysAt(back); front != "" || back != "03-19" {
		t.Errorf("after the removal: %s; %s", front, back)
	}
	if err := w.RemoveHoliday(ctx, owner, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
	w.check()
}

// A door's own days are a matter of its own: nothing that happens to the site's list takes one away,
// and a policy is never without a day of the list.
func TestADoorKeepsItsOwnHolidaysWhateverTheSitesListDoes(t *testing.T) {
	w := newWorld(t)
	front, back := w.reader(), w.reader()
	rapid.Check(t, func(r *rapid.T) {
		ctx, owner := t.Context(), as(Owner)
		w.must(w.SetHolidays(ctx, owner, nil))
		own := map[string][]wire.Holiday{}
		for _, reader := range []string{front, back} {
			_, err := w.SetPolicy(ctx, owner, reader, 0, func(p *wire.Policy) { p.Holidays = nil })
			w.must(err)
		}
		list := map[uint8]bool{}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			at := uint8(rapid.IntRange(1, 4).Draw(r, "day"))
			if rapid.Bool().Draw(r, "of the site") {
				list[at] = !list[at]
				var all []Holiday
				for at, is := range list {
					if is {
						all = append(all, Holiday{First: dayOf(2026, 5, int(at)), Last: dayOf(2026, 5, int(at)), Yearly: true})
					}
				}
				w.must(w.SetHolidays(ctx, owner, all))
			} else {
				reader, d := rapid.SampledFrom([]string{front, back}).Draw(r, "reader"), wire.Holiday{Month: 5, Day: at}
				if i := slices.Index(own[reader], d); i >= 0 {
					own[reader] = slices.Delete(own[reader], i, i+1)
				} else if !list[at] { // otherwise it is there already
					own[reader] = store.JoinHolidays(own[reader], []wire.Holiday{d})
				}
				// what a form shows, and what a file has
				whole := rapid.Bool().Draw(r, "with the site's")
				_, err := w.SetPolicy(ctx, owner, reader, 0, func(p *wire.Policy) {
					sites := slices.DeleteFunc(p.Holidays, func(d wire.Holiday) bool { return !whole || !list[d.Day] || d.Day == at })
					p.Holidays = store.JoinHolidays(own[reader], sites)
				})
				w.must(err)
			}
			var sites []wire.Holiday
			for at, is := range list {
				if is {
					sites = append(sites, wire.Holiday{Month: 5, Day: at})
				}
			}
			for _, reader := range []string{front, back} {
				if want := holidaysText(store.JoinHolidays(own[reader], sites)); w.holidaysAt(reader) != want {
					r.Fatalf("%s has %s, not %s", reader, w.holidaysAt(reader), want)
				}
				got, err := w.OwnHolidays(ctx, owner, reader)
				w.must(err)
				if holidaysText(got) != holidaysText(own[reader]) {
					r.Fatalf("%s has %s of its own, not %s", reader, holidaysText(got), holidaysText(own[reader]))
				}
			}
		}
	})
}

func TestAReaderThatComesBackHasTheHolidaysOfNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	w.must(w.SetHolidays(ctx, owner, []Holiday{*christmas()}))
	reader := w.reader()
	_, err := w.RemoveReader(ctx, owner, reader, Returned)
	w.must(err)
	w.must(w.SetHolidays(ctx, owner, []Holiday{*epiphany()}))
	w.adopts(reader, "Main building")
	if got := w.holidaysAt(reader); got != "2027-01-06" {
		t.Error(got)
	}
}

func TestBadHolidaysChangeNoDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	front, back := w.reader(), w.reader()
	_, err := w.SetPolicy(ctx, owner, back, 0, func(p *wire.Policy) {
		p.Access, p.InLockdown = []wire.Access{{Group: "staff", Schedule: night()}}, []string{"staff"}
		for i := range wire.MaxHolidays - 1 {
			p.Holidays = append(p.Holidays, wire.Holiday{Year: uint16(2100 + i), Month: 1, Day: 1})
		}
	})
	w.must(err)
	_, err = w.SetMode(ctx, owner, Where{}, wire.ModeLockdown, 0)
	w.must(err)
	before := w.look(front).Policy.Revision
	tired := as(Owner)
	tired.FreshSignIn = false
	if _, err := w.AddHoliday(ctx, tired, HolidayForm{Name: "A", First: "2027-01-06"}); !errors.Is(err, ErrSignInAgain) {
		t.Errorf("what opens a door longer in a lockdown: %v", err)
	}
	for _, c := range []struct {
		form  HolidayForm
		field string
	}{
		{HolidayForm{Name: "", First: "2027-01-06"}, "name"},
		{HolidayForm{Name: "a\x00", First: "2027-01-06"}, "name"},
		{HolidayForm{Name: "A", First: "2027-02-29"}, "first"},
		{HolidayForm{Name: "A", First: "06.01.2027"}, "first"},
		{HolidayForm{Name: "A", First: "2027-01-06", Last: "x"}, "last"},
		{HolidayForm{Name: "A", First: "2027-01-06", Last: "2027-01-05"}, "last"},
		{HolidayForm{Name: "A", First: "2027-01-06", Last: "2027-06-05"}, "last"},
		{HolidayForm{Name: "A", First: "2027-01-06", Last: "2027-01-07"}, "holidays"}, // one too many for the back door
	} {
		if _, err := w.AddHoliday(ctx, owner, c.form); Fields(err)[c.field] == nil {
			t.Errorf("%+v: %v", c.form, err)
		}
	}
	if err := w.SetHolidays(ctx, owner, []Holiday{{First: dayOf(2027, 1, 1), Last: dayOf(2026, 1, 1)}}); Fields(err)["holidays"] == nil {
		t.Errorf("no such days: %v", err)
	}
	if p := w.look(front).Policy; p.Revision != before || len(p.Holidays) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestHolidaysThatArePastGoTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	now := w.time
	on := func(days int) Holiday {
		at := now.AddDate(0, 0, days).Truncate(24 * time.Hour)
		return Holiday{Name: fmt.Sprint(days), First: at, Last: at}
	}
	yearly := *christmas()
	yearly.First, yearly.Last = dayOf(2001, 12, 25), dayOf(2001, 12, 25)
	w.must(w.SetHolidays(ctx, owner, []Holiday{on(-400), on(-2), on(-1), on(0), on(1), yearly}))
	n, err := w.RemovePastHolidays(ctx, owner)
	w.must(err)
	h, err := w.Holidays(ctx, owner)
	w.must(err)
	var left []string
	for _, h := range h.All {
		left = append(left, h.Name)
	}
	if n != 2 || !slices.Equal(left, []string{"Christmas", "-1", "0", "1"}) {
		t.Errorf("%d went, and %q are left", n, left)
	}
	entries := w.newest().ID
	if n, err := w.RemovePastHolidays(ctx, owner); n != 0 || err != nil || w.newest().ID != entries {
		t.Errorf("nothing to remove: %d, %v, and it is noted", n, err)
	}
}

func TestHolidaysAreSaidAsPeopleSayThem(t *testing.T) {
	for want, h := range map[string]*Holiday{
		"25 and 26 December each year":       christmas(),
		"24 to 26 December 2026":             {First: dayOf(2026, 12, 24), Last: dayOf(2026, 12, 26)},
		"6 January 2027":                     epiphany(),
		"30 November to 1 December 2026":     {First: dayOf(2026, 11, 30), Last: dayOf(2026, 12, 1)},
		"31 December 2026 to 1 January 2027": {First: dayOf(2026, 12, 31), Last: dayOf(2027, 1, 1)},
		"31 December to 1 January each year": {First: dayOf(2026, 12, 31), Last: dayOf(2027, 1, 1), Yearly: true},
		"29 February each year":              {First: dayOf(2028, 2, 29), Last: dayOf(2028, 2, 29), Yearly: true},
	} {
		if got := HolidayText(h).String(); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

// noHolidayIsLacking is part of what is checked of a site: each policy in force has the site's days.
func noHolidayIsLacking(tx *store.Tx) error {
	all, err := tx.Holidays()
	if err != nil {
		return err
	}
	policies, err := policiesInForce(tx)
	for _, p := range policies {
		for _, d := range store.HolidayDays(all) {
			if !slices.Contains(p.Holidays, d) {
				return fmt.Errorf("%s lacks the holiday %v", p.Reader, d)
			}
		}
		if own, err := site.OwnHolidays(tx, p, store.HolidayDays(all)); err != nil || len(store.JoinHolidays(own, store.HolidayDays(all))) != len(p.Holidays) {
			return fmt.Errorf("%s has %v, of its own %v, %w", p.Reader, p.Holidays, own, err)
		}
	}
	return err
}
