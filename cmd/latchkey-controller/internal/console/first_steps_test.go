package console

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

var (
	firstStepOf = regexp.MustCompile(`(?s)<li id="step-([a-z]+)"( aria-current="step")?>(.*?)</li>`)
	buttonOf    = regexp.MustCompile(`<a class="btn primary" href="([^"]+)"`)
)

// firstSteps returns what the start page says of the first steps: "done", "next" with where its
// button leads, "refused", or "" for those that come later; nil: it has none.
func (b *browser) firstSteps(t *testing.T) map[string]string {
	t.Helper()
	page := b.get("/")
	page.shows(t, http.StatusOK)
	var all map[string]string
	for _, m := range firstStepOf.FindAllStringSubmatch(page.body, -1) {
		if all == nil {
			all = map[string]string{}
		}
		button := buttonOf.FindStringSubmatch(m[3])
		switch {
		case strings.Contains(m[3], ">Done<"):
			all[m[1]] = "done"
		case m[2] != "" && button != nil:
			all[m[1]] = "next " + button[1]
		case m[2] != "":
			all[m[1]] = "next"
		case strings.Contains(m[3], "class=\"muted small\""):
			all[m[1]] = "refused"
		default:
			all[m[1]] = ""
		}
	}
	return all
}

// walkedSteps has each step be taken, and calls look before the first and after each: with the step that
// is next then; "": none is left.
func (w *world) walkedSteps(look func(next string)) {
	w.t.Helper()
	var ada uint64
	for _, step := range []struct {
		name string
		take func()
	}{
		{"site", func() { w.setZone("Europe/Berlin") }},
		{"door", func() {
			place, err := w.desk.AddPlace(w.t.Context(), owner, desk.Locations, 0, "Main building")
			w.must(err)
			hub, err := w.desk.AddPlace(w.t.Context(), owner, desk.Hubs, place, "Hub")
			w.must(err)
			_, err = w.desk.AddPlace(w.t.Context(), owner, desk.Doors, hub, "Front door")
			w.must(err)
		}},
		{"reader", func() { w.adopt("front-door", "Front door", "Main building") }},
		{"user", func() { ada = w.user("Ada", "Lovelace", false, "") }},
		{"pin", func() { _, err := w.desk.SetPIN(w.t.Context(), owner, ada, desk.PIN{Choice: desk.Auto}); w.must(err) }},
		{"open", func() {
			w.journal("front-door").report(time.Now(), wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, Seq: 1, User: ada, Credential: 1, Seconds: 5})
		}},
	} {
		look(step.name)
		step.take()
	}
	look("")
}

func TestANewSiteIsLedToItsFirstOpenedDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.visitor(desk.Owner)
	buttons := map[string]string{"site": "/settings#f-zone", "door": "/places/new/location", "reader": "/devices", "user": "/users/new", "pin": "/users/1?add=any"}
	w.walkedSteps(func(next string) {
		is := b.firstSteps(t)
		if next == "site" {
			b.get("/").shows(t, http.StatusOK, `<span class="chip ">1</span>`)
		}
		if next == "" {
			if is != nil {
				t.Errorf("after the door was opened: %v", is)
			}
			return
		}
		done := true
		for _, name := range []string{"site", "door", "reader", "user", "pin", "open"} {
			want := ""
			switch {
			case name == next:
				want, done = strings.TrimSpace("next "+buttons[name]), false
			case done:
				want = "done"
			}
			if is[name] != want {
				t.Errorf("when %s is next, %s is %q, not %q", next, name, is[name], want)
			}
		}
		if path, _, _ := strings.Cut(buttons[next], "#"); path != "" {
			b.get(path).shows(t, http.StatusOK)
		}
	})
}

