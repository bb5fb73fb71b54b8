package console

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"latchkey/board/sim/browsertest"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

var (
	screenshots = flag.String("screenshots", "", "write a screenshot of each page into this `directory`, light and dark, wide and narrow")
	pagesIn     = flag.String("language", "en", "have the pages of the tours in the language with this `tag`")
	everyLook   = flag.Bool("every-look", false, "have axe-core judge each page wide and narrow, light and dark, not one in three in one of these looks")
)

//go:embed testdata/axe.min.js
var axe []byte

// withAxe serves axe-core at the console's origin besides the console: a browser gets it once, and keeps
// what it has compiled, for all pages.
func withAxe(console http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/axe.min.js" {
			console.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Write(axe)
	})
}

// loadAxe puts it into the page that is shown.
const loadAxe = `new Promise((done, fail) => {
	const script = document.createElement("script");
	script.addEventListener("load", () => { script.remove(); done(true); });
	script.addEventListener("error", () => fail(new Error("axe-core does not come")));
	script.src = "/axe.min.js";
	document.head.append(script);
})`

// window opens a window of a headless browser, beside another if there is one in ctx, and returns what
// it complains about.
func window(t *testing.T, ctx context.Context) (context.Context, func() []string) {
	t.Helper()
	if chromedp.FromContext(ctx) != nil {
		ctx = browsertest.Beside(t, ctx)
	} else {
		ctx = browsertest.Open(t, 14*time.Minute, chromedp.Flag("force-prefers-reduced-motion", !*everyLook))
	}
	var mu sync.Mutex
	var notice []string
	do(t, ctx, quiet, size(1440, 900))
	go func() {
		for message, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			mu.Lock()
			notice = append(notice, fmt.Sprint(message))
			mu.Unlock()
		}
	}()
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, notice...)
	}
}

// quiet stops what chromedp has a browser tell of each request and style sheet: nobody here reads it, and
// it is a fifth of what a page costs. The console is told on.
func quiet(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
	for _, domain := range []string{network.Disable.Method, css.Disable.Method} {
		if err := target.Call(ctx, domain, cdp.Empty{}, nil); err != nil {
			return chromedp.Void{}, err
		}
	}
	return chromedp.Void{}, target.Call(ctx, cdppage.SetLifecycleEventsEnabled.Method, cdppage.SetLifecycleEventsEnabledParams{}, nil)
}

// chromium opens a window in which an administrator of a role is signed in.
func chromium(t *testing.T, ctx context.Context, w *world, role desk.Role) (context.Context, func() []string) {
	t.Helper()
	return chromiumIn(t, ctx, w, role, *pagesIn)
}

// chromiumIn does the same in a language.
func chromiumIn(t *testing.T, ctx context.Context, w *world, role desk.Role, tag string) (context.Context, func() []string) {
	t.Helper()
	ctx, complaints := window(t, ctx)
	do(t, ctx, arrive(w.server.URL+"/sign-in"))
	for name, value := range map[string]string{sessionCookie: w.visitor(role).session, languageCookie: tag} {
		cookie := fmt.Sprintf("%s=%s", name, value)
		eval[string](t, ctx, fmt.Sprintf(`document.cookie = "%s; path=/; secure"`, cookie))
		until(t, ctx, "the cookie is there", fmt.Sprintf(`document.cookie.includes(%q)`, cookie))
	}
	return ctx, complaints
}

// size makes the window that wide and high, and returns when the page is laid out and drawn so: a click
// is at the place where its target was.
func size(width, height int64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if err := resize(ctx, target, width, height); err != nil {
			return err
		}
		_, err := chromedp.Evaluate[bool](fmt.Sprintf(`new Promise(done => {
			const drawn = () => innerWidth === %d && innerHeight === %d ? requestAnimationFrame(() => requestAnimationFrame(() => done(true))) : requestAnimationFrame(drawn);
			drawn();
		})`, width, height), chromedp.EvalAwaitPromise)(ctx, target)
		return err
	})
}

// resize has the window be that wide and high soon.
func resize(ctx context.Context, target *chromedp.Target, width, height int64) error {
	return target.Call(ctx, emulation.SetDeviceMetricsOverride.Method, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1}, nil)
}

