package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// noon lets the world's time pass until it is noon of the next day, in UTC.
func (w *world) noon() {
	w.pass(time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)))
}

func TestADoorSaysFirstWhoMayOpenItNow(t *testing.T) {
	w := small(t)
	w.noon()
	b := w.visitor(desk.Viewer)
	b.get("/doors/1").shows(t, http.StatusOK, "Who may open it", "Everyone may open it now, with a PIN or a card.", "everyoneAlways")

	hours := func(from, to uint16) *wire.Schedule {
		s := &wire.Schedule{Holiday: []wire.Span{{From: from, To: to}}}
		for day := range uint8(7) {
			s.Week = append(s.Week, wire.Span{Day: day, From: from, To: to})
		}
		return s
	}
	day, night := hours(8*60, 18*60), hours(20*60, 22*60)
	w.changePolicy("front-door", func(p *wire.Policy) {
		p.Access = []wire.Access{{Group: "lab"}, {Group: "staff", Schedule: day}, {Group: "night", Schedule: night}}
	})
	b.get("/doors/1").shows(t, http.StatusOK, "The group staff may open it now, with a PIN or a card.", "labAlwaysNobody is in it yet.")
	w.visitor(desk.Editor).get("/doors/1?tab=access").shows(t, http.StatusOK, `Nobody is in it yet: <a id="fill-front-door-lab" href="/groups/lab?tab=members">add somebody</a>`)
	w.user("Grace", "Hopper", false, "", "lab", "night")
	if page := b.get("/doors/1?tab=access"); strings.Contains(page.body, "Nobody is in it") {
		t.Error("Grace is")
	}
	b.get("/doors/1").shows(t, http.StatusOK, "The groups lab and staff may open it now, with a PIN or a card.", "staffMon-Sun 08:00-18:00, holidays 08:00-18:00", "nightMon-Sun 20:00-22:00, holidays 20:00-22:00", "Not now: ")
	w.changePolicy("front-door", func(p *wire.Policy) { p.PIN = false })
	b.get("/doors/1").shows(t, http.StatusOK, "The groups lab and staff may open it now, with a card.")
	w.changePolicy("front-door", func(p *wire.Policy) {
		p.PIN, p.TwoProofs, p.Access = true, new(wire.TwoProofs), p.Access[1:2]
	})
	b.get("/doors/1").shows(t, http.StatusOK, "The group staff may open it now, with a card and a PIN.")
	w.changePolicy("front-door", func(p *wire.Policy) { p.TwoProofs, p.Access[0].Schedule = nil, night })
	b.get("/doors/1").shows(t, http.StatusOK, "Nobody may open it now.")
	w.changePolicy("front-door", func(p *wire.Policy) { p.Access = nil; p.Opening = &wire.Opening{Schedule: *day, First: ""} })
	b.get("/doors/1").shows(t, http.StatusOK, "Nobody may open it now.", "No group is on the door's list.", "Unlocked for everybody: Mon-Sun 08:00-18:00")
	w.live.states[0].State.Condition.Strike = wire.StrikeHeld
	b.get("/doors/1").shows(t, http.StatusOK, "The door is unlocked for everybody now.")
	w.live.states[0].Online = false
	b.get("/doors/1").shows(t, http.StatusOK, "Perhaps not so at the reader: it is offline.")
}

func TestInAModeADoorSaysWhoMayOpenItNow(t *testing.T) {
	w := small(t)
	w.changePolicy("front-door", func(p *wire.Policy) {
		p.Access, p.Exempt, p.InLockdown = []wire.Access{{Group: "lab"}, {Group: "staff"}, {Group: "night"}}, []string{"lab", "staff"}, []string{"staff"}
	})
	w.user("Grace", "Hopper", false, "", "lab", "night")
	b := w.visitor(desk.Viewer)
	w.live.enters("front-door", wire.ModeState{Mode: wire.ModeLocked, Cause: wire.CauseWanted, By: "Owner"})
	b.get("/doors/1").shows(t, http.StatusOK, "The groups lab and staff may open it now, with a PIN or a card.")
	w.live.enters("front-door", wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted, By: "Owner"})
	b.get("/doors/1").shows(t, http.StatusOK, "The group staff may open it now, with a card.")
}

