package console

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// hosts is a small world whose door takes visitors.
func hosts(t *testing.T) *world {
	t.Helper()
	w := small(t)
	w.must(w.desk.TakeVisitors(t.Context(), owner, 1, true))
	return w
}

// tomorrow is when visits of tests end.
func tomorrow() string { return time.Now().Add(24 * time.Hour).UTC().Format("2006-01-02T15:04") }

var shownPIN = regexp.MustCompile(`data-text="(\d{8})">(\d{4}) (\d{4})<`)

func TestAVisitorsPINIsOnTheSlipOnceAndNowhereElse(t *testing.T) {
	w := hosts(t)
	b := w.visitor(desk.Editor)
	fields := []string{"first", "Annie", "last", "Cannon", "until", tomorrow(), "zone", "UTC", "door", "1", "uses", "2", "within-unit", "hours", "once", "a token"}
	slip := b.post("/visitors", fields...)
	slip.shows(t, http.StatusOK, "Annie Cannon", "Front door, Main building", "May be used 2 times.", "Times are in", `class="slip"`, "data-print hidden")
	found := shownPIN.FindAllStringSubmatch(slip.body, -1)
	if len(found) != 1 || found[0][1] != found[0][2]+found[0][3] {
		t.Fatalf("PINs on the slip: %q", found)
	}
	if got := slip.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("the slip may be kept: %q", got)
	}
	digits := found[0][1]
	b.get("/visitors/2").shows(t, http.StatusOK, "It cannot be shown again")
	again := b.post("/visitors", fields...)
	again.shows(t, http.StatusOK, "Annie Cannon", "not repeated")
	pages := []*page{again}
	for _, path := range []string{"/visitors", "/visitors/2", "/visitors/2?ask=end", "/users/2", "/users/2?tab=about", "/users/2?tab=access", "/users/2?tab=activity", "/users?state=visitor", "/activity", "/settings/audit", "/doors/1?tab=access", "/doors/1?tab=settings"} {
		pages = append(pages, b.get(path))
	}
	for _, p := range pages {
		if strings.Contains(p.body, digits) || strings.Contains(p.body, found[0][2]+" "+found[0][3]) || shownPIN.MatchString(p.body) {
			t.Errorf("%s shows the PIN", p.url.Path)
		}
		if strings.Contains(p.body, "visitors-of-door-1") {
			t.Errorf("%s shows the group of visitors", p.url.Path)
		}
	}
	w.must(filepath.WalkDir(w.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(digits)) {
			t.Errorf("the PIN is in %s", path)
		}
		return err
	}))
	if strings.Contains(w.logged.String(), digits) {
		t.Error("the PIN is in the log")
	}
	page, err := w.desk.Visitors(t.Context(), owner, desk.VisitQuery{})
	w.must(err)
	if page.Found != 1 || page.Visitors[0].Visit.By != names[desk.Editor] {
		t.Errorf("invited: %+v", page)
	}
}

func TestARefusedInvitationComesBackAsItWas(t *testing.T) {
	w := hosts(t)
	b := w.visitor(desk.Editor)
	p := b.post("/visitors", "first", "Annie", "until", "2020-01-01T10:00", "zone", "UTC", "door", "1", "uses", "500")
	p.shows(t, http.StatusUnprocessableEntity, "This time has passed", "Choose 1 to 100 uses", `value="Annie"`, `value="2020-01-01T10:00"`, `name="door" value="1" checked`)
	b.post("/visitors", "first", "Annie", "until", tomorrow(), "zone", "UTC", "uses", "two").shows(t, http.StatusUnprocessableEntity, "Enter a whole number from 1")
	b.post("/visitors", "first", "Annie", "until", tomorrow(), "zone", "UTC").shows(t, http.StatusUnprocessableEntity, "Choose at least one door")
	b.post("/visitors", "first", "Annie", "until", tomorrow(), "zone", "UTC", "door", "x").shows(t, http.StatusNotFound)
	page, err := w.desk.Visitors(t.Context(), owner, desk.VisitQuery{})
	w.must(err)
	if page.Found != 0 {
		t.Errorf("%d were invited", page.Found)
	}
}

