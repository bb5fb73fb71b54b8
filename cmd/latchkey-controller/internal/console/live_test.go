package console

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// until waits for a condition in the page.
func until(t *testing.T, ctx context.Context, what, condition string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		t.Fatalf("%s: %v; the page: %.2000s", what, err, eval[string](t, ctx, `document.body.innerText`))
	}
}

func TestInTheBrowserAPINIsGivenFoundAndCopiedWithoutLoadingThePageAgain(t *testing.T) {
	w := small(t)
	w.user("Bob", "Martin", false, "", "staff")
	ctx, _ := chromium(t, t.Context(), w, desk.Owner)
	do(t, ctx, arrive(w.server.URL+"/users"))
	eval[bool](t, ctx, `window.same = true`)
	until(t, ctx, "htmx is there", `typeof htmx === "object"`)

	do(t, ctx, chromedp.KeyEvent("/"))
	until(t, ctx, "a slash goes to the search", `document.activeElement.id === "search"`)
	do(t, ctx, chromedp.KeyEvent("mart"))
	until(t, ctx, "the list is what is looked for", `document.querySelectorAll("#user-list tbody tr").length === 1 && document.querySelector("#user-list").innerText.includes("Bob Martin")`)
	do(t, ctx, chromedp.Click(chromedp.CSS("#user-2")))
	until(t, ctx, "the panel comes, with the focus", `document.activeElement.id === "panel-title" && document.activeElement.innerText === "Bob Martin"`)
	until(t, ctx, "the address and the row are the user's", `location.pathname === "/users/2" && document.querySelector("tr.here #user-2[aria-current]") !== null`)

	do(t, ctx, chromedp.Click(chromedp.CSS(`#panel a[href$="add=any"]`)))
	until(t, ctx, "what can be added is offered", `document.activeElement.innerText === "What do you want to add?"`)
	do(t, ctx, chromedp.Click(chromedp.CSS(`#panel a[href$="add=pin"]`)))
	until(t, ctx, "how the PIN is made is asked", `document.activeElement.innerText === "A PIN"`)
	do(t, ctx, chromedp.Click(chromedp.CSS("#f-pin-typed")), chromedp.SendKeys(chromedp.CSS("#f-digits"), "1234567"), chromedp.Click(chromedp.CSS(`#panel button[type=submit]`)))
	until(t, ctx, "the field is marked, has the focus, and what was typed", `document.activeElement.matches("#f-digits[aria-invalid=true]") && document.activeElement.value === "1234567"`)
	until(t, ctx, "the address stays", `location.pathname === "/users/2"`)

	do(t, ctx, chromedp.Click(chromedp.CSS("#f-pin-auto")), chromedp.Click(chromedp.CSS(`#panel form.card button[type=submit]`)), chromedp.WaitVisible(chromedp.CSS("#pin-digits")))
	until(t, ctx, "eight digits are shown", `/^\d{4} \d{4}$/.test(document.querySelector("#pin-digits").innerText)`)
	do(t, ctx, chromedp.Click(chromedp.CSS(`button[data-copy="pin-digits"]`)))
	until(t, ctx, "it is said that they are copied", `document.querySelector("[data-copy] span").innerText === "Copied" && document.querySelector("#announce").innerText === "The PIN is copied."`)
	until(t, ctx, "the list knows by itself", `document.querySelector("#user-list").innerText.includes("PIN")`)

	do(t, ctx, chromedp.KeyEvent("\x1b"))
	until(t, ctx, "escape closes the panel", `document.querySelector("#panel-title") === null && location.pathname === "/users"`)
	if !eval[bool](t, ctx, `window.same === true`) {
		t.Error("the page was loaded again")
	}
}

