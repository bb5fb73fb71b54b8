package desk

import (
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// opens gives a reader an unlock schedule.
func (w *world) opens(reader string, zone string, o *wire.Opening, holidays ...wire.Holiday) {
	w.t.Helper()
	_, err := w.SetPolicy(w.t.Context(), as(Owner), reader, 0, func(p *wire.Policy) { p.Opening, p.TimeZone, p.Holidays = o, zone, holidays })
	w.must(err)
}

func week(spans ...wire.Span) *wire.Opening {
	return &wire.Opening{Schedule: wire.Schedule{Week: spans}}
}

func TestAnUnlockScheduleEndsEarlyUntilItsNextSpan(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		now     time.Time
		zone    string
		opening *wire.Opening
		want    time.Time // zero: it does not unlock now
	}{
		"in a span":                     {monday, "UTC", week(wire.Span{Day: 1, From: 480, To: 1080}), monday.Add(5*time.Hour + 30*time.Minute)},
		"within a minute":               {monday.Add(15 * time.Second), "UTC", week(wire.Span{Day: 1, From: 480, To: 751}), monday.Add(time.Minute)},
		"as it ends":                    {monday, "UTC", week(wire.Span{Day: 1, From: 480, To: 750}), time.Time{}},
		"before it begins":              {monday, "UTC", week(wire.Span{Day: 1, From: 751, To: 1080}), time.Time{}},
		"on another day":                {monday, "UTC", week(wire.Span{Day: 2, From: 480, To: 1080}), time.Time{}},
		"spans that touch":              {monday, "UTC", week(wire.Span{Day: 1, From: 480, To: 780}, wire.Span{Day: 1, From: 780, To: 1080}), monday.Add(5*time.Hour + 30*time.Minute)},
		"spans over midnight":           {monday, "UTC", week(wire.Span{Day: 1, From: 480, To: 1440}, wire.Span{Day: 2, From: 0, To: 120}), monday.Add(13*time.Hour + 30*time.Minute)},
		"in the door's zone":            {monday, "America/New_York", week(wire.Span{Day: 1, From: 420, To: 480}), monday.Add(30 * time.Minute)},
		"ended early already":           {monday, "UTC", &wire.Opening{Schedule: wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}, After: monday.Add(time.Hour).Unix()}, time.Time{}},
		"on a holiday, by its own":      {time.Date(2026, 12, 25, 11, 0, 0, 0, time.UTC), "UTC", &wire.Opening{Schedule: wire.Schedule{Week: []wire.Span{{Day: 5, From: 0, To: 1440}}, Holiday: []wire.Span{{From: 600, To: 720}}}}, time.Date(2026, 12, 25, 12, 0, 0, 0, time.UTC)},
		"into a holiday, which is shut": {time.Date(2026, 12, 24, 22, 0, 0, 0, time.UTC), "UTC", week(wire.Span{Day: 4, From: 0, To: 1440}, wire.Span{Day: 5, From: 0, To: 1440}), time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC)},
		// Berlin, 25 October 2026: 03:00 becomes 02:00, so it is open until the second half past two.
		"in the hour that comes twice": {time.Date(2026, 10, 25, 0, 10, 0, 0, time.UTC), "Europe/Berlin", week(wire.Span{Day: 0, From: 60, To: 180}), time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC)},
		// Berlin, 29 March 2026: 02:00 becomes 03:00.
		"up to the hour that is skipped": {time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC), "Europe/Berlin", week(wire.Span{Day: 0, From: 60, To: 150}), time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.time = c.now
			r := w.readerAt("lab", "Annex", "Lab")
			w.opens("lab", c.zone, c.opening, wire.Holiday{Month: 12, Day: 25})
			before := w.look("lab").Policy
			err := w.EndEarly(t.Context(), as(Editor), Where{Doors, r.DoorID})
			after := w.look("lab").Policy
			if c.want.IsZero() {
				if Fields(err)["where"].String() != "No unlock schedule holds a door open there now" || after.Revision != before.Revision {
					t.Errorf("%v, %+v", err, after.Opening)
				}
				return
			}
			w.must(err)
			if after.Opening.After != c.want.Unix() || after.Revision == before.Revision {
				t.Errorf("until %v, not %v", time.Unix(after.Opening.After, 0).UTC(), c.want)
			}
			if text := w.newest().Text.String(); !strings.HasPrefix(text, "Limited Admin (Can Edit) ended the unlock schedule's hours at Lab early instead of on ") {
				t.Error(text)
			}
			if err := w.EndEarly(t.Context(), as(Editor), Where{}); Fields(err)["where"] == nil {
				t.Errorf("twice: %v", err)
			}
		})
	}
}

