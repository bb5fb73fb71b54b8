package tests

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/internal/freeport"
)

// desk is a console in a browser, used as a person would.
type desk struct {
	t   testing.TB
	ctx context.Context
	url string // without a slash at its end
}

func (d *desk) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	err := chromedp.Do(ctx, steps...)
	for range 5 {
		// A part that keeps itself up to date was replaced meanwhile, or the page to which a form
		// leads came in between.
		if err == nil || !strings.Contains(err.Error(), "Could not find node") && !strings.Contains(err.Error(), "net::ERR_ABORTED") {
			break
		}
		err = chromedp.Do(ctx, steps...)
	}
	if err != nil {
		page, _ := chromedp.Run(d.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
		d.t.Fatalf("%s: %v\n%s", what, err, page)
	}
}

func (d *desk) visit(path string) { d.t.Helper(); d.do("visit "+path, chromedp.Navigate(d.url+path)) }

// click clicks what bears a text, or a label.
func (d *desk) click(text string) {
	d.t.Helper()
	at := chromedp.Search(fmt.Sprintf(
		`//*[(self::a or self::button or self::label) and (normalize-space()=%q or @aria-label=%[1]q or span[starts-with(normalize-space(), %[1]q)])]`, text))
	d.do(text, chromedp.WaitVisible(at, seldom()))
	d.settle()
	d.do("click "+text, chromedp.Click(at, chromedp.NodeVisible, seldom()))
}

func (d *desk) clickOn(css string) {
	d.t.Helper()
	d.do(css, chromedp.WaitVisible(chromedp.CSS(css), seldom()))
	d.settle()
	d.do("click "+css, chromedp.Click(chromedp.CSS(css), chromedp.NodeVisible, seldom()))
}

// settle waits until no part of the page is being replaced: what comes with it may
// scroll between the measuring of a place and the click there.
func (d *desk) settle() {
	d.t.Helper()
	settled := `!document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")`
	if _, err := chromedp.Run(d.ctx, chromedp.Poll[bool](settled, chromedp.WithPollingInterval(between), chromedp.WithPollingTimeout(time.Minute))); err != nil {
		d.t.Fatal("the page does not settle: ", err)
	}
}

// follow goes where a link leads. Lists are painted anew while readers report,
// and a click may meet the one before.
func (d *desk) follow(css string) {
	d.t.Helper()
	d.do("the link "+css, chromedp.WaitVisible(chromedp.CSS(css), seldom()))
	to, err := chromedp.Run(d.ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q).href`, css)))
	if err != nil {
		d.t.Fatal(err)
	}
	d.do("follow "+css, chromedp.Navigate(to))
}

// turn turns a switch, which stays where it is while the reader takes the turn
// before over.
func (d *desk) turn(css string, on bool) {
	d.t.Helper()
	before := d.place(css)
	d.clickOn(css)
	d.do("turned "+css, chromedp.WaitVisible(chromedp.CSS(fmt.Sprintf("%s[aria-checked=%t]", css, on)), seldom()))
	d.sees("The reader has applied this.")
	if after := d.place(css); after != before {
		d.t.Errorf("%s was at %s and is at %s", css, before, after)
	}
}

// place is where something is in the window.
func (d *desk) place(css string) string {
	d.t.Helper()
	d.do("see "+css, chromedp.WaitVisible(chromedp.CSS(css), seldom()))
	at, err := chromedp.Run(d.ctx, chromedp.Evaluate[string](fmt.Sprintf(`(r => r.x + ", " + r.y)(document.querySelector(%q).getBoundingClientRect())`, css)))
	if err != nil {
		d.t.Fatal(err)
	}
	return at
}

// fill types into fields by name.
func (d *desk) fill(fields ...string) {
	d.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		d.do("fill "+fields[i], chromedp.SendKeys(chromedp.CSS(`[name="`+fields[i]+`"]`), fields[i+1], chromedp.NodeVisible, seldom()))
	}
}

// sees waits until the page holds a text, without being loaded again.
func (d *desk) sees(texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		d.do("see "+text, chromedp.WaitVisible(chromedp.Search(fmt.Sprintf(`//*[contains(normalize-space(), %q)]`, text)), seldom()))
	}
}

// newPIN reads the PIN that was just made, copies it, and notes it.
func (d *desk) newPIN() string {
	d.t.Helper()
	d.do("the new PIN", chromedp.WaitVisible(chromedp.CSS(`[id$="pin-digits"]`), seldom()))
	shown, err := chromedp.Run(d.ctx, chromedp.Text(chromedp.CSS(`[id$="pin-digits"]`), seldom()))
	if err != nil {
		d.t.Fatal(err)
	}
	d.click("Copy")
	pin := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, shown)
	if len(pin) != 8 {
		d.t.Fatalf("the PIN that is shown has not eight digits but %d", len(pin))
	}
	d.sees("The reader has it")
	d.click("I have noted it")
	d.becomes("the PIN is shown no longer", `!document.querySelector("[id$=pin-digits]")`)
	return pin
}

// status posts to a path from within the page and returns what the answer is.
func (d *desk) status(path, body string) int {
	d.t.Helper()
	script := fmt.Sprintf(`fetch(%q, {method: "POST", headers: {"Content-Type": "application/x-www-form-urlencoded"}, body: %q, redirect: "manual"}).then(r => r.status)`, path, body)
	status, err := chromedp.Run(d.ctx, chromedp.Evaluate[int](script, chromedp.EvalAwaitPromise))
	if err != nil {
		d.t.Fatalf("%s: %v", path, err)
	}
	return status
}