func TestInTheBrowserWhatHappensAtADoorIsSeenAsItHappens(t *testing.T) {
	w := small(t)
	ctx, complaints := chromium(t, t.Context(), w, desk.Owner)
	front := w.journal("front-door")
	do(t, ctx, arrive(w.server.URL+"/activity"))
	eval[bool](t, ctx, `window.same = true`)
	front.report(time.Now(), wire.Record{Kind: wire.AccessGranted, By: "card", User: 1, Credential: 1, Seconds: 5})
	until(t, ctx, "the grant appears", `/Entered\s+Ada Lovelace at Front door by card/.test(document.querySelector("#event-list").innerText)`)
	until(t, ctx, "a screen reader hears of it", `document.querySelector("#announce").innerText === "Ada Lovelace at Front door by card"`)
	if !eval[bool](t, ctx, `window.same === true`) {
		t.Error("the page was loaded again")
	}

	do(t, ctx, arrive(w.server.URL+"/"), chromedp.WaitVisible(chromedp.CSS("#unlock-door-front-door")), chromedp.Focus(chromedp.CSS("#unlock-door-front-door")))
	w.live.states[0].State.Condition.Lockout = wire.CauseAttempts
	front.report(time.Now(), wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts})
	until(t, ctx, "the lockout appears", `document.querySelector("#glance").innerText.includes("Front door accepts no PINs")`)
	until(t, ctx, "the focus stays where it was", `document.activeElement.id === "unlock-door-front-door"`)
	done := w.hold()
	do(t, ctx, chromedp.KeyEvent("\r"))
	until(t, ctx, "the page knows that it was asked for", `document.querySelector("#glance").innerText.includes("asked to unlock")`)
	done()
	until(t, ctx, "what came of the order is said", `document.querySelector("#toasts").innerText.includes("Opened for 5 s.")`)

	do(t, ctx, chromedp.Click(chromedp.CSS(`[data-theme-choice="dark"]`)))
	until(t, ctx, "it is dark", `getComputedStyle(document.body).color === "rgb(232, 237, 242)" || getComputedStyle(document.documentElement).colorScheme === "dark"`)
	do(t, ctx, arrive(w.server.URL+"/places"))
	if got := eval[string](t, ctx, `document.documentElement.dataset.theme`); got != "dark" {
		t.Errorf("on the next page it is %q", got)
	}
	for _, complaint := range complaints() {
		t.Errorf("the browser complains: %s", complaint)
	}
}

func TestInTheBrowserOfTwoQuickClicksTheLastCounts(t *testing.T) {
	w := small(t)
	w.user("Bob", "Martin", false, "", "staff")
	ctx, _ := chromium(t, t.Context(), w, desk.Owner)
	do(t, ctx, arrive(w.server.URL+"/users/1"))
	until(t, ctx, "htmx is there", `typeof htmx === "object"`)
	for _, clicks := range [][3]string{
		{"#user-2", "#user-1", "Ada Lovelace"}, {"#user-1", "#user-2", "Bob Martin"},
		{`#panel a[href$="tab=access"]`, `#panel a[href$="tab=about"]`, "First name"},
	} {
		eval[bool](t, ctx, `document.querySelector('`+clicks[0]+`').click(); document.querySelector('`+clicks[1]+`').click(); true`)
		until(t, ctx, clicks[2], `document.querySelector(".htmx-request") === null && document.querySelector("#panel").innerText.includes("`+clicks[2]+`")`)
	}
}

func TestInTheBrowserASwitchFollowsWhatOthersDoAndStaysWhereItIs(t *testing.T) {
	w := small(t)
	ctx, _ := chromium(t, t.Context(), w, desk.Owner)
	const place = `(r => r.x + ", " + r.y)(document.querySelector("#pin-switch-front-door").getBoundingClientRect())`
	for _, page := range []string{"/hubs/1", "/doors/1?tab=identification"} {
		do(t, ctx, arrive(w.server.URL+page))
		before := eval[string](t, ctx, place)
		w.live.took(0)
		w.must(w.desk.SwitchPIN(t.Context(), owner, "front-door", false))
		until(t, ctx, "it is off at "+page, `document.querySelector("#pin-switch-front-door[aria-checked=false]") !== null && document.querySelector("#pin-says-front-door").innerText.includes("has not applied this yet")`)
		if after := eval[string](t, ctx, place); after != before {
			t.Errorf("%s: it was at %s and is at %s", page, before, after)
		}
		w.live.took(1 << 40)
		w.must(w.desk.SwitchPIN(t.Context(), owner, "front-door", true))
		until(t, ctx, "it is on at "+page, `document.querySelector("#pin-switch-front-door[aria-checked=true]") !== null && document.querySelector("#pin-says-front-door").innerText.includes("has applied this.")`)
	}
}