func TestTheFormOfAnInvitationSaysWhatVisitorsCannotOpenAndWhatTheyOpenAnyway(t *testing.T) {
	w := hosts(t)
	w.adopt("lab", "Lab", "Main building")
	_, err := w.desk.SetPolicy(t.Context(), owner, "lab", 0, func(p *wire.Policy) { p.TwoProofs = &wire.TwoProofs{} })
	w.must(err)
	w.must(w.desk.TakeVisitors(t.Context(), owner, 2, true))
	w.adopt("archive", "Archive", "Main building")
	_, err = w.desk.SetPolicy(t.Context(), owner, "archive", 0, func(p *wire.Policy) { p.Access = nil })
	w.must(err)
	p := w.visitor(desk.Editor).get("/visitors/new")
	p.shows(t, http.StatusOK, `name="door" value="1">`, `name="door" value="2" disabled>`, "A visitor cannot open it: the door demands card and PIN, and they have no card.", "Everyone may open Front door: so may each visitor, invited or not.", "two readers without a link may each allow all of them")
	if strings.Contains(p.body, "Lab,") || strings.Contains(p.body, ", Lab") {
		t.Error("visitors are said to open a door that demands card and PIN")
	}
	if strings.Contains(p.body, "Archive") {
		t.Error("a door is shown that takes no visitors")
	}
}

func TestVisitorsAreToldFromUsers(t *testing.T) {
	w := hosts(t)
	_, _, err := w.desk.Invite(t.Context(), owner, desk.VisitForm{First: "Annie", Last: "Cannon", Until: tomorrow(), Zone: time.UTC, Doors: []int64{1}})
	w.must(err)
	b := w.visitor(desk.Editor)
	b.get("/users").shows(t, http.StatusOK, "Annie Cannon Visitor", "visitor of Front door", `href="/visitors">Visitors`)
	b.get("/users?state=visitor").shows(t, http.StatusOK, "Annie Cannon", "1 user found")
	about := b.get("/users/2?tab=about")
	about.shows(t, http.StatusOK, "visitor of Front door", "Valid until")
	if strings.Contains(about.body, "New groups") {
		t.Error("a visitor is offered groups")
	}
	for path, not := range map[string]string{"/visitors?at=now": "", "/visitors?at=coming": "Annie", "/visitors?at=over": "Annie"} {
		p := b.get(path)
		if shows := strings.Contains(p.body, "Annie"); shows != (not == "") {
			t.Errorf("%s: %s", path, text(p.body))
		}
	}
	b.get("/visitors?at=never").shows(t, http.StatusUnprocessableEntity, "Unknown time; choose now, coming or over")
	b.get("/visitors?after=x").shows(t, http.StatusNotFound)
	b.get("/visitors/1").shows(t, http.StatusNotFound) // who is no visitor
	for _, path := range []string{"/doors/1?tab=access", "/doors/1?tab=access&group=visitors-of-door-1"} {
		if access := b.get(path); strings.Contains(access.body, "visitors-of-door-1") {
			t.Errorf("%s: the visitors of a door can be edited at its reader", path)
		}
	}
}

func TestAVisitIsEndedOnItsPage(t *testing.T) {
	w := hosts(t)
	_, _, err := w.desk.Invite(t.Context(), owner, desk.VisitForm{First: "Annie", Until: tomorrow(), Zone: time.UTC, Doors: []int64{1}})
	w.must(err)
	b := w.visitor(desk.Editor)
	b.get("/visitors/2?ask=end").shows(t, http.StatusOK, "End the visit of Annie?")
	p := b.post("/visitors/2/end")
	p.shows(t, http.StatusOK, "The visit was ended, and the PIN taken away.", "Over")
	if strings.Contains(p.body, "?ask=end") {
		t.Error("it can be ended again")
	}
	b.post("/visitors/2/end").shows(t, http.StatusOK, "This visit was over already.")
}