// arrive goes to a page that redirects nowhere, and returns when it is there, and not the page
// before, which may be the same.
func arrive(url string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := chromedp.Evaluate[bool](`window.left = true`)(ctx, target); err != nil {
			return err
		}
		var gone cdppage.NavigateResult
		if err := target.Call(ctx, cdppage.Navigate.Method, cdppage.NavigateParams{URL: url}, &gone); err != nil {
			return err
		}
		if gone.ErrorText != "" {
			return fmt.Errorf("%s: %s", url, gone.ErrorText)
		}
		there := chromedp.Evaluate[bool](fmt.Sprintf(`!window.left && location.href === %q && new Promise(done => {
			if (document.readyState === "complete") done(true); else addEventListener("load", () => setTimeout(() => done(true)));
		})`, url), chromedp.EvalAwaitPromise)
		for {
			if is, err := there(ctx, target); is || ctx.Err() != nil {
				return err
			}
			time.Sleep(20 * time.Millisecond) // also while the page changes, which is an error
		}
	})
}

// do takes steps one after the other, each within three minutes.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	for i, step := range steps {
		patient, cancel := context.WithTimeout(ctx, 3*time.Minute)
		err := chromedp.Do(patient, step)
		for err != nil && strings.Contains(err.Error(), "Could not find node") && patient.Err() == nil {
			err = chromedp.Do(patient, step) // it was replaced after it was found, and nothing was done
		}
		cancel()
		if err != nil {
			t.Fatalf("step %d: %v; the page: %.1500s", i+1, err, eval[string](t, ctx, `document.body.innerText`))
		}
	}
}

func eval[T any](t *testing.T, ctx context.Context, script string, options ...chromedp.EvaluateOption) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, options...))
	if err != nil {
		t.Fatalf("%.60s: %v", script, err)
	}
	return value
}

