package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// forced reports that a user opened with their PIN for duress.
func (j *journal) forced(at time.Time, user uint64) {
	j.w.t.Helper()
	pin := j.w.pinOf(user, true)
	j.report(at, wire.Record{Kind: wire.Duress, Seq: j.number + 1, User: user, Credential: pin.ID})
	j.report(at, wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, Seq: j.number, User: user, Credential: pin.ID, Seconds: 5})
}

// knows says whether a page has any trace of duress.
func (p *page) knows() bool { return strings.Contains(strings.ToLower(p.body), "duress") }

func TestAPINForDuressIsSetChangedAndRemovedByThoseWhoMayEdit(t *testing.T) {
	for _, role := range desk.Roles()[:3] {
		t.Run(string(role), func(t *testing.T) {
			w := small(t)
			b := w.visitor(role)
			own := w.pinOf(1, false).ID
			b.get("/users/1?add=any").shows(t, http.StatusOK, "A PIN for duress", "Opens as usual, and silently raises an alarm here.", "Administrators who can only view see neither this PIN nor the alarm.")
			b.get("/users/1?add=duress-pin").shows(t, http.StatusOK, "enters it if somebody forces them to open", "Not their own PIN with one digit changed", `value="auto" checked`)
			got := b.post("/users/1/duress-pin", "pin", "auto")
			got.shows(t, http.StatusOK, "New PIN for duress", "Shown once: note it now.", "Opens as usual, and silently raises an alarm here.")
			if !digitsShown.MatchString(got.body) {
				t.Error("the digits are not shown")
			}
			first := w.pinOf(1, true)
			if first == nil || w.pinOf(1, false) == nil || w.pinOf(1, false).ID != own {
				t.Fatal("it is not beside the own PIN")
			}
			got = b.get("/users/1?add=any")
			got.shows(t, http.StatusOK, "PIN for duress", "Change", "Remove")
			if strings.Contains(got.body, `class="btn left" href="/users/1?add=duress-pin"`) {
				t.Error("another one is offered")
			}
			b.get("/users/1?add=duress-pin").shows(t, http.StatusOK, "A new PIN for duress in place of the old one")
			b.post("/users/1/duress-pin").shows(t, http.StatusUnprocessableEntity, "Choose a PIN or have one generated.", `id="w-pin"`, "A new PIN for duress")
			b.get("/users/1?ask=remove-pin").shows(t, http.StatusOK, "The PIN for duress is removed with it.")
			b.post("/users/1/duress-pin", "pin", "typed", "digits", "12 34").shows(t, http.StatusUnprocessableEntity, `aria-invalid="true"`, `value="typed" checked`)
			b.post("/users/1/duress-pin", "pin", "typed", "digits", "5831 0274").shows(t, http.StatusOK, "The PIN for duress was set.")
			if now := w.pinOf(1, true); now == nil || now.ID == first.ID {
				t.Errorf("changed: %+v", now)
			}
			b.get("/users/1?ask=remove-duress-pin").shows(t, http.StatusOK, "Remove the PIN for duress?", "Ada Lovelace has to know that.")
			b.post("/users/1/duress-pin/remove").shows(t, http.StatusOK, "The PIN for duress was removed.")
			if w.pinOf(1, true) != nil || w.pinOf(1, false) == nil {
				t.Error("not that one is removed")
			}
			b.post("/users/1/pin", "pin", "typed", "digits", "5831 0274").shows(t, http.StatusOK, "Given on")
			b.post("/users/1/duress-pin", "pin", "typed", "digits", "5831 0274").shows(t, http.StatusUnprocessableEntity, `aria-invalid="true"`)
		})
	}
}

func TestAPINForDuressIsOfferedBesideTheOwnPINOnly(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	w.user("Bob", "Martin", false, "", "staff")
	if got := b.get("/users/2?add=any"); got.knows() || !strings.Contains(text(got.body), "A PIN") {
		t.Error(text(got.body))
	}
	b.post("/users/2/duress-pin", "pin", "auto").shows(t, http.StatusUnprocessableEntity, `id="w-pin"`, `value="auto" checked`)
	if w.pinOf(2, true) != nil {
		t.Error("it is given")
	}
}

func TestAReaderThatIsTooOldForAPINIsNamedWithTheForm(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	w.older("front-door")
	own := w.pinOf(1, false).ID
	b.post("/users/1/duress-pin", "pin", "auto").shows(t, http.StatusUnprocessableEntity, `id="w-pin"`, "front-door is too old for such a PIN", "update it first")
	b.post("/users/1/pin", "pin", "auto", "uses", "2").shows(t, http.StatusUnprocessableEntity, `id="w-pin"`, "front-door is too old for such a PIN", `value="2"`)
	b.post("/users", "first", "Bob", "pin", "auto", "uses", "2").shows(t, http.StatusUnprocessableEntity, `id="w-pin"`, "front-door is too old for such a PIN", `value="Bob"`)
	if w.pinOf(1, true) != nil || w.pinOf(1, false).ID != own {
		t.Error("something was set")
	}
	b.post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, "New PIN")
}