func TestAVisitorGetsANewPINOnANewSlip(t *testing.T) {
	w := hosts(t)
	_, _, err := w.desk.Invite(t.Context(), owner, desk.VisitForm{First: "Annie", Until: tomorrow(), Zone: time.UTC, Doors: []int64{1}, Limits: desk.PINLimits{Uses: 3}})
	w.must(err)
	b := w.visitor(desk.Editor)
	b.get("/visitors/2?ask=pin").shows(t, http.StatusOK, "Give Annie a new PIN?", `name="uses" type="number" value="3"`)
	b.get("/users/2?add=pin").shows(t, http.StatusOK, "Auto Generated")
	if strings.Contains(b.get("/users/2?add=pin").body, `value="typed"`) {
		t.Error("a PIN can be typed for a visitor")
	}
	b.post("/visitors/2/pin", "uses", "500").shows(t, http.StatusUnprocessableEntity, "Choose 1 to 100 uses")
	b.post("/visitors/2/pin", "uses", "x").shows(t, http.StatusUnprocessableEntity, "Enter a whole number from 1")
	fields := []string{"uses", "4", "once", "a token"}
	slip := b.post("/visitors/2/pin", fields...)
	slip.shows(t, http.StatusOK, `class="slip"`, "May be used 4 times.")
	if len(shownPIN.FindAllString(slip.body, -1)) != 1 {
		t.Error("no PIN is shown")
	}
	again := b.post("/visitors/2/pin", fields...)
	again.shows(t, http.StatusOK, "not repeated")
	if shownPIN.MatchString(again.body) {
		t.Error("the PIN is shown again")
	}
	b.post("/visitors/1/pin").shows(t, http.StatusNotFound)
	b.post("/visitors/9/pin").shows(t, http.StatusNotFound)
	u, err := w.desk.User(t.Context(), owner, 1)
	w.must(err)
	if by := u.Credentials[0].By; by == names[desk.Editor] {
		t.Error("a user who is no visitor got a new PIN")
	}
}

func TestADoorIsSwitchedToTakeVisitors(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	b.get("/doors/1?tab=settings").shows(t, http.StatusOK, "Visitors cannot be invited to this door.", `id="visitors-switch"`)
	b.post("/doors/1/visitors", "on", "true").shows(t, http.StatusOK, "Visitors can be invited to this door now.", `aria-checked="true" aria-label="Visitors may be invited to this door"`)
	b.get("/doors/1?tab=settings").shows(t, http.StatusOK, "open it no longer, unless everyone may. Everyone may open it, and so may each visitor, invited or not.")
	b.post("/doors/1/visitors", "on", "false").shows(t, http.StatusOK, "Visitors can no longer be invited to this door. Everyone may open it, and so may they.", `aria-checked="false" aria-label="Visitors may be invited to this door"`)
	b.post("/doors/9/visitors", "on", "true").shows(t, http.StatusNotFound)
}

func TestADoorThatEveryoneMayNotOpenClosesToVisitorsWhenItTakesNoneAnyMore(t *testing.T) {
	w := hosts(t)
	b := w.visitor(desk.Super)
	w.changePolicy("front-door", func(p *wire.Policy) {
		p.Access[0].Schedule = &wire.Schedule{Week: []wire.Span{{Day: 1, From: 0, To: 60}}}
	})
	b.get("/doors/1?tab=settings").shows(t, http.StatusOK, "Everyone may open it at set times, and so may each visitor")
	b.get("/visitors/new").shows(t, http.StatusOK, "Everyone may open Front door at set times: so may")
	b.post("/doors/1/visitors", "on", "false").shows(t, http.StatusOK, "Everyone may open it at set times, and so may they.")
	b.post("/doors/1/visitors", "on", "true")
	w.changePolicy("front-door", func(p *wire.Policy) { p.Access = p.Access[1:] })
	if p := b.get("/doors/1?tab=settings"); strings.Contains(text(p.body), "Everyone") || strings.Contains(text(p.body), "unless everyone") {
		t.Error("it is said that everyone may open it")
	}
	b.post("/doors/1/visitors", "on", "false").shows(t, http.StatusOK, "Visitors can no longer be invited to this door, and open it no longer.")
}

