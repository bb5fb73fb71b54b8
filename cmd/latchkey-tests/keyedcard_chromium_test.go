package tests

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "write what a person sees while a card gets its keys into this `directory`")

// picture writes a screenshot, if -screenshots asks for it.
func (d *desk) picture(name string) {
	d.t.Helper()
	if *screenshots == "" {
		return
	}
	png, err := chromedp.Run(d.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644)
	}
	if err != nil {
		d.t.Error(err)
	}
}

// becomes waits until an expression of the page's is true.
func (d *desk) becomes(what, expression string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingInterval(between), chromedp.WithPollingTimeout(0))); err != nil {
		page, _ := chromedp.Run(d.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		d.t.Fatalf("never: %s: %v\n%s", what, err, page)
	}
}

// tab opens another page in the browser.
func (d *desk) tab(url string) *desk {
	d.t.Helper()
	other := &desk{d.t, d.open(), url}
	other.visit("/")
	return other
}

// stranger opens a page in the browser that shares no cookie with the others.
func (d *desk) stranger() context.Context {
	d.t.Helper()
	return d.open(chromedp.WithNewBrowserContext())
}

func (d *desk) open(how ...chromedp.ContextOption) context.Context {
	d.t.Helper()
	ctx, cancel := chromedp.NewContext(d.ctx, how...)
	d.t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 1000)); err != nil { // opens it for as long as ctx is
		d.t.Fatal(err)
	}
	return ctx
}

// board opens the page of a simulated reader, without its sound.
func (d *desk) board(reader *testReader) *desk {
	d.t.Helper()
	page := d.tab(reader.url)
	page.clickOn("#mute")
	page.do("muted", chromedp.WaitVisible(chromedp.CSS(`#mute[aria-pressed="true"]`), seldom()))
	return page
}

// What the simulated reader's page says.
const (
	energised = `document.querySelector("#strike").textContent.startsWith("energised")`
	released  = `document.querySelector("#strike").textContent === "released"`
	noCard    = `!document.querySelector("#held").classList.contains("shown")`
	drawn     = `#drawer .card` // selects the card in the drawer
	atHome    = `!!document.querySelector('#targets [data-name="pin"]')`
)

// slip lays a card on the reader, which slips after some bytes. The click is on the
// drawer of cards, or on a new card.
func (d *desk) slip(bytes int, css string) {
	d.t.Helper()
	d.do("how far", chromedp.SendKeys(chromedp.CSS("#slip"), fmt.Sprint(bytes), chromedp.NodeVisible, seldom()))
	d.clickOn(css)
	d.becomes("the card lies there", `document.querySelector("#slip").value === ""`)
	d.becomes("the card has slipped", noCard)
}

// takeAway takes the card from the reader.
func (d *desk) takeAway() {
	d.t.Helper()
	d.click("Tear the card away")
	d.becomes("the card is gone", noCard)
}

// again is how long a person waits for what a click should do, before they click once
// more: a busy reader may not have noticed that the card before was away.
const again = 15 * time.Second

// opensByClick lays the card of the drawer on the reader until it opens the door.
func (r *testReader) opensByClick(page *desk) {
	r.t.Helper()
	for range 5 {
		page.clickOn(drawn)
		if r.soon(again, func() bool { return r.line("strike") }) {
			page.becomes("the page says so", energised)
			return
		}
		page.takeAway()
	}
	r.t.Fatalf("five times the card was laid down in vain\n%s", r.log.String())
}

// refusesCopy holds a copy of the card of the drawer to the reader until it refuses that.
func (r *testReader) refusesCopy(page *desk) {
	r.t.Helper()
	before := r.cards("not-genuine")
	for range 5 {
		page.click("Hold a copy")
		if r.soon(again, func() bool { return r.cards("not-genuine") > before }) {
			return
		}
	}
	r.t.Fatalf("five times a copy was shown in vain\n%s", r.log.String())
}

