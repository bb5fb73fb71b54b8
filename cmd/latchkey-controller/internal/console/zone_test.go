package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func TestFieldsSayTheirZoneAndAreReadInIt(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	b.get("/users").shows(t, http.StatusOK, "Times are in UTC.")
	b.post("/settings/zone", "zone", "Mars/Olympus").shows(t, http.StatusUnprocessableEntity, "Unknown time zone", `value="Mars/Olympus"`)
	b.post("/settings/zone", "zone", "Europe/Zurich").shows(t, http.StatusOK, "Saved.", `name="zone" type="text" value="Europe/Zurich"`, "Times are in Europe/Zurich.")
	b.get("/settings/audit").shows(t, http.StatusOK, "changed the time zone of home from UTC to Europe/Zurich")
	b.get("/users").shows(t, http.StatusOK, "Times are in Europe/Zurich.")
	b.get("/activity").shows(t, http.StatusOK, "From (Europe/Zurich)", "Until, included (Europe/Zurich)")
	b.get("/users/new").shows(t, http.StatusOK, "Valid from In Europe/Zurich", "Valid until In Europe/Zurich", `name="zone" value="Europe/Zurich"`)

	b.post("/users/1", "zone", "Europe/Zurich", "first", "Ada", "last", "Lovelace", "until", "2026-12-01T00:00").shows(t, http.StatusOK, "Saved", `value="2026-12-01T00:00"`)
	until := func() time.Time {
		u, err := w.desk.User(t.Context(), owner, 1)
		w.must(err)
		return u.Until.UTC()
	}
	if at := until(); !at.Equal(time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)) {
		t.Error(at)
	}
	// A page that was opened before the zone was changed means what it said.
	page := b.get("/users/1?tab=about")
	b.post("/settings/zone", "zone", "America/New_York")
	was := regexp.MustCompile(`name="revision" value="([^"]*)"`).FindStringSubmatch(page.body)[1]
	b.post("/users/1", "revision", was, "zone", "Europe/Zurich", "first", "Ada", "until", "2026-12-02T00:00").shows(t, http.StatusOK, "Saved", `value="2026-12-01T18:00"`)
	if at := until(); !at.Equal(time.Date(2026, 12, 1, 23, 0, 0, 0, time.UTC)) {
		t.Error(at)
	}
	got := b.post("/users/1", "zone", "Europe/Zurich", "first", "Ada", "until", "2026-03-29T02:30")
	got.shows(t, http.StatusUnprocessableEntity, "There is no 02:30 on 29 Mar 2026 in Europe/Zurich: clocks go from 02:00 to 03:00 then.", "Valid until In Europe/Zurich")
	// The second half past one of that night is told from the first.
	b.post("/users/1", "first", "Ada", "from", "2026-11-01T01:30").shows(t, http.StatusOK, "Saved")
	w.visitor(desk.Viewer).get("/users/1?tab=about").shows(t, http.StatusOK, "from 1 Nov 2026, 01:30 EDT America/New_York")
}

func TestTheSitesZoneIsOfferedToTheDoorsThatHadTheOneOfBefore(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	page := b.get("/settings")
	page.shows(t, http.StatusOK, "Nobody has chosen the zone yet", "Also for the 1 door that is in UTC now", "The hours of Front door then count in the new zone. Other doors keep theirs.", "Front door", `name="zone-doors" value="on" checked`)
	revision := func() string {
		return regexp.MustCompile(`name="zone-revision" value="([^"]+)"`).FindStringSubmatch(b.get("/settings").body)[1]
	}
	was := revision()
	w.adopt("back-door", "Back door", "Main building")
	b.post("/settings/zone", "zone", "berlin", "zone-doors", "on", "zone-revision", was).shows(t, http.StatusUnprocessableEntity, "or which doors have it", `value="berlin" `, "Also for the 2 doors that are in UTC now", `name="zone-doors" value="on" checked`)
	b.post("/settings/zone", "zone", "berlin", "zone-doors", "on", "zone-revision", revision()).shows(t, http.StatusOK, "Saved. Times are now shown in this zone. The doors that were in the old one are in it, too", "Times are in Europe/Berlin.")
	b.get("/doors/1?tab=hours").shows(t, http.StatusOK, `name="time-zone" type="text" value="Europe/Berlin"`)
	if page := b.get("/settings"); strings.Contains(page.body, `name="zone-doors" value="on" checked`) {
		t.Error("a zone that was chosen is moved at all doors by default")
	}
	b.post("/settings/zone", "zone", "Berlin", "zone-doors", "on", "zone-revision", revision()).shows(t, http.StatusOK, "Saved. The site stays in Europe/Berlin.")
	const none = "No door is in the site’s zone now. Each door keeps its own."
	b.post("/settings/zone", "zone", "UTC", "zone-revision", revision()).shows(t, http.StatusOK, "Saved. Times are now shown in this zone.", none)
	for _, reader := range []string{"front-door", "back-door"} {
		_, err := w.desk.RemoveReader(t.Context(), owner, reader, desk.Returned)
		w.must(err)
	}
	if page := b.get("/settings"); strings.Contains(text(page.body), none) {
		t.Error("there are no doors with a reader")
	}
}

