package desk

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/sync/wire"
)

func TestATimeIsReadInTheSitesZoneUnlessItSaysAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setZone("Europe/Zurich")
	for _, c := range []struct{ from, until, is string }{ // is: in UTC, or the error
		{"2026-12-01T00:00", "", "2026-11-30 23:00 -"},
		{"2026-12-01 00:00", "", "2026-11-30 23:00 -"},
		{"2026-12-01", "2026-12-31", "2026-11-30 23:00 - 2026-12-31 23:00"},
		{"2026-12-01T00:00:00Z", "2026-12-01T00:00-05:00", "2026-12-01 00:00 - 2026-12-01 05:00"},
		{"2026-03-29T02:30", "", "from: There is no 02:30 on 29 Mar 2026 in Europe/Zurich: clocks go from 02:00 to 03:00 then"},
		{"", "2026-03-29T02:30", "until: There is no 02:30 on 29 Mar 2026 in Europe/Zurich: clocks go from 02:00 to 03:00 then"},
		{"2026-03-29T02:30+01:00", "", "2026-03-29 01:30 -"},
		{"2026-10-25T02:30", "2026-10-25T02:30+01:00", "2026-10-25 00:30 - 2026-10-25 01:30"},
		{"2026-12-02", "2026-12-01", "until: The end must be after the beginning"},
	} {
		id, _, err := w.AddUser(t.Context(), as(Editor), UserForm{First: "Ada", From: c.from, Until: c.until}, PIN{}, nil)
		var is []string
		for field, wrong := range Fields(err) {
			is = append(is, field+": "+wrong.String())
		}
		if err == nil {
			u := w.person(id)
			at := func(t time.Time) string {
				if t.IsZero() {
					return ""
				}
				return t.UTC().Format("2006-01-02 15:04")
			}
			is = []string{strings.TrimSpace(at(u.From) + " - " + at(u.Until))}
		}
		if !slices.Equal(is, []string{c.is}) {
			t.Errorf("from %q until %q: %q, not %q", c.from, c.until, is, c.is)
		}
	}
}

func TestAnotherZoneOfTheSiteMovesNoMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, _, err := w.AddUser(t.Context(), as(Editor), UserForm{First: "Ada", Until: "2026-12-01T00:00"}, PIN{}, nil)
	w.must(err)
	reader := w.reader()
	w.setZone("America/New_York")
	if u := w.person(id); !u.Until.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)) {
		t.Error(u.Until)
	}
	if p := w.look(reader).Policy; p.TimeZone != "UTC" {
		t.Errorf("the door is in %s now", p.TimeZone)
	}
	w.must(w.EditUser(t.Context(), as(Editor), id, "", nil, func(f *UserForm) {
		if f.Until != "2026-11-30T19:00" {
			t.Errorf("until %s", f.Until)
		}
		f.Until = "2026-11-30T20:00"
	}))
	if u := w.person(id); !u.Until.Equal(time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)) {
		t.Error(u.Until)
	}
	if got := w.newest().Text.String(); !strings.HasSuffix(got, "end from 2026-11-30 19:00 EST to 2026-11-30 20:00 EST") {
		t.Error(got)
	}
	for _, name := range []string{"", "Local", "Mars/Olympus"} {
		if _, err := w.SetZone(t.Context(), as(Owner), ZoneForm{Zone: name}); !strings.HasSuffix(Fields(err)["zone"].String(), "write one like Europe/Berlin, or UTC") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWithTheSitesZoneThoseDoorsGetItThatHadTheOneOfBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lab, annex, gone := w.reader(), w.reader(), w.reader()
	_, err := w.SetPolicy(t.Context(), as(Owner), annex, 0, func(p *wire.Policy) { p.TimeZone = "tokyo" })
	w.must(err)
	_, err = w.RemoveReader(t.Context(), as(Owner), gone, Returned)
	w.must(err)
	is := func() *SiteZone {
		t.Helper()
		z, err := w.SiteZone(t.Context(), as(Owner))
		w.must(err)
		return z
	}
	shown := is()
	if shown.Chosen || len(shown.Doors) != 1 || !shown.Others || shown.Zone.String() != "UTC" {
		t.Fatalf("at first: %+v", shown)
	}
	third := w.reader() // whoever was shown one door is not asked about this one
	_, err = w.SetZone(t.Context(), as(Owner), ZoneForm{Zone: "Europe/Berlin", Doors: true, Revision: shown.Revision})
	if !errors.Is(err, ErrChanged) || Fields(err)["zone"] == nil {
		t.Errorf("with one more door: %v", err)
	}
	did, err := w.SetZone(t.Context(), as(Owner), ZoneForm{Zone: "berlin", Doors: true, Revision: is().Revision})
	if w.must(err); did.From != "UTC" || did.To != "Europe/Berlin" || !slices.Equal(did.Doors, []string{"Door of " + lab, "Door of " + third}) {
		t.Errorf("it did %+v", did)
	}
	if got := w.newest().Text.String(); got != "Owner changed the time zone of home from UTC to Europe/Berlin, and that of 2 doors: Door of "+lab+", Door of "+third {
		t.Error(got)
	}
	if p := w.policyOf(gone); p.TimeZone != "Europe/Berlin" {
		t.Errorf("the reader that may come back is in %s", p.TimeZone)
	}
	for reader, want := range map[string]string{lab: "Europe/Berlin", third: "Europe/Berlin", annex: "Asia/Tokyo"} {
		if p := w.look(reader).Policy; p.TimeZone != want {
			t.Errorf("%s is in %s", reader, p.TimeZone)
		}
	}
	if now := is(); !now.Chosen || len(now.Doors) != 2 || !now.Others || now.Zone.String() != "Europe/Berlin" {
		t.Errorf("afterwards: %+v", now)
	}
}

func TestAZoneThatStaysMovesNoDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reader()
	did, err := w.SetZone(t.Context(), as(Owner), ZoneForm{Zone: "UTC", Doors: true})
	if w.must(err); did.From != "UTC" || did.To != "UTC" || did.Doors != nil {
		t.Errorf("it did %+v", did)
	}
	if got := w.newest().Text.String(); got != "Owner changed the time zone of home: it stays UTC" {
		t.Error(got)
	}
}

func TestTheSitesZoneIsReadAndSetWithoutTheDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reader()
	broken := w.reader()
	sitetest.Execute(t, w.dir, `UPDATE policies SET policy = substr(policy, 1, 3) WHERE reader_id = '`+broken+`'`)
	if z, err := w.ChosenZone(t.Context(), as(Owner)); err != nil || z.Chosen || z.Zone.String() != "UTC" {
		t.Errorf("%+v, %v", z, err)
	}
	w.setZone("Europe/Zurich")
	if z, err := w.ChosenZone(t.Context(), as(Owner)); err != nil || !z.Chosen || z.Zone.String() != "Europe/Zurich" {
		t.Errorf("%+v, %v", z, err)
	}
	if _, err := w.SiteZone(t.Context(), as(Owner)); err == nil || !strings.Contains(err.Error(), broken) {
		t.Errorf("of a policy that cannot be read: %v", err)
	}
	if _, err := w.SetZone(t.Context(), as(Owner), ZoneForm{Zone: "UTC", Doors: true}); err == nil || !strings.Contains(err.Error(), broken) {
		t.Errorf("of a policy that cannot be read: %v", err)
	}
}

func TestAnOwnerMayLeaveTheSiteInUTC(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	steps := func() FirstSteps {
		t.Helper()
		s, err := w.FirstSteps(t.Context(), as(Owner))
		w.must(err)
		return s
	}
	w.SetZone(t.Context(), as(Editor), ZoneForm{Zone: "UTC"})
	w.SetZone(t.Context(), as(Owner), ZoneForm{Zone: "Mars"})
	w.must(w.SetKeepDays(t.Context(), as(Owner), 91))
	if s := steps(); s.Zone || s.Hidden {
		t.Errorf("nobody has chosen: %+v", s)
	}
	w.must(w.HideFirstSteps(t.Context(), as(Owner)))
	if s := steps(); s.Zone || !s.Hidden {
		t.Errorf("it is not asked for again: %+v", s)
	}
	w.setZone("UTC")
	if got := w.newest().Text.String(); got != "Owner changed the time zone of home: it stays UTC" {
		t.Error(got)
	}
	if !steps().Zone {
		t.Error("it was chosen")
	}
	w = newWorld(t)
	w.pass(91 * day)
	if !steps().Zone {
		t.Error("the audit may no longer have who chose it")
	}
}