func TestInTheBrowserNothingIsReplacedBelowAFinger(t *testing.T) {
	w := small(t)
	ctx, _ := chromium(t, t.Context(), w, desk.Owner)
	mouse := func(what input.DispatchMouseEventType, css string) {
		t.Helper()
		at := eval[[2]float64](t, ctx, `(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector("`+css+`").getBoundingClientRect())`)
		do(t, ctx, chromedp.MouseEvent(what, at[0], at[1], chromedp.ButtonLeft, chromedp.ClickCount(1)))
	}
	for _, at := range []struct{ page, part, button, done string }{
		{"/", "glance", "#unlock-door-front-door", `document.querySelector("#toasts").innerText.includes("Opened for 5 s.")`},
		{"/hubs/1", "pin-at-front-door", "#pin-switch-front-door", `document.querySelector("#pin-switch-front-door[aria-checked=false]") !== null`},
	} {
		do(t, ctx, arrive(w.server.URL+at.page), chromedp.WaitVisible(chromedp.CSS(at.button)))
		until(t, ctx, "htmx is there", `typeof htmx === "object"`)
		eval[bool](t, ctx, `window.answers = 0; document.addEventListener("htmx:afterOnLoad", (e) => { if (e.target.id === "`+at.part+`") window.answers++ }); window.pressed = document.querySelector("`+at.button+`"); document.querySelector("nav.nav a").focus(); true`)
		mouse(input.DispatchMouseEventTypeMousePressed, at.button)
		eval[bool](t, ctx, `new Promise((done) => setTimeout(done, 200, true))`, chromedp.EvalAwaitPromise)
		_, err := w.desk.AddPlace(t.Context(), owner, desk.Locations, 0, "Annex at "+at.page)
		w.must(err)
		until(t, ctx, "the part of "+at.page+" has asked for itself anew", `window.answers > 0`)
		if !eval[bool](t, ctx, `window.pressed.isConnected`) {
			t.Errorf("%s: the button is another one than was pressed", at.page)
		}
		mouse(input.DispatchMouseEventTypeMouseReleased, at.button)
		until(t, ctx, "the click counts at "+at.page, at.done)
		until(t, ctx, "what was missed is shown at "+at.page, `!window.pressed.isConnected`)
	}
}

func TestInTheBrowserAQuestionBelowTheFoldIsScrolledTo(t *testing.T) {
	w := small(t)
	ctx, _ := chromium(t, t.Context(), w, desk.Owner)
	do(t, ctx, size(390, 700), arrive(w.server.URL+"/readers/front-door?tab=device&ask=lost"))
	until(t, ctx, "the question is seen", `(at => at.top >= 0 && at.bottom <= innerHeight + 1)(document.querySelector(".question").getBoundingClientRect())`)
	if eval[float64](t, ctx, `document.querySelector("main").scrollHeight`) <= 700 {
		t.Error("nothing is below the fold of this page")
	}
	if _, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Berlin"}); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, arrive(w.server.URL+"/settings"))
	until(t, ctx, "the zone of the browser stands in the field", `document.querySelector("#f-zone").value === "Europe/Berlin" && document.querySelector("[data-browser-zone]").innerText === "This is the zone of your browser. Save it if it is right."`)
	eval[bool](t, ctx, `document.querySelector("#f-zone").value = "Bielefeld"; true`)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#f-zone"), "\r"), chromedp.WaitVisible(chromedp.CSS("#w-zone")))
	const seen = `(at => at.top >= 0 && at.bottom <= innerHeight + 1)(document.activeElement.getBoundingClientRect())`
	until(t, ctx, "the wrong field is seen, and has the focus", `document.activeElement.matches("#f-zone[aria-invalid=true]") && document.activeElement.value === "Bielefeld" && `+seen)
	eval[bool](t, ctx, `document.querySelector("[data-browser-zone] button").click(); true`)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#f-zone"), "\r"), chromedp.WaitVisible(chromedp.CSS("#toasts .toast")))
	until(t, ctx, "the zone of the browser was taken", `document.querySelector("#zone-note").innerText === "Times are in Europe/Berlin."`)
	do(t, ctx, arrive(w.server.URL+"/doors/1?tab=identification"))
	eval[bool](t, ctx, `document.querySelector("#f-times").click(); document.querySelector("#f-tue").value = "x"; true`)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#f-tue"), "\r"), chromedp.WaitVisible(chromedp.CSS("#w-tue")))
	until(t, ctx, "and so has that of the second form of a page", `document.activeElement.matches("#f-tue[aria-invalid=true]") && `+seen)
}