// A violation is one of axe-core's.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// accessible has axe-core judge the page that is shown, contrast or not: it takes longer than all else.
func accessible(t *testing.T, ctx context.Context, what string, contrast bool) {
	t.Helper()
	eval[bool](t, ctx, loadAxe, chromedp.EvalAwaitPromise)
	found := eval[string](t, ctx, fmt.Sprintf(`axe.run(document, {resultTypes: ["violations"], preload: false, rules: {"color-contrast": {enabled: %t}}}).then(r => JSON.stringify(r.violations))`, contrast), chromedp.EvalAwaitPromise)
	var violations []violation
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		for _, n := range v.Nodes {
			t.Errorf("%s: %s (%s): %s\n\t%.300s\n\t%s", what, v.ID, v.Impact, v.Help, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
	}
}

// A look is a size and a light in which pages are seen.
type look struct {
	name          string
	width, height int64
	theme         string
}

// The last is as a page arrives.
var looks = []look{
	{"narrow-dark", 360, 780, "dark"},
	{"narrow-light", 360, 780, "light"},
	{"middle-light", 1024, 768, "light"},
	{"wide-dark", 1440, 900, "dark"},
	{"wide-light", 1440, 900, "light"},
}

func TestEachPageHasNoBarrierAndKeepsToItsPolicyInEachLightAndSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stage()
	_, _, err := w.desk.AddAdmin(t.Context(), owner, "Barbara Liskov", desk.Editor, nil)
	w.must(err)
	token, err := w.desk.FirstOwnerLink(t.Context())
	w.must(err)
	ctx, complaints := window(t, t.Context())
	tour(t, ctx, w, []stop{{"sign-in", "/sign-in", ""}, {"link", "/link/" + token, ""}, {"link-over", "/link/none", ""}})
	do(t, ctx, size(1440, 900), arrive(w.server.URL+"/link/"+token),
		chromedp.SendKeys(chromedp.CSS("#f-name"), names[desk.Owner]), chromedp.SendKeys(chromedp.CSS("#f-password"), password),
		chromedp.SendKeys(chromedp.CSS("#f-again"), password), chromedp.Click(chromedp.CSS("button.primary")), chromedp.WaitVisible(chromedp.CSS("#glance")))
	proven, copyable := w.card(7, "EE 01").ID, w.card(1, "E5 80").ID
	const submit = `document.querySelector("#panel form button[type=submit]").click()`
	tours := map[string]func(*testing.T){}
	for name, of := range map[string]struct {
		role  desk.Role
		stops []stop
	}{
		"users": {desk.Owner, []stop{
			{"doors", "/", ""},
			{"users", "/users", ""},
			{"users-found", "/users?q=lov", ""},
			{"users-none", "/users?q=zz", ""},
			{"users-copyable", "/users?state=copyable-card", ""},
			{"users-sorted", "/users?order=-seen", ""},
			{"user-credentials", "/users/1", ""},
			{"user-add", "/users/5?add=any", ""},
			{"user-card-wrong", "/users/5?add=card", `document.querySelector("#f-card").value = "08010203"; ` + submit},
			{"user-enrol", "/users/5?add=enrol", ""},
			{"user-card-new", "/users/5?add=new", ""},
			{"user-card-proven", "/users/7", ""},
			{"user-card-rekey", fmt.Sprint("/users/7?ask=rekey-", proven), ""},
			{"user-card-return", fmt.Sprint("/users/7?ask=return-", proven), ""},
			{"user-card-remove", fmt.Sprint("/users/7?ask=card-", proven), ""},
			{"user-card-convert", fmt.Sprint("/users/1?ask=rekey-", copyable), ""},
			{"card-return", "/users/return-card", ""},
			{"user-about", "/users/1?tab=about", ""},
			{"user-remove", "/users/1?tab=about&ask=remove", ""},
			{"user-suspend", "/users/1?tab=about&ask=suspend", ""},
			{"user-long", "/users/11", ""},
			{"user-pin-change", "/users/1?add=pin", ""},
			{"user-pin-wrong", "/users/1?add=pin", `document.querySelector("#f-pin-typed").click(); document.querySelector("#f-digits").value = "1234"; ` + submit},
			{"user-pin-remove", "/users/1?ask=remove-pin", ""},
			{"user-access", "/users/1?tab=access", ""},
			{"user-activity", "/users/1?tab=activity", ""},
			{"user-new", "/users/new", ""},
			{"user-suspended", "/users/11?tab=about&ask=suspend", submit},
			{"users-suspended", "/users?state=suspended", ""},
		}},
		"places": {desk.Owner, []stop{
			{"locations", "/places", ""},
			{"door", "/doors/1", ""},
			{"door-access", "/doors/1?tab=access", ""},
			{"door-access-times", "/doors/2?tab=access", `for (const d of document.querySelectorAll("#openers details")) d.open = true; window.settled = true`},
			{"door-access-none", "/doors/1?tab=access&q=nobody", ""},
			{"door-identification", "/doors/1?tab=identification", ""},
			{"door-hours", "/doors/1?tab=hours", ""},
			{"door-groups", "/doors/2?tab=access", ""},
			{"door-group-edit", "/doors/2?tab=access&group=staff", ""},
			{"door-group-remove", "/doors/2?tab=access&ask=remove&group=staff", ""},
			{"door-settings", "/doors/1?tab=settings", ""},
			{"door-remove", "/doors/1?tab=settings&ask=remove", ""},
			{"door-activity", "/doors/1?tab=activity", ""},
			{"door-new", "/places/new/door", ""},
			{"location", "/locations/1", ""},
			{"devices", "/devices", ""},
			{"hub", "/hubs/1", ""},
			{"reader", "/readers/front-door", ""},
			{"reader-locked", "/readers/yard-gate", ""},
			{"reader-long", "/readers/loading-bay", ""},
			{"reader-screen", "/readers/front-door?tab=screen", ""},
			{"reader-device", "/readers/front-door?tab=device", ""},
			{"reader-lost", "/readers/front-door?tab=device&ask=lost", ""},
			{"adopt", "/devices/adopt", ""},
			{"settings", "/settings", ""},
			{"settings-backup", "/settings?ask=backup", ""},
			{"settings-epoch", "/settings?ask=epoch", ""},
			{"administrators", "/settings/administrators", ""},
			{"administrators-add", "/settings/administrators?ask=add", ""},
			{"administrators-role", "/settings/administrators?ask=role&about=1", ""},
			{"administrators-remove", "/settings/administrators?ask=remove&about=1", ""},
			{"administrators-sign-out", "/settings/administrators?ask=sign-out&about=1", ""},
			{"audit", "/settings/audit", ""},
			{"account", "/settings/account", ""},
			{"sorry", "/nowhere", ""},
		}},
		"viewer": {desk.Viewer, []stop{
			{"viewer-doors", "/", ""},
			{"viewer-user", "/users/1", ""},
			{"viewer-user-none", "/users/5", ""},
			{"viewer-user-about", "/users/1?tab=about", ""},
			{"viewer-door-settings", "/doors/1?tab=settings", ""},
			{"viewer-reader", "/readers/front-door", ""},
			{"viewer-door-identification", "/doors/1?tab=identification", ""},
			{"viewer-door-access", "/doors/2?tab=access", ""},
			{"viewer-door-hours", "/doors/2?tab=hours", ""},
			{"viewer-device", "/readers/front-door?tab=device", ""},
			{"viewer-refused", "/users/new", ""},
			{"viewer-audit", "/settings/audit", ""},
		}},
	} {
		tours[name] = func(t *testing.T) {
			ctx, complaints := chromium(t, ctx, w, of.role)
			tour(t, ctx, w, of.stops)
			contented(t, complaints)
		}
	}
	tours["german"] = func(t *testing.T) { // longer words, on pages that are full
		ctx, complaints := chromiumIn(t, ctx, w, desk.Owner, "de")
		tour(t, ctx, w, []stop{
			{"german-doors", "/", ""},
			{"german-user", "/users/1", ""},
			{"german-visitor-new", "/visitors/new", ""},
			{"german-group", "/groups/staff?tab=doors", ""},
			{"german-door-identification", "/doors/1?tab=identification", ""},
			{"german-door-access", "/doors/2?tab=access", ""},
			{"german-reader", "/readers/yard-gate", ""},
			{"german-activity", "/activity", ""},
			{"german-settings", "/settings", ""},
		})
		contented(t, complaints)
	}
	tours["empty"] = func(t *testing.T) {
		empty := newWorld(t)
		ctx, complaints := chromium(t, ctx, empty, desk.Owner)
		tour(t, ctx, empty, []stop{{"empty-doors", "/", ""}, {"empty-users", "/users", ""}, {"empty-devices", "/devices", ""}, {"empty-activity", "/activity?kind=denied", ""}})
		contented(t, complaints)
	}
	tours["stolen"] = func(t *testing.T) {
		counted := newWorld(t)
		counted.theft()
		ctx, complaints := chromium(t, ctx, counted, desk.Owner)
		tour(t, ctx, counted, []stop{
			{"stolen-devices", "/devices", ""},
			{"stolen-settings", "/settings", ""},
			{"stolen-settings-pins", "/settings?ask=pins", ""},
			{"stolen-reader", "/readers/vault", ""},
			{"stolen-reader-file", "/readers/barn?tab=device", ""},
			{"stolen-reader-renewal", "/readers/annex", ""},
			{"stolen-reader-budget", "/readers/annex?tab=device&ask=budget", ""},
			{"stolen-reader-spent", "/readers/cellar?tab=device", ""},
		})
		counted.must(counted.desk.SetPINReaders(t.Context(), owner, true))
		tour(t, ctx, counted, []stop{{"stolen-only-devices", "/devices", ""}, {"stolen-only-settings", "/settings?ask=pins", ""}, {"stolen-only-reader", "/readers/barn", ""}})
		maker := boardtest.NewTPMMaker(t, "OPTIGA(TM) ECC Manufacturing CA 042", nil, nil)
		_, err := counted.desk.AddTPMAuthorities(t.Context(), owner, append(maker.PEM(), boardtest.NewTPMMaker(t, "Another maker's TPM EK Intermediate CA 2", nil, nil).PEM()...))
		counted.must(err)
		counted.certify("vault", maker)
		tour(t, ctx, counted, []stop{
			{"tpms", "/settings?ask=tpms", ""},
			{"tpms-remove", "/settings?ask=tpm-remove&authority=" + strings.ReplaceAll(wire.Fingerprint(maker.Authority.Raw), " ", "%20"), ""},
			{"tpms-reader", "/readers/vault?tab=device", ""},
		})
		contented(t, complaints)
	}
	tours["activity"] = func(t *testing.T) { activityTour(t, ctx) }
	tours["modes"] = func(t *testing.T) { modeTour(t, ctx) }
	tours["waiting"] = func(t *testing.T) { waitingTour(t, ctx) }
	tours["visitors"] = func(t *testing.T) { visitorTour(t, ctx) }
	tours["proofs"] = func(t *testing.T) { proofTour(t, ctx) }
	tours["groups"] = func(t *testing.T) { groupTour(t, ctx) }
	tours["schedules"] = func(t *testing.T) { scheduleTour(t, ctx) }
	tours["tokens"] = func(t *testing.T) { tokenTour(t, ctx) }
	tours["brokers"] = func(t *testing.T) { brokerTour(t, ctx) }
	tours["controllers"] = func(t *testing.T) { controllersTour(t, ctx) }
	tours["cells"] = func(t *testing.T) { cellTour(t, ctx) }
	tours["webhooks"] = func(t *testing.T) { webhookTour(t, ctx) }
	tours["mail"] = func(t *testing.T) { mailTour(t, ctx) }
	tours["first"] = func(t *testing.T) { firstTour(t, ctx) }
	tours["trust"] = func(t *testing.T) { trustTour(t, ctx) }
	tours["limits"] = func(t *testing.T) { limitTour(t, ctx) }
	t.Run("tours", func(t *testing.T) {
		for name, run := range tours {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				run(t)
			})
		}
	})
	_, err = w.desk.SetPolicy(t.Context(), owner, "yard-gate", 0, func(p *wire.Policy) { p.TimeZone = "Asia/Tokyo" })
	w.must(err)
	tour(t, ctx, w, []stop{
		{"user-new-pin", "/users/1?add=pin", submit},
		{"user-enrol-none", "/users/5?add=enrol", submit},
		{"activity-elsewhere", "/activity", ""},
		{"user-elsewhere", "/users/11?tab=about", `document.querySelector("details").open = true; const until = document.querySelector("#f-until"); until.value = "2026-12-02T00:00"; until.dispatchEvent(new Event("change", {bubbles: true}))`},
	})
	if notice := eval[string](t, ctx, `document.querySelector("#elsewhere").innerText`); !strings.Contains(notice, "at Yard gate (Asia/Tokyo) until 2 Dec 2026, 09:00") {
		t.Errorf("as a date is typed, %q is said of it", notice)
	}
	cardWriting(t, ctx, w)
	adoption(t, ctx, w)
	w.pass(desk.FreshFor + time.Second)
	tour(t, ctx, w, []stop{{"password-again", "/settings?ask=epoch", ""}})
	do(t, ctx, wide, chromedp.Click(chromedp.CSS(`form[action="/sign-out"] button`)), chromedp.WaitVisible(chromedp.CSS("#f-password")))
	contented(t, complaints)
}

