package tests

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// slipPIN returns the PIN of the slip that is shown.
func (d *desk) slipPIN() string {
	d.t.Helper()
	d.do("the slip", chromedp.WaitVisible(chromedp.CSS("#slip-digits"), seldom()))
	shown, err := chromedp.Run(d.ctx, chromedp.Text(chromedp.CSS("#slip-digits"), seldom()))
	if err != nil {
		d.t.Fatal(err)
	}
	pin := strings.ReplaceAll(shown, " ", "")
	if len(pin) != 8 {
		d.t.Fatalf("the PIN on the slip has %d digits", len(pin))
	}
	return pin
}

// All in two tabs: the console, and the page of a simulated reader.
func TestInTwoTabsAVisitorIsInvitedComesAndIsGone(t *testing.T) {
	t.Parallel()
	c, reader, console, page := proofsAt(t)
	c.tell("", "user", "edit", "Ada Lovelace", "--group", "staff")
	policy := reader.status()["policy_revision"]
	c.tell("", "policy", "front-door", "set", "--group", "staff")
	reader.eventually("only staff may open", func() bool { return reader.status()["policy_revision"] != policy })

	console.visit("/visitors/new")
	console.sees("No door takes visitors yet")
	policy = reader.status()["policy_revision"]
	console.visit("/doors/1?tab=settings")
	console.clickOn("#visitors-switch")
	reader.eventually("the door takes visitors", func() bool { return reader.status()["policy_revision"] != policy })

	console.visit("/visitors/new")
	console.fill("first", "Rosalind", "last", "Franklin")
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format("2006-01-02T15:04")
	console.do("fill in the end", chromedp.SetValue(chromedp.CSS("#f-until"), tomorrow, seldom()))
	console.clickOn("#f-door-1")
	console.picture("visitors-1-console-invitation")
	revision := reader.revision()
	console.clickOn(`#panel form button[type=submit]`)
	pin := console.slipPIN()
	console.becomes("the slip says whose it is, and for which door", `["Rosalind Franklin", "Front door", "Shown once: note it now."].every(t => document.querySelector("#panel").innerText.includes(t))`)
	console.picture("visitors-2-console-slip")
	reader.eventually("the reader has the PIN", func() bool { return reader.revision() > revision })

	reader.opensWith(page, pin)
	page.picture("visitors-3-page-open")
	reader.closed()
	endsWith(t, "a visitor's PIN", c.proofs(reader), proofRecord{Kind: "access.granted", By: "pin"})
	console.visit("/visitors")
	console.becomes("the visitor is in the list", `["Rosalind Franklin", "Now"].every(t => document.querySelector("#main").innerText.includes(t))`)
	console.becomes("the slip is gone", `!document.body.innerText.replaceAll(" ", "").includes("`+pin+`")`)
	console.picture("visitors-4-console-now")
	console.visit("/doors/1?tab=access")
	console.becomes("both are among those who may open", `["Ada Lovelace", "Rosalind Franklin"].every(t => document.querySelector("#openers").innerText.includes(t))`)
	console.picture("visitors-5-console-who-may-open")

	console.visit("/visitors")
	console.click("Rosalind Franklin")
	console.click("End the visit")
	console.sees("End the visit of Rosalind Franklin?")
	revision = reader.revision()
	console.clickOn(`#panel form button.danger`)
	reader.eventually("the PIN is taken away", func() bool { return reader.revision() > revision })
	for range 5 {
		reader.eventually("the PIN can be tapped", func() bool { return reader.offers("pin") })
		reader.tapAll(page, pin)
		if reader.soon(again, func() bool { return reader.status()["wrong"].(float64) > 0 }) {
			break
		}
	}
	if status := reader.status(); status["wrong"].(float64) != 1 || reader.line("strike") {
		t.Errorf("after the visit: %v wrong, strike %v", status["wrong"], reader.line("strike"))
	}
	noPINInClear(t, reader, pin)
}