func TestInTheBrowserOnePressLocksDownAndThePageFollowsWhatTheDoorReports(t *testing.T) {
	w := small(t)
	ctx, complaints := chromium(t, t.Context(), w, desk.Owner)
	front := w.journal("front-door")
	reports := func(mode wire.ModeState) {
		w.live.enters("front-door", mode)
		front.report(time.Now(), wire.Record{Kind: wire.ModeChanged, Mode: mode.Mode, Subject: string(mode.Cause), Who: mode.By})
	}
	do(t, ctx, arrive(w.server.URL+"/"), chromedp.WaitVisible(chromedp.CSS("#lockdown-site")))
	eval[bool](t, ctx, `window.same = true`)
	until(t, ctx, "htmx is there", `typeof htmx === "object"`)
	do(t, ctx, chromedp.Focus(chromedp.CSS("#lockdown-site")), chromedp.KeyEvent("\r"))
	until(t, ctx, "it can be undone", `document.querySelector("#toasts .undo") !== null`)
	until(t, ctx, "the banner comes by itself", `document.querySelector(".mode.lockdown")?.innerText.includes("Lockdown: the whole site")`)
	until(t, ctx, "no door has confirmed it", `document.querySelector(".mode.lockdown").innerText.includes("0 of 1 door") && document.querySelector(".card.door .mode-note").innerText.includes("not confirmed yet") && !document.querySelector(".card.door .chip.bad")`)
	reports(wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted, By: names[desk.Owner]})
	until(t, ctx, "the banner follows", `document.querySelector(".mode.lockdown").innerText.includes("1 of 1 door")`)
	until(t, ctx, "the door follows", `document.querySelector(".card.door .chip.bad")?.innerText === "Lockdown" && !document.querySelector(".card.door .mode-note")`)
	if !eval[bool](t, ctx, `window.same === true`) {
		t.Error("the page was loaded again")
	}

	do(t, ctx, chromedp.Click(chromedp.CSS("#toasts .undo")), chromedp.WaitVisible(chromedp.CSS("#toasts .toast:not(:has(.undo))")))
	until(t, ctx, "it has ended", `document.querySelector("#toasts")?.innerText.includes("Ended.") && !document.querySelector(".mode")`)
	until(t, ctx, "the door has not said so", `document.querySelector(".card.door .mode-note").innerText.includes("Lockdown was ended: not confirmed yet.")`)
	until(t, ctx, "htmx is there again", `typeof htmx === "object"`)
	reports(wire.ModeState{Mode: wire.ModeNormal})
	until(t, ctx, "the door is as before", `!document.querySelector(".card.door .mode-note") && !document.querySelector(".card.door .chip.bad")`)
	for _, complaint := range complaints() {
		t.Errorf("the browser complains: %s", complaint)
	}
}

func TestInTheBrowserADoorByDoorListStaysOpenWhileItFollows(t *testing.T) {
	w := small(t)
	w.adopt("back-door", "Back door", "Main building")
	_, err := w.desk.SetMode(t.Context(), owner, desk.Where{}, wire.ModeLockdown, 0)
	w.must(err)
	ctx, _ := chromium(t, t.Context(), w, desk.Owner)
	for _, page := range []string{"/", "/locations/1"} {
		w.live.enters("back-door", wire.ModeState{Mode: wire.ModeNormal})
		do(t, ctx, arrive(w.server.URL+page), chromedp.Click(chromedp.CSS(".mode.lockdown summary")))
		until(t, ctx, "the list is seen at "+page, `document.querySelector(".mode-doors").innerText.includes("Back door: online, not confirmed yet")`)
		w.live.enters("back-door", wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted})
		_, err := w.desk.AddPlace(t.Context(), owner, desk.Locations, 0, "Annex at "+page)
		w.must(err)
		until(t, ctx, "it follows at "+page, `document.querySelector(".mode-doors").innerText.includes("Back door: confirmed")`)
		if !eval[bool](t, ctx, `document.querySelector(".mode.lockdown details").open`) {
			t.Errorf("the list at %s has folded itself up", page)
		}
	}
}