// serveConsole starts the controller with a console.
func (c *controller) serveConsole() {
	c.t.Helper()
	var err error
	if c.console, err = freeport.Address(); err != nil {
		c.t.Fatal(err)
	}
	c.serve()
}

// signInOwner signs the first owner in by the one-time link.
func (c *controller) signInOwner(browser context.Context) *desk {
	c.t.Helper()
	owner := &desk{c.t, browser, "https://" + c.console}
	owner.do("the one-time link", chromedp.Navigate(c.firstSignIn()))
	owner.fill("name", "Olga Owner", "password", "correct horse battery staple", "again", "correct horse battery staple")
	owner.click("Set the password and sign in")
	owner.sees("Olga Owner")
	return owner
}

func TestAtTheConsoleAPersonGetsAPINAndTheDoorIsSeenAndOpened(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.serveConsole()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()

	owner := c.signInOwner(browser(t))
	owner.visit("/users/new")
	owner.fill("first", "Grace", "last", "Hopper")
	owner.clickOn("#f-pin-auto")
	owner.clickOn("#panel form button[type=submit]")
	pin := owner.newPIN()

	// Activity is open while the PIN is typed at the reader's page.
	owner.visit("/activity")
	page := owner.board(reader)
	reader.opensByTaps(page.ctx, pin)
	page.do("leave", chromedp.Navigate("about:blank")) // painting the board takes a processor
	owner.do("the grant", chromedp.WaitVisible(chromedp.Search(`//*[contains(@class,"event")][contains(., "Grace Hopper") and contains(., "Entered")]`), seldom()))
	reader.closed()

	policy := reader.status()["policy_revision"]
	c.tell("", "policy", "front-door", "set", "--limit", "3")
	reader.eventually("the limit has arrived", func() bool { return reader.status()["policy_revision"] != policy })
	for range 3 {
		reader.wrong(wrongPIN)
	}
	if !reader.locked() {
		t.Fatal("three wrong PINs did not lock")
	}
	owner.clickOn(`#event-list .more button`) // in the event of the lockout
	reader.opens("the unlock of the console")
	reader.eventually("the lockout is over", func() bool { return !reader.locked() })
	reader.closed()

	for what, way := range map[string][]string{
		"the door":                       {"/", `a[id^="door-"]`, `nav a[href$="tab=identification"]`},
		"the hub":                        {"/hubs/1"},
		"the door, by way of the reader": {"/readers/front-door", "#its-door", `nav a[href$="tab=identification"]`},
	} {
		owner.visit(way[0])
		for _, css := range way[1:] {
			owner.follow(css)
		}
		owner.turn("#pin-switch-front-door", false)
		reader.eventually("the PIN button goes by the switch of "+what, func() bool { return !reader.offers("pin") })
		owner.turn("#pin-switch-front-door", true)
		reader.eventually("the PIN button comes by the switch of "+what, func() bool { return reader.offers("pin") })
	}

	owner.visit("/users")
	owner.click("Grace Hopper")
	owner.click("Credentials")
	owner.click("Change")
	owner.clickOn("#f-pin-auto")
	owner.click("Change the PIN")
	changed := owner.newPIN()
	reader.wrong(pin)
	reader.typePIN(changed)
	reader.opens("the new PIN")
	reader.closed()

	owner.visit("/users")
	owner.click("Grace Hopper")
	owner.click("Credentials")
	owner.clickOn(`a[href$="ask=remove-pin"]`)
	revision := reader.revision()
	owner.clickOn(`form[action$="/pin/remove"] button[type=submit]`)
	reader.eventually("the PIN is gone", func() bool { return reader.revision() > revision })
	reader.wrong(changed)
	noPINInClear(t, reader, pin, changed, adaPIN, wrongPIN)

	owner.visit("/settings/administrators?ask=add")
	owner.fill("name", "Vera Viewer")
	owner.do("the role", chromedp.SetValue(chromedp.CSS("#f-role"), "limited-view", seldom()))
	owner.click("Add and make a link")
	owner.do("the link", chromedp.WaitVisible(chromedp.CSS("[id^=one-time-link-]"), seldom()))
	link, err := chromedp.Run(owner.ctx, chromedp.Text(chromedp.CSS("[id^=one-time-link-]"), seldom()))
	if err != nil {
		t.Fatal(err)
	}
	viewer := &desk{t, owner.stranger(), owner.url}
	viewer.do("the link", chromedp.Navigate(strings.TrimSpace(link)))
	viewer.fill("password", "staple battery horse correct", "again", "staple battery horse correct")
	viewer.click("Set the password and sign in")
	viewer.do("signed in", chromedp.WaitVisible(chromedp.CSS(`form[action="/sign-out"]`), seldom())) // the link's page has the name, too
	viewer.visit("/readers/front-door")
	viewer.do("the reader's page", chromedp.WaitVisible(chromedp.CSS("#main h1"), seldom()))
	reader.eventually("the wrong PIN's screen has gone", func() bool { return reader.offers("pin") })
	for path, body := range map[string]string{
		"/users":                     "first=Eve&pin=auto",
		"/users/1/pin":               "pin=auto",
		"/users/1/pin/remove":        "",
		"/users/1/remove":            "",
		"/readers/front-door/pin":    "on=false",
		"/readers/front-door/order":  "order=unlock",
		"/settings/administrators":   "name=Eve&role=owner",
		"/readers/front-door/remove": "how=lost",
	} {
		if status := viewer.status(path, body); status != 403 {
			t.Errorf("Limited Admin with Can View: POST %s: %d", path, status)
		}
	}
	if !reader.offers("pin") || reader.line("strike") {
		t.Error("what was refused was done")
	}
}
