package tests

import (
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const adaUID = "04ada0ada0ada0"

// proofsAt starts a site's controller, its console and a reader whose page has Ada's card and
// Bob's, and opens both in two tabs.
func proofsAt(t *testing.T) (c *controller, reader *testReader, console, page *desk) {
	t.Helper()
	c = adaAndBobLinked(t, true)
	c.tell("", "user", "card", "Ada Lovelace", "add", adaUID)
	c.startBroker()
	c.serveConsole()
	reader = c.adopt(t, "front-door")
	config, err := os.ReadFile(reader.config())
	if err != nil {
		t.Fatal(err)
	}
	reader.configure(string(config) + fmt.Sprintf("cards = [{name = \"Ada\", uid = %q}, {name = \"Bob\", uid = %q}]\n", adaUID, bobUID))
	reader.start()
	reader.linked()
	console = c.signInOwner(browser(t))
	page = console.board(reader)
	page.becomes("the reader is at home", atHome)
	return c, reader, console, page
}

// top is what the emulated panel's memory holds in that many rows.
func (r *testReader) top(rows int) []byte {
	pixels := r.pixels()
	return pixels[:min(rows*240*4, len(pixels))]
}

// asksFor waits until the top of the screen is that of a picture; false: it is not soon.
func (r *testReader) asksFor(picture string, rows int) bool {
	r.t.Helper()
	f, err := os.Open(filepath.Join("..", "latchkeyd", "testdata", "screens", picture+".png"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		r.t.Fatal(err)
	}
	want := image.NewRGBA(image.Rect(0, 0, m.Bounds().Dx(), rows))
	draw.Draw(want, want.Bounds(), m, m.Bounds().Min, draw.Src)
	return r.soon(again, func() bool { return slices.Equal(r.top(rows), want.Pix) })
}

func (r *testReader) asksForPINNext() bool { r.t.Helper(); return r.asksFor("second-pin", 48) }

// asksForCardNext does not wait once the reader is at home: no PIN was taken.
func (r *testReader) asksForCardNext() bool {
	r.t.Helper()
	home := false
	r.soon(again, func() bool { home = r.offers("pin"); return home || !r.offers("digit-0") })
	return !home && r.asksFor("second-card", 250)
}

// holdCard holds one of the page's cards to the reader for a moment.
func (d *desk) holdCard(uid string) { d.t.Helper(); d.clickOn(`#cards [data-uid="` + uid + `"]`) }

// tapAll taps a PIN on the page, from the home screen or where a PIN is next, without waiting
// between the digits: a busy machine has no time for that. If a tap is missed, the PIN is not
// complete, and its page goes by itself. The reader itself is asked for its keypad: it has its keys a
// little earlier than the page, and a tap in between counts for nothing.
func (r *testReader) tapAll(page *desk, pin string) {
	r.t.Helper()
	tap := func(names []string) bool {
		keys, err := json.Marshal(names)
		if err != nil {
			r.t.Fatal(err)
		}
		tapped, err := chromedp.Run(page.ctx, chromedp.Evaluate[bool](fmt.Sprintf(
			`(keys => keys.every(k => k) && (keys.forEach(k => k.click()), true))(%s.map(n => document.querySelector("#targets [data-name=" + n + "]")))`, keys)))
		return err == nil && tapped
	}
	r.asksForPIN()
	var digits []string
	for _, digit := range pin {
		digits = append(digits, "digit-"+string(digit))
	}
	if r.soon(again, func() bool { return tap(digits) }) { // the page has its keys a little later than the reader
		r.eventually("the PIN's page goes", func() bool { return !r.offers("digit-0") })
	}
}

// opensWith taps a PIN until it opens the door.
func (r *testReader) opensWith(page *desk, pin string) {
	r.t.Helper()
	for range 5 {
		r.eventually("the reader is at home", func() bool { return r.offers("pin") })
		r.tapAll(page, pin)
		opened := false
		r.soon(again, func() bool { opened = r.line("strike"); return opened || r.offers("pin") })
		if opened {
			return
		}
	}
	r.t.Fatalf("five times a PIN was tapped in vain\n%s", r.log.String())
}

// opensByBoth gives two proofs until the door opens: on a busy machine the second may come too
// late. give gives them, and returns false if the reader does not follow.
func (r *testReader) opensByBoth(how string, give func() bool) {
	r.t.Helper()
	for range 5 {
		r.eventually("the reader is at home", func() bool { return r.offers("pin") })
		if give() && r.soon(again, func() bool { return r.line("strike") }) {
			if status := r.status(); status["wrong"].(float64) != 0 {
				r.t.Errorf("%s: a PIN is charged: %v", how, status["wrong"])
			}
			return
		}
	}
	r.t.Fatalf("%s: five times in vain\n%s", how, r.log.String())
}

// A proofRecord is what a record says of who may open.
type proofRecord struct{ Kind, By, Reason string }

// proofs returns what the controller has been told, once it has been told all.
func (c *controller) proofs(r *testReader) (all []proofRecord) {
	c.t.Helper()
	r.eventually("the controller has all records", func() bool { return r.figures()["records_waiting"].(float64) == 0 })
	for lines := json.NewDecoder(strings.NewReader(c.tell("", "records", "--json"))); lines.More(); {
		var one proofRecord
		if err := lines.Decode(&one); err != nil {
			c.t.Fatal(err)
		}
		switch one.Kind {
		case "proof.given", "use.counted", "duress", "access.granted", "access.denied", "attempt.taken-back", "attempt.unknown":
			all = append(all, one)
		}
	}
	return all
}

// endsWith fails the test unless the last of all are these.
func endsWith(t *testing.T, what string, all []proofRecord, want ...proofRecord) {
	t.Helper()
	if got := all[max(0, len(all)-len(want)):]; !slices.Equal(got, want) {
		t.Errorf("%s: the records end with %v, want %v", what, got, want)
	}
}

// All in two tabs: the console, and the page of a simulated reader.
func TestInTwoTabsADoorDemandsCardAndPINOfOnePerson(t *testing.T) {
	t.Parallel()
	c, reader, console, page := proofsAt(t)
	policy := reader.status()["policy_revision"]
	console.visit("/doors/1?tab=identification")
	console.clickOn(`label[for="f-always"]`)
	console.clickOn(`form[action$="/two-proofs"] .actions button[type=submit]`)
	reader.eventually("two proofs are demanded", func() bool { return reader.status()["policy_revision"] != policy })
	console.visit("/doors/1?tab=identification")
	console.sees("Card and PIN together are always needed.")
	console.picture("proofs-1-console-policy")

	card, pin, both := proofRecord{Kind: "proof.given", By: "card"}, proofRecord{Kind: "proof.given", By: "pin"}, proofRecord{Kind: "access.granted", By: "card and pin"}
	reader.opensByBoth("a card, then a PIN", func() bool {
		page.holdCard(adaUID)
		if !reader.asksForPINNext() {
			return false
		}
		reader.tapAll(page, adaPIN)
		return true
	})
	page.picture("proofs-2-page-open")
	reader.closed()
	endsWith(t, "a card, then a PIN", c.proofs(reader), card, both)

	reader.opensByBoth("a PIN, then a card", func() bool {
		reader.tapAll(page, adaPIN)
		if !reader.asksForCardNext() {
			return false
		}
		page.picture("proofs-3-page-card-next")
		page.holdCard(adaUID)
		return true
	})
	reader.closed()
	endsWith(t, "a PIN, then a card", c.proofs(reader), pin, both)
	console.visit("/activity")
	console.do("the grants", chromedp.WaitVisible(chromedp.Search(
		`//*[contains(@class,"event")][contains(., "Entered") and contains(., "Ada Lovelace") and contains(., "card and PIN")]`), seldom()))

	grants := func() int { return c.kinds()["access.granted"] }
	before := grants()
	asked := false
	for range 5 {
		reader.eventually("the reader is at home", func() bool { return reader.offers("pin") })
		page.holdCard(adaUID)
		if asked = reader.asksForPINNext(); asked {
			break
		}
	}
	if !asked {
		t.Fatalf("five times a card was held to the reader in vain\n%s", reader.log.String())
	}
	page.picture("proofs-4-page-pin-next")
	reader.eventually("the reader is at home again", func() bool { return reader.offers("pin") })
	endsWith(t, "a card alone", c.proofs(reader), card, proofRecord{"access.denied", "card", "no second proof"})

	status := reader.status()
	refused := func() bool {
		return slices.Contains(c.proofs(reader), proofRecord{"access.denied", "card", "another person"})
	}
	for range 5 {
		reader.eventually("the reader is at home", func() bool { return reader.offers("pin") })
		reader.tapAll(page, adaPIN)
		if !reader.asksForCardNext() {
			continue
		}
		page.holdCard(bobUID)
		reader.eventually("the reader is at home", func() bool { return reader.offers("pin") })
		if refused() {
			break
		}
	}
	if !refused() {
		t.Fatalf("another person's card is not refused: %v", c.proofs(reader))
	}
	now := reader.status()
	for _, counter := range []string{"wrong", "guesses", "lockout"} {
		if now[counter] != status[counter] {
			t.Errorf("another person's card changes %s from %v to %v", counter, status[counter], now[counter])
		}
	}
	if after := grants(); after != before {
		t.Errorf("%d grants, before %d", after, before)
	}
	noPINInClear(t, reader, adaPIN)
}

func TestInTwoTabsAPINOpensOnceAndAPINForDuressRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	c, reader, console, page := proofsAt(t)
	console.visit("/users/new")
	console.fill("first", "Grace", "last", "Hopper")
	console.clickOn("#f-pin-auto")
	console.clickOn("details.limits summary")
	console.fill("uses", "1")
	console.clickOn("#panel form button[type=submit]")
	once := console.newPIN()
	console.sees("May be used once.", "Not used yet.")
	console.picture("proofs-5-console-once")
	user, err := chromedp.Run(console.ctx, chromedp.Evaluate[string](`location.pathname`))
	if err != nil {
		t.Fatal(err)
	}

	c.stopServing() // or the PIN is gone before it is tried again
	known := func() float64 {
		return reader.figures()["lookups"].(map[string]any)["pin"].(map[string]any)["known"].(float64)
	}
	reader.opensWith(page, once)
	reader.closed()
	before := known()
	for range 5 {
		reader.eventually("the PIN can be tapped", func() bool { return reader.offers("pin") })
		reader.tapAll(page, once)
		if reader.soon(again, func() bool { return known() > before }) {
			break
		}
	}
	reader.eventually("the reader is at home", func() bool { return reader.offers("pin") })
	if status := reader.status(); known() != before+1 || reader.line("strike") || status["wrong"].(float64) != 0 {
		t.Errorf("the second time: looked up %v times, strike %v, %v wrong", known()-before, reader.line("strike"), status["wrong"])
	}
	revision := reader.revision()
	c.serve()
	reader.linked()
	reader.eventually("the PIN is removed", func() bool { return reader.revision() > revision })
	endsWith(t, "a PIN that may be used once, twice", c.proofs(reader),
		proofRecord{Kind: "use.counted"}, proofRecord{Kind: "access.granted", By: "pin"}, proofRecord{Kind: "attempt.taken-back", Reason: "used up"})
	console.visit(user)
	console.becomes("the panel is of the user", `document.querySelector("#panel-title")?.innerText === "Grace Hopper"`)
	console.becomes("the PIN is gone from the console", `!document.body.innerText.includes("May be used once")`)
	console.picture("proofs-6-console-gone")

	console.visit("/users")
	console.click("Ada Lovelace")
	console.click("Credentials")
	console.click("Add a credential")
	console.click("A PIN for duress")
	console.clickOn("#f-pin-auto")
	console.click("Add the PIN for duress")
	duress := console.newPIN()
	console.visit("/activity")
	reader.opensWith(page, duress)
	page.picture("proofs-7-page-duress")
	console.do("the alarm", chromedp.WaitVisible(chromedp.Search(
		`//*[contains(@class,"event")][contains(., "Duress") and contains(., "Duress: Ada Lovelace entered their PIN for duress at Front door")]`), seldom()))
	console.picture("proofs-7-console-duress")
	reader.closed()
	endsWith(t, "a PIN for duress", c.proofs(reader), proofRecord{Kind: "duress"}, proofRecord{Kind: "access.granted", By: "pin"})
	console.visit("/")
	console.becomes("the overview has the alarm", `!!document.querySelector('[id^="alert-duress-"]')`)
	if strings.Contains(strings.ToLower(reader.log.String()), "duress") {
		t.Error("the reader's log tells")
	}
	noPINInClear(t, reader, once, duress)
}