// visitorTour looks at pages about visitors.
func visitorTour(t *testing.T, beside context.Context) {
	w := newWorld(t)
	w.reception()
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	const submit = `document.querySelector("#panel form button[type=submit]").click()`
	tour(t, ctx, w, []stop{
		{"users-visitors", "/users?state=visitor", ""},
		{"visitors", "/visitors", ""},
		{"visitors-none", "/visitors?at=over&after=OTk5OTk5OTk5OTkgMQ", ""},
		{"visitor", "/visitors/25", ""},
		{"visitor-end", "/visitors/24?ask=end", ""},
		{"visitor-pin", "/visitors/25?ask=pin", ""},
		{"visitor-as-user", "/users/24?tab=about", ""},
		{"visitor-new", "/visitors/new", ""},
		{"visitor-new-wrong", "/visitors/new", `document.querySelector("#f-until").value = "2020-01-01T10:00"; ` + submit},
		{"door-visitors", "/doors/3?tab=settings", ""},
		{"door-access-visitors", "/doors/1?tab=access", ""},
		{"visitor-slip", "/visitors/new", `document.querySelector("#f-first").value = "Annie"; document.querySelector("#f-until").value = new Date(Date.now() + 86400000).toISOString().slice(0, 16); document.querySelector("#f-door-1").checked = true; ` + submit},
	})
	print := func(media string) {
		t.Helper()
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media}); err != nil {
			t.Fatal(err)
		}
	}
	print("print")
	if besides := eval[string](t, ctx, `[...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest(".slip") && !e.querySelector(".slip")).map(e => e.outerHTML.slice(0, 80)).join("\n")`); besides != "" {
		t.Errorf("besides the slip is printed: %s", besides)
	}
	if ink := eval[string](t, ctx, `getComputedStyle(document.querySelector(".slip-pin")).color + " on " + getComputedStyle(document.querySelector(".slip")).backgroundColor`); ink != "rgb(0, 0, 0) on rgb(255, 255, 255)" {
		t.Errorf("the PIN is printed %s", ink)
	}
	if *screenshots != "" {
		shot(t, ctx, "visitor-slip-printed")
	}
	print("")
	eval[bool](t, ctx, `window.print = () => { window.printed = true; }; true`)
	do(t, ctx, chromedp.Click(chromedp.CSS("button[data-print]")))
	until(t, ctx, "the button prints", `window.printed === true`)
	contented(t, complaints)
}