func TestEachRoleIsLedToTheFirstStepThatItMayTake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for role, want := range map[desk.Role]map[string]string{
		desk.Super:  {"site": "refused", "door": "next /places/new/location", "reader": "", "user": "", "pin": "", "open": ""},
		desk.Editor: {"site": "refused", "door": "refused", "reader": "refused", "user": "next /users/new", "pin": "", "open": ""},
		desk.Viewer: {"site": "refused", "door": "refused", "reader": "refused", "user": "refused", "pin": "refused", "open": "next"},
	} {
		is := w.visitor(role).firstSteps(t)
		for name, want := range want {
			if is[name] != want {
				t.Errorf("%s: %s is %q, not %q", role, name, is[name], want)
			}
		}
	}
	w.adopt("front-door", "Front door", "Home")
	b := w.limited(desk.Super, 1)
	if is := b.firstSteps(t); is["site"] != "refused" || is["door"] != "done" || is["reader"] != "done" || !strings.HasPrefix(is["user"], "next ") {
		t.Errorf("limited to a location: %v", is)
	}
	w.nowhere(desk.Super)
	if is := b.firstSteps(t); is["door"] == "done" || strings.HasPrefix(is["user"], "next ") {
		t.Errorf("limited to none: %v", is)
	}
}

func TestASiteInUTCIsLedOnAndAnOwnerMayHideTheSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.adopt("front-door", "Front door", "Main building")
	b := w.visitor(desk.Owner)
	if is := b.firstSteps(t); is["site"] != "" || is["user"] != "next /users/new" {
		t.Errorf("in UTC, with a door: %v", is)
	}
	b.get("/").shows(t, http.StatusOK, `<a href="/settings#f-zone" id="choose-zone">Choose the zone</a>`)
	const hide = `action="/first-steps/hide"`
	if page := w.visitor(desk.Super).get("/"); strings.Contains(page.body, hide) {
		t.Error("who may not hide them sees how")
	}
	b.get("/").shows(t, http.StatusOK, hide)
	b.post("/first-steps/hide").shows(t, http.StatusOK, "The first steps are hidden.")
	for _, role := range desk.Roles() {
		if is := w.visitor(role).firstSteps(t); is != nil {
			t.Errorf("%s still has %v", role, is)
		}
	}
}

func TestTheTimeZoneStaysAStepAfterTheFirstEntry(t *testing.T) {
	t.Parallel()
	for leave, end := range map[string]func(*world, *browser){
		"UTC is saved": func(_ *world, b *browser) { b.post("/settings/zone", "zone", "UTC").shows(t, http.StatusOK, "Saved.") },
		"it is hidden": func(_ *world, b *browser) { b.post("/first-steps/hide").shows(t, http.StatusOK) },
		"a zone is chosen": func(_ *world, b *browser) {
			b.post("/settings/zone", "zone", "Zurich").shows(t, http.StatusOK, "Saved.")
		},
		"the site is old now": func(w *world, _ *browser) { w.pass(91 * 24 * time.Hour) },
	} {
		w := newWorld(t)
		w.adopt("front-door", "Front door", "Main building")
		ada := w.user("Ada", "Lovelace", true, "")
		w.journal("front-door").report(time.Now(), wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, Seq: 1, User: ada, Credential: 1, Seconds: 5})
		b := w.visitor(desk.Owner)
		if is := b.firstSteps(t); len(is) != 1 || is["site"] != "next /settings#f-zone" {
			t.Errorf("before %s: %v", leave, is)
		}
		b.get("/").lacks(t, `<span class="chip ">1</span>`)
		if is := w.visitor(desk.Super).firstSteps(t); is != nil {
			t.Errorf("who may not choose it sees %v", is)
		}
		end(w, b)
		if is := w.visitor(desk.Owner).firstSteps(t); is != nil {
			t.Errorf("after %s: %v", leave, is)
		}
	}
}

// firstTour looks at the start page of a site after each step.
func firstTour(t *testing.T, beside context.Context) {
	w := newWorld(t)
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	w.walkedSteps(func(next string) {
		if next == "" {
			next = "over"
		}
		tour(t, ctx, w, []stop{{"first-" + next, "/", ""}})
	})
	contented(t, complaints)
}