func TestDatesAreSaidForEachZoneInWhichTheUserCanOpenADoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setZone("Europe/Zurich")
	for door, c := range map[string]struct{ zone, group string }{
		"Office": {"Europe/Zurich", wire.Everyone},
		"Depot":  {"Europe/Berlin", wire.Everyone}, // its clocks show the same time
		"Lobby":  {"America/New_York", wire.Everyone}, "Garage": {"America/New_York", "staff"}, "Roof": {"America/New_York", "staff"}, "Shed": {"America/New_York", "staff"}, "Vault": {"America/New_York", "staff"},
		"Shop": {"Asia/Tokyo", "staff"}, "Attic": {"Asia/Seoul", "cleaners"},
		"Annex": {"Africa/Algiers", wire.Everyone}, // an hour behind in summer
	} {
		form := w.form(strings.ToLower(door))
		form.Door, form.TimeZone, form.Access = door, c.zone, []wire.Access{{Group: c.group}}
		_, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
		w.must(err)
	}
	for _, c := range []struct {
		form UserForm
		want []string
	}{
		{UserForm{}, nil},
		{UserForm{Until: "2026-12-01T00:00"}, []string{"at Lobby (America/New_York) until 30 Nov 2026, 18:00"}},
		{UserForm{From: "2026-07-01", Groups: []string{"staff"}}, []string{
			"at Annex (Africa/Algiers) from 30 Jun 2026, 23:00",
			"at Garage, Lobby, Roof and 2 more doors (America/New_York) from 30 Jun 2026, 18:00",
			"at Shop (Asia/Tokyo) from 1 Jul 2026, 07:00",
		}},
		{UserForm{From: "2026-10-31", Until: "2026-11-01T06:30"}, []string{"at Lobby (America/New_York) from 30 Oct 2026, 19:00 until 1 Nov 2026, 01:30 EDT"}},
	} {
		c.form.First = "Ada"
		id, _, err := w.AddUser(t.Context(), as(Editor), c.form, PIN{}, nil)
		w.must(err)
		typed, err := w.Elsewhere(t.Context(), as(Viewer), c.form)
		w.must(err)
		for how, all := range map[string][]ZoneDates{"kept": w.person(id).Elsewhere, "typed": typed} {
			var got []string
			for _, there := range all {
				got = append(got, there.Said().String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, %+v: %q", how, c.form, got)
			}
		}
	}
	if all, err := w.Elsewhere(t.Context(), as(Viewer), UserForm{From: "soon", Until: "2026-12-01"}); err != nil || len(all) == 0 || !all[0].From.IsZero() {
		t.Errorf("half a form: %v, %v", all, err)
	}
}

func TestWhatHappenedAtADoorOfAnotherZoneSaysWhatItsClocksShowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setZone("Europe/Zurich")
	for id, zone := range map[string]string{"here": "Europe/Berlin", "there": "America/New_York"} {
		form := w.form(id)
		form.TimeZone = zone
		_, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
		w.must(err)
		w.records(id, &wire.Record{Kind: wire.DoorOpened})
	}
	page, err := w.Activity(t.Context(), as(Viewer), Query{})
	w.must(err)
	for _, e := range page.Events {
		if e.Source == "admin" || e.Reader == "here" {
			if e.DoorZone != nil {
				t.Errorf("%s is told in %s too", e.Text, e.DoorZone)
			}
		} else if e.DoorZone == nil || e.DoorZone.String() != "America/New_York" {
			t.Errorf("%s: %v", e.Text, e.DoorZone)
		}
	}
	if len(page.Events) < 2 {
		t.Errorf("%d entries", len(page.Events))
	}
}