func TestOnlyDoorsThatAreOpenNowEndEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	w.readerAt("front", "Main", "Front door")
	w.readerAt("back", "Main", "Back door")
	w.opens("lab", "UTC", week(wire.Span{Day: 1, From: 480, To: 1080}))
	w.opens("front", "UTC", week(wire.Span{Day: 1, From: 480, To: 700}))
	front := w.look("front").Policy.Revision
	w.must(w.EndEarly(t.Context(), as(Owner), Where{}))
	if w.look("lab").Policy.Opening.After == 0 || w.look("front").Policy.Revision != front {
		t.Error("another door has ended early")
	}
	if text := w.newest().Text.String(); text != "Owner ended the unlock schedule's hours at the whole site early instead of on 23 Nov 2026, 18:00" {
		t.Error(text)
	}
	_, err := w.RemoveReader(t.Context(), as(Owner), "lab", Returned)
	w.must(err)
	w.time = w.time.Add(7 * day)
	if err := w.EndEarly(t.Context(), as(Owner), Where{}); Fields(err)["where"] == nil {
		t.Errorf("at a reader that was removed: %v", err)
	}
	w.time = w.time.Add(-7 * day)
	// An edit drops what is over.
	w.time = w.time.Add(day)
	p, err := w.SetPolicy(t.Context(), as(Owner), "lab", 0, func(p *wire.Policy) { p.Limit = 5 })
	if err != nil || p.Opening.After != 0 {
		t.Errorf("%+v, %v", p.Opening, err)
	}
}

func TestASchedulesThatNeverClosesIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	var spans []wire.Span
	for day := range uint8(7) {
		spans = append(spans, wire.Span{Day: day, From: 0, To: 1440})
	}
	w.opens("lab", "UTC", week(spans...))
	if err := w.EndEarly(t.Context(), as(Owner), Where{}); Fields(err)["where"].String() != "The unlock schedule of Lab never closes: change the schedule, or set the mode locked" {
		t.Error(err)
	}
}

func TestGroupsOfModesMustHaveAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	set := func(edit func(*wire.Policy)) error {
		_, err := w.SetPolicy(t.Context(), as(Owner), id, 0, edit)
		return err
	}
	w.must(set(func(p *wire.Policy) {
		p.Access = []wire.Access{{Group: "guards"}, {Group: "staff"}}
		p.Exempt, p.InLockdown, p.Opening = []string{"guards", "staff"}, []string{"guards"}, week(wire.Span{Day: 1, From: 480, To: 1080})
		p.Opening.First = "staff"
	}))
	for _, want := range []string{"exempt while kept locked from none to guards, staff; opening in a lockdown from none to guards; ", "; unlock schedule from none to Mon 08:00-18:00; first person from none to staff; "} {
		if text := w.newest().Text.String(); !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	for field, edit := range map[string]func(*wire.Policy){
		"exempt":      func(p *wire.Policy) { p.Exempt = []string{"cleaners"} },
		"in-lockdown": func(p *wire.Policy) { p.InLockdown = []string{"police"} },
		"opening":     func(p *wire.Policy) { p.Opening.First = "porters" },
	} {
		if text := Fields(set(edit))[field]; !strings.Contains(text.String(), "give it access first") {
			t.Errorf("%s: %q", field, text)
		}
	}
	for field, edit := range map[string]func(*wire.Policy){
		"exempt":      func(p *wire.Policy) { p.Exempt = []string{"staff", "guards"} },
		"in-lockdown": func(p *wire.Policy) { p.InLockdown = []string{"guards", "guards"} },
		"opening":     func(p *wire.Policy) { p.Opening = week() },
	} {
		if err := set(edit); Fields(err)[field] == nil {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := set(func(p *wire.Policy) { p.Access = p.Access[:1] }); Fields(err)["exempt"] == nil || Fields(err)["opening"] == nil {
		t.Errorf("access that is taken from a group: %v", err)
	}
	w.must(set(func(p *wire.Policy) { p.Access, p.Exempt = []wire.Access{{Group: wire.Everyone}}, []string{"cleaners"} }))
	form := w.form(id)
	form.Access = []wire.Access{{Group: "guards"}}
	if _, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil }); Fields(err)["access"] == nil {
		t.Errorf("adopted anew, with less access: %v", err)
	}
}