func TestEachWayInWhichGroupsMayOpenADoorIsAWholeSentence(t *testing.T) {
	r := &desk.Reader{Policy: &wire.Policy{}}
	may := func(group string, ways ...desk.Way) *desk.Access {
		return &desk.Access{Groups: []string{group}, Now: ways}
	}
	pin, card := desk.Way{Means: wire.ByPIN}, desk.Way{Means: wire.ByCard}
	first := desk.Way{Means: wire.ByBoth, CardFirst: true}
	for want, all := range map[string][]*desk.Access{
		"Nobody may open it now.":                                                                             {may("staff", desk.Way{Means: wire.ByPIN, Why: wire.ReasonSchedule})},
		"Invited visitors may open it now, with a PIN.":                                                       {may("invited visitors", pin)},
		"The group staff and invited visitors may open it now, with a PIN or a card.":                         {may("staff", pin, card), may("invited visitors", card, pin)},
		"The groups lab, staff and invited visitors may open it now, with a card and a PIN.":                  {may("lab", desk.Way{Means: wire.ByBoth}), may("staff", desk.Way{Means: wire.ByBoth}), may("invited visitors", desk.Way{Means: wire.ByBoth})},
		"The groups lab and night may open it now, with a card. The group staff may open it now, with a PIN.": {may("lab", card), may("staff", pin), may("night", card)},
		"Everyone may open it now, with a card and then a PIN.":                                               {may("staff", card), may(wire.Everyone, first)},
	} {
		if got := openNow(r, all).String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestWhatWasSetAtAReaderIsFoundAtItsDoor(t *testing.T) {
	w := small(t)
	w.adopt("back", "Back", "Main building")
	b := w.visitor(desk.Owner)
	for from, to := range map[string]string{
		"/readers/front-door?tab=authentication":               "/doors/1?tab=identification",
		"/readers/front-door?tab=two-proofs":                   "/doors/1?tab=identification",
		"/readers/front-door?tab=opening":                      "/doors/1?tab=hours",
		"/readers/front-door?tab=door":                         "/doors/1?tab=settings",
		"/readers/front-door?tab=access&group=everyone":        "/doors/1?tab=access&group=everyone",
		"/readers/front-door?tab=access&ask=add":               "/doors/1?tab=access&ask=add",
		"/readers/front-door?tab=device":                       "/readers/front-door?tab=device",
		"/doors/1?tab=config":                                  "/doors/1?tab=settings",
		"/readers/front-door?tab=access&group=a%26tab%3Dhours": "/doors/1?tab=access&group=a%26tab%3Dhours",
	} {
		if got := b.get(from); got.status != http.StatusOK || got.url.RequestURI() != to {
			t.Errorf("%s leads to %s: %d", from, got.url.RequestURI(), got.status)
		}
	}
	w.must(w.desk.MoveReader(t.Context(), owner, "back", "", 1))
	if got := b.get("/readers/front-door?tab=opening"); got.url.RequestURI() != "/doors/1?tab=hours&reader=front-door" {
		t.Errorf("of two readers: %s", got.url)
	}
	_, err := w.desk.RemoveReader(t.Context(), owner, "back", desk.Returned)
	w.must(err)
	if got := b.get("/readers/back?tab=access"); got.status != http.StatusOK || got.url.Path != "/readers/back" {
		t.Errorf("of one that was removed: %s, %d", got.url, got.status)
	}
	b.get("/readers/nobody?tab=access").shows(t, http.StatusNotFound)
}

func TestADoorOfTwoReadersHasTheSettingsOfEach(t *testing.T) {
	w := small(t)
	w.adopt("back", "Back", "Main building")
	b := w.visitor(desk.Super)
	only := text(b.get("/doors/1?tab=identification").body)
	if strings.Contains(only, "front-door") || strings.Contains(only, "This door has") {
		t.Errorf("the door's only reader is mentioned: %s", only)
	}
	w.must(w.desk.MoveReader(t.Context(), owner, "back", "", 1))
	w.changePolicy("back", func(p *wire.Policy) { p.Limit, p.Unlock = 4, 7 })
	b.get("/doors/1?tab=settings").shows(t, http.StatusOK, "This door has 2 readers", `aria-current="true">back</a>`, `name="unlock" type="number" value="7"`)
	b.get("/doors/1?tab=identification&reader=back").shows(t, http.StatusOK, `action="/readers/back/authentication"`, `name="limit" type="number" value="4"`)
	b.get("/doors/1?tab=identification&reader=front-door").shows(t, http.StatusOK, `action="/readers/front-door/authentication"`, `name="limit" type="number" value="10"`)
	b.get("/doors/1?tab=identification&reader=elsewhere").shows(t, http.StatusOK, `action="/readers/back/authentication"`)
	got := b.post("/readers/front-door/authentication", "limit", "5", "guess-limit", "60")
	got.shows(t, http.StatusOK, "Saved.", `name="limit" type="number" value="5"`)
	if got.url.RequestURI() != "/doors/1?tab=identification&reader=front-door" {
		t.Errorf("one comes to %s", got.url)
	}
	b.post("/readers/front-door/authentication", "limit", "11", "guess-limit", "60").shows(t, http.StatusUnprocessableEntity, `aria-current="true">front-door</a>`, `value="11"`)
	b.get("/doors/1").shows(t, http.StatusOK, "Who may open it at back", "Who may open it at front-door")
}

func TestADoorWithoutAReaderLeadsToTheReaders(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	got := b.post("/places/new/door", "name", "Shed", "location", "1")
	got.shows(t, http.StatusOK, "Shed was added.", "No reader yet", `href="/devices"`)
	if got.url.Path != "/doors/2" {
		t.Fatalf("one comes to %s", got.url)
	}
	for _, tab := range []string{"access", "hours", "identification"} {
		b.get("/doors/2?tab="+tab).shows(t, http.StatusOK, "No reader yet", "The console cannot unlock a door without a reader.")
	}
	b.get("/doors/2?tab=settings").shows(t, http.StatusOK, `value="Shed"`, "Visitors")
	b.get("/doors/2?tab=activity").shows(t, http.StatusOK, "Shed")
}

func TestHubsAreShownOnlyWhereSomebodyUsesThem(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	pages := []string{"/", "/places", "/places/new/door", "/locations/1", "/locations/1?ask=remove", "/doors/1", "/doors/1?tab=settings", "/devices", "/readers/front-door"}
	hub := func(page string) bool { return strings.Contains(strings.ToLower(text(b.get(page).body)), "hub") }
	look := func() {
		t.Helper()
		for _, page := range pages {
			if hub(page) {
				t.Errorf("%s mentions a hub", page)
			}
		}
	}
	look()
	b.post("/places/new/door", "name", "Shed", "location", "1").shows(t, http.StatusOK, "Shed was added.")
	b.post("/places/new/location", "name", "Annex").shows(t, http.StatusOK, "Annex was added.")
	b.post("/doors/2", "name", "Barn", "location", "2").shows(t, http.StatusOK, "Saved.", `<option value="2" selected>Annex`)
	look()
	b.post("/doors/2/remove").shows(t, http.StatusOK, "Removed.")
	look()
	b.post("/locations/2/remove").shows(t, http.StatusOK, "Removed.")
	_, err := w.desk.AddPlace(t.Context(), owner, desk.Hubs, 1, "Cabinet")
	w.must(err)
	for _, page := range []string{"/places", "/places/new/door", "/places/new/hub", "/locations/1", "/doors/1?tab=settings", "/devices"} {
		if !hub(page) {
			t.Errorf("%s does not mention the hub", page)
		}
	}
	b.post("/places/new/door", "name", "Rack", "in", "4").shows(t, http.StatusOK, "Rack was added.")
	b.post("/places/new/location", "name", "Barn").shows(t, http.StatusOK, "Barn was added.")
	barn := w.locations()[0].ID
	own := fmt.Sprintf("location-%d", barn)
	b.get(fmt.Sprintf("/places/new/door?location=%d", barn)).shows(t, http.StatusOK, `<option value="`+own+`" selected>A hub of its own`)
	b.post("/places/new/door", "name", "", "in", own).shows(t, http.StatusUnprocessableEntity, `<option value="`+own+`" selected>A hub of its own`)
	b.get("/doors/1?tab=settings").shows(t, http.StatusOK, `<option value="`+own+`">A hub of its own`)
	b.post("/doors/1", "name", "", "hub", own).shows(t, http.StatusUnprocessableEntity, `<option value="`+own+`" selected>A hub of its own`)
	b.post("/doors/1", "name", "Front door", "hub", own).shows(t, http.StatusOK, "Saved.")
	b.post("/places/new/location", "name", "Attic").shows(t, http.StatusOK, "Attic was added.")
	b.post("/places/new/door", "name", "Hatch", "in", fmt.Sprintf("location-%d", w.locations()[0].ID)).shows(t, http.StatusOK, "Hatch was added.")
	for i, want := range []string{"Attic: Hatch at Hatch", "Barn: Front door at Front door"} {
		if l := w.locations()[i]; len(l.Hubs) != 1 || len(l.Doors) != 1 || fmt.Sprintf("%s: %s at %s", l.Name, l.Doors[0].Name, l.Hubs[0].Name) != want {
			t.Errorf("%+v, not %s", l, want)
		}
	}
}

func (w *world) locations() []*desk.Location {
	w.t.Helper()
	all, err := w.desk.Places(w.t.Context(), owner)
	w.must(err)
	return all
}