// modeTour looks at pages while modes are wanted.
func modeTour(t *testing.T, beside context.Context) {
	w := newWorld(t)
	w.emergency()
	_, err := w.desk.SetPolicy(t.Context(), owner, "lab", 0, func(p *wire.Policy) {
		p.InLockdown, p.Opening = []string{"lab"}, &wire.Opening{Schedule: *p.Access[1].Schedule, First: "staff"}
	})
	w.must(err)
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	unfold := func(name, path string) {
		t.Helper()
		do(t, ctx, wide, arrive(w.server.URL+path))
		eval[bool](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true); true`)
		lookAt(t, ctx, name)
	}
	tour(t, ctx, w, []stop{
		{"modes-lockdown", "/", ""},
		{"modes-site", "/?ask=mode", ""},
		{"modes-locations", "/places", ""},
		{"modes-reader", "/readers/archive", ""},
		{"modes-opening", "/doors/2?tab=hours", ""},
		{"modes-access", "/doors/2?tab=access", ""},
	})
	unfold("modes-lockdown-doors", "/")
	unfold("modes-location", "/locations/1")
	unfold("modes-door", "/doors/2")
	w.live.enters("front-door", wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseFire})
	w.live.enters("yard-gate", wire.ModeState{Mode: wire.ModeNormal, Cause: wire.CauseSchedule, Waits: true})
	do(t, ctx, wide, arrive(w.server.URL+"/"),
		chromedp.Click(chromedp.CSS("#evacuate-site")), chromedp.WaitVisible(chromedp.CSS("#toasts .undo")), chromedp.WaitVisible(chromedp.CSS(".mode.evacuation")))
	lookAt(t, ctx, "modes-evacuation")
	w.pass(desk.FreshFor + time.Second)
	do(t, ctx, wide, arrive(w.server.URL+"/"), chromedp.Click(chromedp.CSS(".mode.lockdown form button")), chromedp.WaitVisible(chromedp.CSS("#f-password")))
	lookAt(t, ctx, "modes-end")
	contented(t, complaints)
}

// proofTour looks at PINs with limits and for duress, and at doors that demand two proofs.
func proofTour(t *testing.T, beside context.Context) {
	w := newWorld(t)
	w.stage()
	for reader, schedule := range map[string]*wire.Schedule{
		"front-door": {Week: []wire.Span{{Day: 1, From: 0, To: 360}, {Day: 1, From: 1200, To: 1440}, {Day: 6, From: 0, To: 1440}}, Holiday: []wire.Span{{From: 0, To: 1440}}},
		"yard-gate":  nil,
		"lab":        nil, // an older one, later
	} {
		_, err := w.desk.SetPolicy(t.Context(), owner, reader, 0, func(p *wire.Policy) { p.TwoProofs = &wire.TwoProofs{Schedule: schedule} })
		w.must(err)
	}
	_, err := w.desk.SetPIN(t.Context(), owner, 3, desk.PIN{Choice: desk.Auto, Limits: desk.PINLimits{Uses: 5, Within: 48 * time.Hour}})
	w.must(err)
	for _, id := range []uint64{1, 11} {
		_, err := w.desk.SetDuressPIN(t.Context(), owner, id, desk.PIN{Choice: desk.Auto})
		w.must(err)
	}
	archive, bay := w.journal("archive"), w.journal("loading-bay")
	archive.uses(time.Now().Add(-2*time.Hour), 3, 1)
	archive.uses(time.Now().Add(-time.Hour), 3, 2)
	bay.uses(time.Now().Add(-30*time.Minute), 3, 1)
	bay.report(time.Now().Add(-2*time.Minute), wire.Record{Kind: wire.AccessGranted, By: wire.ByBoth, Seq: 7, User: 4, Credential: 1, Seconds: 5})
	bay.forced(time.Now().Add(-time.Minute), 11)
	ctx, complaints := chromium(t, beside, w, desk.Editor)
	const unfold, submit = `document.querySelector("details.limits").open = true; window.settled = true`, `document.querySelector("#panel form button[type=submit]").click()`
	tour(t, ctx, w, []stop{
		{"proofs-doors", "/", ""},
		{"proofs-locations", "/places", ""},
		{"proofs-door", "/doors/1", ""},
		{"proofs-door-access", "/doors/1?tab=access", ""},
		{"proofs-user-access", "/users/1?tab=access", ""},
		{"proofs-activity", "/activity", ""},
		{"proofs-alarms", "/activity?kind=duress", ""},
		{"proofs-authentication", "/doors/1?tab=identification", ""},
		{"proofs-reader-times", "/doors/1?tab=identification", ""},
		{"user-limits", "/users/3", ""},
		{"user-limits-change", "/users/3?add=pin", ""},
		{"user-limits-new", "/users/new", unfold},
		{"user-limits-wrong", "/users/5?add=pin", `document.querySelector("#f-uses").value = "101"; document.querySelector("#f-within").value = "32"; document.querySelector(".unit").value = "days"; document.querySelector("#panel form").noValidate = true; ` + submit},
		{"user-duress", "/users/1", ""},
		{"user-duress-long", "/users/11", ""},
		{"user-duress-any", "/users/4?add=any", ""},
		{"user-duress-add", "/users/4?add=duress-pin", `document.querySelector("#f-pin-typed").click(); window.settled = true`},
		{"user-duress-remove", "/users/1?ask=remove-duress-pin", ""},
		{"user-duress-shown", "/users/4?add=duress-pin", submit},
	})
	contented(t, complaints)
	w.older("lab")
	ctx, complaints = chromium(t, beside, w, desk.Super)
	tour(t, ctx, w, []stop{
		{"proofs-doors-old", "/", ""},
		{"user-limits-old", "/users/5?add=pin", `document.querySelector("#f-uses").value = "1"; ` + submit},
		{"proofs-reader", "/doors/3?tab=identification", ""},
		{"proofs-reader-always", "/doors/4?tab=identification", ""},
		{"proofs-reader-old", "/doors/2?tab=identification", ""},
		{"proofs-reader-edit", "/doors/1?tab=identification", ""},
	})
	contented(t, complaints)
}

// contented fails the test if a browser complains about anything but refusals and, if pages move, that it
// gave up to fade one into the next.
func contented(t *testing.T, complaints func() []string) {
	t.Helper()
	expected := `status of (403|404|410|422)|Clear-Site-Data`
	if *everyLook {
		expected += `|Transition was (aborted|skipped)`
	}
	for _, complaint := range complaints() {
		if !regexp.MustCompile(expected).MatchString(complaint) {
			t.Errorf("the browser complains: %s", complaint)
		}
	}
}

// A stop is a page to look at, and a script that is run there first.
type stop struct{ name, path, script string }

// wide is the size in which a page arrives, and is left after it was looked at.
var wide = size(1440, 900)

// tour looks at pages.
func tour(t *testing.T, ctx context.Context, w *world, stops []stop) {
	t.Helper()
	do(t, ctx, wide)
	for _, s := range stops {
		do(t, ctx, arrive(w.server.URL+s.path))
		if s.script != "" {
			eval[bool](t, ctx, `document.addEventListener("htmx:afterSettle", () => { window.settled = true; }); `+s.script+`; true`)
			until(t, ctx, s.name, `window.settled === true`)
		}
		inspect(t, ctx, s.name)
	}
	do(t, ctx, wide)
}

// squeezed finds what a page shows less of than there is: rows that have no
// height, words that are cut, tables that are wider than their box, names that
// are broken into many lines.
const squeezed = `[...document.querySelectorAll("nav, h1, h2, h3, .btn, .chip, label, .table-box, .row-link")].filter(e => e.checkVisibility() && !e.closest(".visually-hidden, #removed") &&
	(e.offsetHeight < 12 || e.matches(".btn, .chip, .table-box") && e.scrollWidth > e.offsetWidth + 1 || e.matches(".row-link") && e.getClientRects().length > 4)).map(e => e.outerHTML.slice(0, 120)).join("\n")`

// lookAt looks at the page that is shown, which can be clicked afterwards.
func lookAt(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	inspect(t, ctx, name)
	do(t, ctx, wide)
}

// inspect looks at the page that is shown: narrow and wide and, one page in three, between. One in three
// is judged by axe-core, half of these wide, half narrow, and half for contrast, as all pages are made of
// the same parts and colours. If every look is asked for, as make soak does, each page is judged for all
// of it, narrow and wide, in both lights.
func inspect(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	lot := crc32.ChecksumIEEE([]byte(name))
	between, judged, contrast := lot%3 == 0, "", lot/6%2 == 0
	if lot%3 == 1 {
		judged = [...]string{"narrow-dark", "wide-light"}[lot/3%2]
	}
	eval[bool](t, ctx, `document.fonts.ready.then(() => document.activeViewTransition?.finished).then(() => true)`, chromedp.EvalAwaitPromise)
	for _, v := range looks {
		judge := v.name == judged || *everyLook && v.name != "middle-light"
		switch v.name {
		case "narrow-light", "wide-dark": // of the shape of another
			if *screenshots == "" && !*everyLook {
				continue
			}
		case "middle-light":
			if *screenshots == "" && !*everyLook && !between {
				continue
			}
		}
		if _, err := chromedp.Run(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			return resize(ctx, target, v.width, v.height)
		})); err != nil {
			t.Fatal(err)
		}
		seen := eval[struct {
			Wide int64  `json:"wide"`
			Cut  string `json:"cut"`
		}](t, ctx, fmt.Sprintf(`new Promise(done => {
			const sized = () => innerWidth === %d && innerHeight === %d ? done({wide: document.documentElement.scrollWidth, cut: %s}) : requestAnimationFrame(sized);
			sized();
		})`, v.width, v.height, squeezed), chromedp.EvalAwaitPromise)
		if seen.Wide > v.width {
			t.Errorf("%s, %s: %d pixels wide", name, v.name, seen.Wide)
		}
		if seen.Cut != "" {
			t.Errorf("%s, %s: cut short:\n%s", name, v.name, seen.Cut)
		}
		if judge || *screenshots != "" {
			eval[bool](t, ctx, fmt.Sprintf(`document.documentElement.dataset.theme = %q; document.querySelectorAll("[data-theme-choice]").forEach(b => b.setAttribute("aria-pressed", String(b.dataset.themeChoice === %[1]q))); true`, v.theme))
		}
		if *screenshots != "" {
			shot(t, ctx, name+"-"+v.name)
		}
		if judge {
			accessible(t, ctx, name+", "+v.name, *everyLook || contrast)
		}
	}
}

// cardWriting looks at what is shown while a reader writes keys to a card, and after that.
func cardWriting(t *testing.T, ctx context.Context, w *world) {
	t.Helper()
	w.live.shown = []*boardtest.Card{boardtest.NewCard([]byte{4, 7, 6, 5, 4, 3, 2})}
	done := w.hold()
	const button = "#panel form .primary"
	do(t, ctx, wide, arrive(w.server.URL+"/users/5?add=new"),
		chromedp.Click(chromedp.CSS(button)), chromedp.WaitVisible(chromedp.CSS("#panel .when-asked")))
	lookAt(t, ctx, "user-card-waiting")
	done()
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#confirm")))
	w.live.gate = nil
	lookAt(t, ctx, "user-card-confirm")
	do(t, ctx, wide, chromedp.Click(chromedp.CSS("#panel form .primary")), chromedp.WaitVisible(chromedp.CSS("#written")))
	lookAt(t, ctx, "user-card-written")
	do(t, ctx, wide, arrive(w.server.URL+"/users/5?add=new"), chromedp.Click(chromedp.CSS(button)), chromedp.WaitVisible(chromedp.CSS("#w-reader")))
	lookAt(t, ctx, "user-card-unwritten")
}

// adoption looks at what follows the upload of a request.
func adoption(t *testing.T, ctx context.Context, w *world) {
	t.Helper()
	request, _ := w.request()
	do(t, ctx, wide, arrive(w.server.URL+"/devices/adopt"))
	eval[bool](t, ctx, fmt.Sprintf(`(() => {
		const files = new DataTransfer(), field = document.querySelector("#f-request");
		files.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], "request"));
		field.files = files.files;
		field.form.requestSubmit();
		return true;
	})()`, base64.StdEncoding.EncodeToString(request)))
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#compare")))
	lookAt(t, ctx, "adopt-compare")
	do(t, ctx, wide, chromedp.Click(chromedp.CSS("#f-access-groups")), chromedp.Click(chromedp.CSS("#f-times")))
	lookAt(t, ctx, "adopt-groups")
	do(t, ctx, wide,
		chromedp.SendKeys(chromedp.CSS("#f-reader"), "cellar"), chromedp.SendKeys(chromedp.CSS("#f-door"), "Cellar"),
		chromedp.Click(chromedp.CSS("#f-access-everyone")), chromedp.Click(chromedp.CSS("#f-compared")), chromedp.Click(chromedp.CSS("button.primary")), chromedp.WaitVisible(chromedp.CSS("#bundle")))
	lookAt(t, ctx, "adopt-bundle")
}

func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
