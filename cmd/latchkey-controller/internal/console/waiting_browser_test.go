package console

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// waitingTour looks at the pages of boards that wait to be adopted, and were.
func waitingTour(t *testing.T, beside context.Context) {
	w := newWorld(t)
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	_, first := w.waits("")
	tour(t, ctx, w, []stop{{"waiting-first", "/", ""}, {"waiting-first-devices", "/devices", ""}, {"waiting-first-adopt", first, ""}})
	w.stage()
	for _, name := range []string{"Cellar", "Server room"} {
		hub, err := w.desk.AddPlace(t.Context(), owner, desk.Hubs, 1, name)
		w.must(err)
		_, err = w.desk.AddPlace(t.Context(), owner, desk.Doors, hub, name)
		w.must(err)
	}
	const send = `document.querySelector("main form.columns").noValidate = true; document.querySelector("main form.columns button.primary").click()`
	board, replacing := w.waits("loading-bay")
	_, twin := w.waits("gate")
	w.waits("gate")
	replayed, disputed := w.waits("shed")
	w.handOver(replayed, "vault")
	chip := boardtest.NewWithTPM(t, wire.TPMNonce{1})
	w.handOver(chip, "")
	tour(t, ctx, w, []stop{
		{"waiting-doors", "/", ""},
		{"waiting-devices", "/devices", ""},
		{"waiting-adopt", first, ""},
		{"waiting-new-door", first, `document.querySelector("#f-which").value = "new"; document.querySelector("#f-access-groups").click(); document.querySelector("details.more").open = true; window.settled = true`},
		{"waiting-replacing", replacing, ""},
		{"waiting-twin", twin, ""},
		{"waiting-disputed", disputed, ""},
		{"waiting-tpm", w.pageOf(chip), ""},
		{"waiting-refuse", twin + "?ask=refuse", ""},
		{"waiting-gone", "/devices/waiting/99", ""},
	})
	do(t, ctx, wide, arrive(w.server.URL+first))
	eval[bool](t, ctx, send+`; true`)
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#w-compared")))
	lookAt(t, ctx, "waiting-wrong")
	_, err := w.desk.AdoptWaiting(t.Context(), owner, w.idOf(board), desk.AdoptForm{Reader: "loading-bay", Fingerprint: board.Fingerprint()})
	w.must(err)
	tour(t, ctx, w, []stop{{"waiting-adopted", replacing, ""}, {"waiting-adopted-devices", "/devices", ""}, {"waiting-take-back", replacing + "?ask=take-back", ""}})
	w.handOver(board, "")
	tour(t, ctx, w, []stop{{"waiting-fetched", replacing, ""}, {"waiting-take-back-lost", replacing + "?ask=take-back", ""}})
	w.live.states[4].Online = true
	tour(t, ctx, w, []stop{{"waiting-connected", replacing, ""}})
	w.pass(desk.FreshFor * 2)
	w.handOver(chip, "")
	tour(t, ctx, w, []stop{{"waiting-again", w.pageOf(chip), ""}})
	contented(t, complaints)
}

// tabTo goes on by the Tab key until an element has the focus.
func tabTo(t *testing.T, ctx context.Context, css string) {
	t.Helper()
	for range 60 {
		if eval[bool](t, ctx, fmt.Sprintf(`document.activeElement.matches(%q)`, css)) {
			return
		}
		do(t, ctx, chromedp.KeyEvent("\t"))
	}
	t.Fatalf("the Tab key does not come to %s", css)
}

func TestByKeyboardAloneANewReaderIsAdoptedAndThePageFollowsIt(t *testing.T) {
	w := small(t)
	ctx, complaints := chromium(t, t.Context(), w, desk.Super)
	do(t, ctx, size(390, 780), arrive(w.server.URL+"/"))
	until(t, ctx, "htmx is there", `typeof htmx === "object"`)
	eval[bool](t, ctx, `window.same = true`)
	board, page := w.waits("")
	until(t, ctx, "the start page says by itself that a reader waits", `document.querySelector("#waiting")?.innerText.includes("A new reader is waiting.") && window.same`)
	until(t, ctx, "that is announced", `document.querySelector("#announce").innerText === "1 new reader is waiting"`)

	tabTo(t, ctx, "#adopt-waiting")
	do(t, ctx, chromedp.KeyEvent("\r"), chromedp.WaitVisible(chromedp.CSS("#f-compared")))
	if at := eval[string](t, ctx, `location.pathname`); at != page {
		t.Error("it leads to ", at)
	}
	tabTo(t, ctx, "#f-compared")
	do(t, ctx, chromedp.KeyEvent(" "))
	tabTo(t, ctx, "#f-door")
	do(t, ctx, chromedp.KeyEvent("Back door"))
	tabTo(t, ctx, `[name="access"]`)
	do(t, ctx, chromedp.KeyEvent(" "), chromedp.KeyEvent(kb.ArrowDown))
	until(t, ctx, "everyone is chosen", `document.querySelector("#f-access-everyone").checked`)
	tabTo(t, ctx, `main form.columns button[type="submit"]`)
	do(t, ctx, chromedp.KeyEvent("\r"), chromedp.WaitVisible(chromedp.CSS("#arrival")))
	until(t, ctx, "it is adopted", `document.querySelector("#arrival").innerText.includes("Waiting for the reader to fetch") && typeof htmx === "object"`)
	tabTo(t, ctx, "#take-back")
	eval[bool](t, ctx, `window.same = true`)
	if len(w.handOver(board, "")) == 0 {
		t.Fatal("it gets no bundle")
	}
	until(t, ctx, "the page follows", `document.querySelector("#arrival").innerText.includes("Waiting for it to connect") && window.same`)
	until(t, ctx, "that is announced", `document.querySelector("#announce").innerText === "The reader has fetched its keys and settings."`)
	w.comes("back-door")
	w.journal("back-door").report(time.Now(), wire.Record{Kind: wire.LinkUp})
	until(t, ctx, "the page follows again", `document.querySelector("#steps").innerText === "It works" && window.same`)
	if !eval[bool](t, ctx, `document.activeElement.id === "take-back"`) {
		t.Error("the focus is lost")
	}
	contented(t, complaints)
}

func TestAFormThatIsBeingFilledInHearsThatTheReaderWaitsNoLonger(t *testing.T) {
	w := small(t)
	ctx, _ := chromium(t, t.Context(), w, desk.Super)
	board, page := w.waits("gate")
	do(t, ctx, arrive(w.server.URL+page), chromedp.SendKeys(chromedp.CSS("#f-door"), "Gate"))
	until(t, ctx, "htmx is there", `typeof htmx === "object"`)
	w.waits("gate")
	until(t, ctx, "the page warns of a twin", `document.querySelector("#waiting-now").innerText.includes("Another board waits under the id gate")`)
	w.must(w.desk.RefuseWaiting(t.Context(), owner, w.idOf(board), false))
	until(t, ctx, "the page says so", `document.querySelector("#waiting-now").innerText.includes("It waits no longer")`)
	if !eval[bool](t, ctx, `document.querySelector("#f-door").value === "Gate"`) {
		t.Error("what was entered is gone")
	}
}