func TestWhatBecomesOfTheZoneAndItsDoorsIsSaidAsItIs(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	const zone, doors = "Saved. Times are now shown in this zone.", "are in it, too"
	for _, c := range []struct{ zone, says, not string }{
		{"UTC", "Saved. The site stays in UTC.", doors},
		{"Berlin", zone, ""}, // with the door
		{"Europe/Berlin", "Saved. The site stays in Europe/Berlin.", doors},
	} {
		page := b.post("/settings/zone", "zone", c.zone, "zone-doors", "on")
		if page.shows(t, http.StatusOK, c.says); c.not != "" && strings.Contains(page.body, c.not) {
			t.Errorf("%s: no door was moved", c.zone)
		} else if c.not == "" {
			page.shows(t, http.StatusOK, doors)
		}
	}
	b.get("/settings/audit").shows(t, http.StatusOK, "from UTC to Europe/Berlin, and that of 1 door: Front door")
	_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.TimeZone = "Asia/Tokyo" })
	w.must(err)
	page := b.post("/settings/zone", "zone", "UTC", "zone-doors", "on") // although there is none
	if page.shows(t, http.StatusOK, zone); strings.Contains(page.body, doors) {
		t.Error("no door had the zone of before")
	}
}

func TestHoursOfADoorSayItsZoneWhereThatIsNotTheSites(t *testing.T) {
	w := small(t)
	hours := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}
	set := func(zone string) {
		w.changePolicy("front-door", func(p *wire.Policy) {
			p.TimeZone, p.Access, p.Opening, p.TwoProofs = zone, []wire.Access{{Group: "staff", Schedule: hours}}, &wire.Opening{Schedule: *hours}, &wire.TwoProofs{Schedule: hours}
		})
	}
	pages := map[string][]string{
		"/doors/1":                    {"staffMon 08:00-18:00 (Asia/Tokyo)", "Unlocked for everybody: Mon 08:00-18:00 (Asia/Tokyo)"},
		"/doors/1?tab=access":         {"A schedule unlocks it for everybody: Mon 08:00-18:00 (Asia/Tokyo)", "Hours here are in Asia/Tokyo", "Mon 08:00-18:00 (Asia/Tokyo), with card and PIN"},
		"/users/1?tab=access":         {"Mon 08:00-18:00 (Asia/Tokyo), with card and PIN"},
		"/doors/1?tab=hours":          {"Hours here are in Asia/Tokyo"},
		"/doors/1?tab=identification": {"Hours here are in Asia/Tokyo"},
		"/groups/staff?tab=doors":     {"Mon 08:00-18:00 (Asia/Tokyo)"},
	}
	b := w.visitor(desk.Owner)
	set("Asia/Tokyo")
	for path, says := range pages {
		b.get(path).shows(t, http.StatusOK, says...)
	}
	const usual = "Times are in the door’s time zone, "
	if page := b.get("/doors/1?tab=access"); strings.Contains(text(page.body), usual) {
		t.Error("the zone is said twice")
	}
	set("UTC")
	b.get("/doors/1?tab=access").shows(t, http.StatusOK, usual+"UTC")
	for path := range pages {
		if page := b.get(path); strings.Contains(page.body, "18:00 (UTC)") || strings.Contains(page.body, "Hours here") {
			t.Errorf("%s says it although it is the site's", path)
		}
	}
}

func TestWhatDatesAreInOtherZonesIsSaidAsTheyAreTyped(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	b.post("/settings/zone", "zone", "Europe/Zurich")
	b.post("/readers/front-door/calendar", "time-zone", "America/New_York", "holidays", "").shows(t, http.StatusOK, "Saved")
	const there = "at Front door (America/New_York) until 30 Nov 2026, 18:00"
	part := b.part("elsewhere")
	part.trigger = "elsewhere"
	got := part.get("/users/elsewhere?zone=Europe%2FZurich&group=staff&until=2026-12-01T00:00")
	got.shows(t, http.StatusOK, there)
	if strings.Contains(got.body, "<form") {
		t.Error("more than that is sent")
	}
	if got := part.get("/users/elsewhere?until="); strings.Contains(got.body, "Front door") {
		t.Error("there is no date")
	}
	b.get("/users/elsewhere?until=2026-12-01").shows(t, http.StatusNotFound)
	b.post("/users", "first", "Bob", "pin", "none", "until", "2026-12-01T00:00", "card", "x").shows(t, http.StatusUnprocessableEntity, there)
	b.post("/users/1", "first", "Ada", "until", "2026-12-01T00:00").shows(t, http.StatusOK, there)
	b.post("/users/1", "first", "", "until", "2026-12-01T00:00").shows(t, http.StatusUnprocessableEntity, there)
	w.visitor(desk.Viewer).get("/users/1?tab=about").shows(t, http.StatusOK, "until 1 Dec 2026, 00:00 Europe/Zurich", there)
}

func TestActivityAtADoorOfAnotherZoneShowsItsClockToo(t *testing.T) {
	w := small(t)
	w.setZone("Europe/Zurich")
	_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.TimeZone = "America/New_York" })
	w.must(err)
	w.journal("front-door").report(time.Date(2026, 1, 11, 23, 30, 5, 0, time.UTC), wire.Record{Kind: wire.DoorOpened})
	b := w.visitor(desk.Viewer)
	b.get("/activity?kind=door&from=2026-01-12&until=2026-01-12").shows(t, http.StatusOK, "Monday, 12 January 2026 · times in Europe/Zurich 00:30:05", "(18:30:05 on 11 Jan 2026 in America/New_York)")
	b.get("/readers/front-door").shows(t, http.StatusOK, "12 Jan 2026, 00:30 (18:30:05 on 11 Jan 2026 in America/New_York)")
	list := b.part("event-list").get("/activity?kind=door")
	list.shows(t, http.StatusOK, "Times are in Europe/Zurich.", `id="zone-note" hx-swap-oob="true"`)
}
