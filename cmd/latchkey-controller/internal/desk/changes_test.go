package desk

import (
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestTheAuditSaysWhatChangedFromWhatToWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	policy := func(edit func(*wire.Policy)) func() error {
		return func() error { _, err := w.SetPolicy(t.Context(), as(Owner), id, 0, edit); return err }
	}
	admin, _, err := w.Desk.AddAdmin(t.Context(), as(Owner), "Bob", Viewer, nil)
	w.must(err)
	hub, err := w.AddPlace(t.Context(), as(Owner), Locations, 0, "Annex")
	w.must(err)
	hub, err = w.AddPlace(t.Context(), as(Owner), Hubs, hub, "Hall")
	w.must(err)
	door, err := w.AddPlace(t.Context(), as(Owner), Doors, hub, "Side door")
	w.must(err)
	weekdays := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}, Holiday: []wire.Span{{From: 600, To: 720}}}
	for _, c := range []struct {
		act  func() error
		want string
	}{
		{policy(func(p *wire.Policy) { p.Limit = 5 }), ": wrong PINs in a row from 10 to 5"},
		{policy(func(p *wire.Policy) { p.PIN, p.TimeZone = false, "Europe/Berlin" }), ": time zone from UTC to Europe/Berlin; PIN entry from on to off"},
		{policy(func(p *wire.Policy) { p.Access = append(p.Access, wire.Access{Group: "staff", Schedule: weekdays}) }), ": access of staff from none to Mon 08:00-18:00, holidays 10:00-12:00"},
		// In place, as the console edits it.
		{policy(func(p *wire.Policy) { p.Access[1] = wire.Access{Group: "staff"} }), ": access of staff from Mon 08:00-18:00, holidays 10:00-12:00 to always"},
		{policy(func(p *wire.Policy) { p.Access = p.Access[1:] }), ": access of everyone from always to none"},
		{policy(func(p *wire.Policy) {
			p.Holidays = []wire.Holiday{{Month: 12, Day: 25}, {Year: 2027, Month: 1, Day: 2}}
		}), ": holidays from none to 12-25, 2027-01-02"},
		{func() error { return w.SetRole(t.Context(), as(Owner), admin, Super) }, "Bob is Super Admin now, was Limited Admin (Can View)"},
		{func() error { return w.SetKeepDays(t.Context(), as(Owner), 30) }, ": days that activity is kept from 90 to 30"},
		{func() error {
			_, err := w.SetZone(t.Context(), as(Owner), ZoneForm{Zone: " Europe/Zurich "})
			return err
		}, "Owner changed the time zone of home from UTC to Europe/Zurich"},
		{func() error { return w.MoveReader(t.Context(), as(Owner), id, "", door) }, id + " was moved from Door of " + id + " to Side door"},
	} {
		w.must(c.act())
		if got := w.newest().Text.String(); !strings.HasSuffix(got, c.want) {
			t.Errorf("%q does not end with %q", got, c.want)
		}
	}
}

func TestEachFieldOfAPolicyIsCompared(t *testing.T) {
	t.Parallel()
	was := wire.DefaultPolicy("front", "Front door")
	if says := changes(policySettings(&was, nil), policySettings(&was, nil)); len(says) != 0 {
		t.Errorf("%q though nothing changed", says)
	}
	is := was
	is.Door, is.Place, is.Greeting, is.TimeZone = "a", "b", "c", "d"
	is.PIN, is.ShufflePIN, is.ReleaseOnOpen, is.TamperPauses, is.TamperStopsCard, is.TamperStopsExit = !is.PIN, !is.ShufflePIN, !is.ReleaseOnOpen, !is.TamperPauses, !is.TamperStopsCard, !is.TamperStopsExit
	is.CardsBehind, is.CardsUnstored, is.ExitUnstored, is.SystemTime = !is.CardsBehind, !is.CardsUnstored, !is.ExitUnstored, !is.SystemTime
	is.Limit, is.GuessLimit, is.Unlock, is.Extended, is.HeldAfter = 1, 2, 3, 4, 0
	was.Access, is.Holidays = []wire.Access{{Group: wire.Everyone}}, []wire.Holiday{{Month: 1, Day: 1}}
	is.Exempt, is.InLockdown = []string{"staff"}, []string{"guards"}
	is.Opening = &wire.Opening{Schedule: wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}, First: "staff", After: 86400}
	is.Screen = wire.Screen{Language: "de", LargeText: true, HighContrast: true}
	got := changes(policySettings(&was, nil), policySettings(&is, nil))
	if len(got) != 29 {
		t.Errorf("%d changes, of 29: %s", len(got), got)
	}
	ada, later := &store.User{Name: "A"}, &store.User{Name: "A", Extended: true, From: 86400}
	if got := joined(changes(userSettings(ada, time.UTC), userSettings(later, time.UTC))...); got.String() != "beginning from always to 1970-01-02 00:00 UTC; extended time from off to on" {
		t.Error(got)
	}
}