func TestAVisitAndItsDoorSayThatPINsDoNotOpenItAnyMore(t *testing.T) {
	w := hosts(t)
	_, _, err := w.desk.Invite(t.Context(), owner, desk.VisitForm{First: "Annie", Last: "Cannon", Until: tomorrow(), Zone: time.UTC, Doors: []int64{1}})
	w.must(err)
	b := w.visitor(desk.Editor)
	w.must(w.desk.SwitchPIN(t.Context(), owner, "front-door", false))
	const why = "(a PIN alone does not open it: PIN entry is switched off)"
	for _, path := range []string{"/visitors", "/visitors/2", "/users", "/users/2"} {
		b.get(path).shows(t, http.StatusOK, "Front door", why)
	}
	b.get("/doors/1?tab=settings").shows(t, http.StatusOK, "A visitor cannot open it: PIN entry is switched off.")
	slip := b.post("/visitors/2/pin")
	slip.shows(t, http.StatusOK, "none at present")
	w.must(w.desk.SwitchPIN(t.Context(), owner, "front-door", true))
	if p := b.get("/visitors/2"); strings.Contains(text(p.body), why) {
		t.Error("it opens again, and says that it does not")
	}
}

func TestOfTheDoorsThatEveryoneMayOpenThoseThatVisitorsCanOpenAreNamed(t *testing.T) {
	p := &visitorsPage{Doors: []*desk.VisitDoor{
		{Name: "Lab", Everyone: true}, {Name: "Yard", Everyone: true, AtTimes: true}, {Name: "Hall", Everyone: true},
		{Name: "Vault", Everyone: true, Why: language.Say("PIN entry is switched off")}, {Name: "Attic"},
	}}
	if all := p.Everyones(); !slices.Equal(all.Always, []string{"Lab", "Hall"}) || !slices.Equal(all.AtTimes, []string{"Yard"}) {
		t.Errorf("%+v", all)
	}
	if p.Doors = p.Doors[len(p.Doors)-2:]; p.Everyones() != nil {
		t.Errorf("none: %+v", p.Everyones())
	}
}

func TestVisitorsAreSearchedByNameOnTheirPage(t *testing.T) {
	w := hosts(t)
	for _, first := range []string{"Annie", "Konrad"} {
		_, _, err := w.desk.Invite(t.Context(), owner, desk.VisitForm{First: first, Until: tomorrow(), Zone: time.UTC, Doors: []int64{1}})
		w.must(err)
	}
	b := w.visitor(desk.Editor)
	for _, path := range []string{"/visitors?q=ann", "/visitors?q=ann&at=now"} {
		p := b.get(path)
		p.shows(t, http.StatusOK, "Annie", "1 visitor found", `value="ann"`, `href="/visitors?at=now&amp;q=ann"`)
		if strings.Contains(text(p.body), "Konrad") {
			t.Errorf("%s finds all", path)
		}
	}
	b.get("/visitors?q=ann&at=over").shows(t, http.StatusOK, "Nobody found", "No visitor here has a name")
}

func TestWhatNeedsAScriptIsHiddenWithoutOne(t *testing.T) {
	w := hosts(t)
	slip := w.visitor(desk.Editor).post("/visitors", "first", "Annie", "until", tomorrow(), "zone", "UTC", "door", "1")
	slip.shows(t, http.StatusOK, "hidden data-copy", "data-print hidden")
	w.visitor(desk.Editor).post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, "hidden data-copy")
}