// wrongByTaps taps a PIN that nobody has until it is counted.
func (r *testReader) wrongByTaps(page *desk, pin string) {
	r.t.Helper()
	before := r.status()
	counted := func() bool {
		now := r.status()
		return now["wrong"].(float64) > before["wrong"].(float64) || now["lockout"] != before["lockout"]
	}
	for range 5 {
		r.tapAll(page, pin)
		r.eventually("the wrong PIN is counted, or can be tapped again", func() bool { return counted() || r.offers("pin") })
		if counted() {
			return
		}
	}
	r.t.Fatalf("five times a PIN was tapped in vain\n%s", r.log.String())
}

// All by clicks, in two tabs: the console, and the page of a simulated reader.
func TestInTwoTabsACardGetsItsKeysAndItsCopyEndsNoLockout(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, true)
	c.startBroker()
	c.serveConsole()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()
	console := c.signInOwner(browser(t))
	page := console.board(reader)

	console.visit("/users")
	console.click("Ada Lovelace")
	console.click("Credentials")
	console.click("Add a credential")
	console.click("New card, which cannot be copied")
	page.becomes("the reader is at home", atHome)
	console.picture("1-console-new-card")
	console.click("Write the keys")
	console.sees("Hold the new card to that reader now")
	page.becomes("the reader asks for the card", "!"+atHome)
	console.picture("2-console-asks")
	page.picture("2-page-asks")
	page.slip(150, `[data-new="desfire-ev3"]`)
	reader.eventually("the card is gone too early", func() bool { return reader.cards("card-gone") == 1 })
	page.picture("3-page-slipped")
	page.slip(600, drawn)
	reader.eventually("the card is gone too early again", func() bool { return reader.cards("card-gone") == 2 })
	page.clickOn(drawn)
	console.sees("The card has its keys", "Is it the card in your hand?")
	console.picture("4-console-confirm")
	console.clickOn(`#panel form[action*="/enrol/"] .primary`)
	console.sees("The new card is ready", "it proves itself, as the first card here")
	console.picture("4-console-ready")
	page.picture("4-page-done")
	page.takeAway()
	page.becomes("the reader is at home again", atHome)
	reader.eventually("the reader knows that the card is Ada's", func() bool { return reader.revision() == 3 })

	reader.opensByClick(page)
	page.picture("5-page-opens")
	page.takeAway()
	page.becomes("the door is locked again", released)
	grants := func() int {
		reader.eventually("the controller has all records", func() bool { return reader.figures()["records_waiting"].(float64) == 0 })
		return c.kinds()["access.granted"]
	}
	before := grants()

	console.visit("/activity")
	reader.refusesCopy(page)
	page.picture("6-page-copy")
	console.do("the alarm", chromedp.WaitVisible(chromedp.Search(
		`//*[contains(@class,"event")][contains(., "Copied card") and contains(., "A copy of Ada Lovelace's card was shown at Front door")]`), seldom()))
	console.picture("6-console-alarm")

	policy := reader.status()["policy_revision"]
	c.tell("", "policy", "front-door", "set", "--limit", "2")
	reader.eventually("the limit has arrived", func() bool { return reader.status()["policy_revision"] != policy })
	for range 2 {
		reader.wrongByTaps(page, wrongPIN)
	}
	if !reader.locked() {
		t.Fatal("two wrong PINs do not lock")
	}
	console.sees("PIN entry at Front door is paused")
	page.picture("7-page-locked")
	reader.refusesCopy(page)
	if !reader.locked() {
		t.Error("a copy ends a lockout")
	}
	if now := grants(); now != before {
		t.Errorf("a copy opens: %d grants, before %d", now, before)
	}
	reader.opensByClick(page)
	console.sees("PIN entry resumed")
	if reader.locked() {
		t.Error("the card ends no lockout")
	}
	console.picture("8-console-resumed")
	page.picture("8-page-resumed")

	console.follow(`a[id^="whose-"]`) // in the event of the alarm
	console.sees("Cannot be copied: MIFARE DESFire EV2 or EV3, keys no. 1")
	console.click("1 of 2 cards can be copied.")
	console.sees("Bob Martin", "1 user found")
	console.picture("9-console-copyable")
}