func TestAReaderThatIsCutOffByAPINIsAnAlertForThoseWhoMayKnowOfThePIN(t *testing.T) {
	w := small(t)
	b, viewer := w.visitor(desk.Editor), w.visitor(desk.Viewer)
	b.post("/users/1/duress-pin", "pin", "auto").shows(t, http.StatusOK, "New PIN for duress")
	w.older("front-door")
	const alert = "Front door gets no changes of PINs and cards: its version is too old for a PIN that somebody has. Update it."
	b.get("/").shows(t, http.StatusOK, alert)
	b.get("/doors/1?tab=access").shows(t, http.StatusOK, "it is too old for a PIN that somebody has, and gets no changes until it is updated")
	if got := viewer.get("/doors/1?tab=access"); got.status != http.StatusOK || strings.Contains(text(got.body), "gets no changes") {
		t.Error(text(got.body))
	}
	if got := viewer.get("/"); strings.Contains(text(got.body), "gets no changes") {
		t.Error(text(got.body))
	}
	w.must(w.desk.RemoveDuressPIN(t.Context(), owner, 1))
	if got := b.get("/"); strings.Contains(text(got.body), "gets no changes") {
		t.Error("it is gone")
	}
}

func TestForWhoMayOnlyViewThereIsNoDuress(t *testing.T) {
	w := small(t)
	b, viewer := w.visitor(desk.Editor), w.visitor(desk.Viewer)
	paths := []string{
		"/", "/users", "/users?q=ada", "/users/1", "/users/1?add=any", "/users/1?tab=about", "/users/1?tab=about&ask=remove", "/users/1?tab=access", "/users/1?tab=activity",
		"/activity", "/activity?kind=alarm", "/activity?person=ada", "/activity?door=1", "/doors/1", "/doors/1?tab=access", "/doors/1?tab=activity", "/readers/front-door", "/doors/1?tab=identification",
	}
	before := map[string]string{}
	for _, path := range paths {
		if path != "/doors/1" && path != "/doors/1?tab=activity" && path != "/readers/front-door" { // they count all changes of credentials
			before[path] = text(viewer.get(path).body)
		}
	}
	w.must(func() error {
		_, err := w.desk.SetDuressPIN(t.Context(), owner, 1, desk.PIN{Choice: desk.Auto})
		return err
	}())
	for path, was := range before {
		got := viewer.get(path)
		if is := text(got.body); got.status != http.StatusOK || is != was || got.knows() {
			t.Errorf("%s was\n%s\nand is\n%s", path, was, is)
		}
	}
	w.journal("front-door").forced(time.Now(), 1)
	for _, path := range paths {
		got := viewer.get(path)
		if got.status != http.StatusOK || got.knows() {
			t.Errorf("%s: %d, %s", path, got.status, text(got.body))
		}
	}
	viewer.get("/activity").shows(t, http.StatusOK, "Ada Lovelace at Front door by PIN")
	viewer.get("/").shows(t, http.StatusOK, "0alerts")
	for made, up := range map[string]string{"/users/1?add=duress-pin": "/users/1?add=nothing", "/users/1?ask=remove-duress-pin": "/users/1?ask=nothing", "/activity?kind=duress": "/activity?kind=nothing"} {
		if got, want := viewer.get(made), viewer.get(up); got.status != want.status || text(got.body) != text(want.body) {
			t.Errorf("%s: %d, %s", made, got.status, text(got.body))
		}
	}
	before["nothing"] = text(viewer.post("/users/1/nothing").body)
	for path, fields := range map[string][]string{"/users/1/duress-pin": {"pin", "auto"}, "/users/1/duress-pin/remove": nil} {
		if got := viewer.post(path, fields...); got.status != http.StatusNotFound || text(got.body) != before["nothing"] {
			t.Errorf("%s: %d, %s", path, got.status, text(got.body))
		}
		if got := viewer.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if w.pinOf(1, true) == nil {
		t.Error("it is gone")
	}
	// The same pages of somebody who may.
	for _, path := range []string{"/", "/users/1", "/users/1?tab=activity", "/activity", "/activity?kind=alarm", "/doors/1?tab=activity", "/readers/front-door"} {
		if !b.get(path).knows() {
			t.Errorf("%s shows nothing of it", path)
		}
	}
}

func TestAnAlarmOfDuressIsSeenAtOnceByWhoMayAndOverAWeekend(t *testing.T) {
	w := small(t)
	w.must(func() error {
		_, err := w.desk.SetDuressPIN(t.Context(), owner, 1, desk.PIN{Choice: desk.Auto})
		return err
	}())
	front := w.journal("front-door")
	b := w.visitor(desk.Editor)
	const alarm = `id="alert-duress-`
	front.forced(time.Now().Add(-73*time.Hour), 1)
	if got := b.get("/"); strings.Contains(got.body, alarm) || !strings.Contains(text(got.body), "0alerts") {
		t.Error("one of three days ago is an alarm")
	}
	front.forced(time.Now().Add(-time.Minute), 1)
	for _, visitor := range []*browser{b, b.part("glance"), w.visitor(desk.Owner)} {
		got := visitor.get("/")
		got.shows(t, http.StatusOK, "1alert", "Duress: Ada Lovelace entered their PIN for duress at Front door", `href="/activity?kind=duress"`)
		if n := strings.Count(got.body, alarm); n != 1 {
			t.Errorf("%d alarms", n)
		}
	}
	got := b.get("/activity?kind=duress")
	got.shows(t, http.StatusOK, "Ada Lovelace")
	if n := strings.Count(got.body, `class="event"`); n != 2 {
		t.Errorf("%d events", n)
	}
	for range maxDuressAlarms {
		front.forced(time.Now().Add(-50*time.Hour), 1)
	}
	got = b.get("/")
	got.shows(t, http.StatusOK, "5alerts", "There are more alarms of duress.")
	if n := strings.Count(got.body, alarm); n != maxDuressAlarms {
		t.Errorf("%d alarms", n)
	}
	if strings.Contains(w.logged.String(), "duress") {
		t.Errorf("logged: %s", w.logged)
	}
}
