package tests

import "testing"

// mode returns the mode in force, as the reader's status says.
func (r *testReader) mode() string {
	mode, _ := r.status()["mode"].(map[string]any)
	name, _ := mode["name"].(string)
	return name
}

// inMode waits for a mode at the reader, and on the console's page; chip "": for that of
// no mode.
func (r *testReader) inMode(console *desk, mode, chip string) {
	r.t.Helper()
	r.eventually("the reader is in mode "+mode, func() bool { return r.mode() == mode })
	says := `document.querySelector(".card.door").innerText.includes("` + chip + `")`
	if chip == "" {
		says = `document.readyState === "complete" && !document.querySelector(".mode") && !document.querySelector(".card.door").innerText.match(/Lockdown|Evacuation|Fire/)`
	}
	console.becomes("the page says "+mode, says)
}

// All in two tabs: the console, and the page of a simulated reader.
func TestInTwoTabsADoorIsLockedDownByOnePressAndEvacuated(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, true)
	c.startBroker()
	c.serveConsole()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()
	console := c.signInOwner(browser(t))
	page := console.board(reader)
	page.becomes("the reader is at home", atHome)

	console.visit("/")
	console.clickOn("#lockdown-site")
	console.sees("Lockdown: the whole site", "1 of 1 door")
	reader.inMode(console, "lockdown", "Lockdown")
	page.becomes("no PIN can be entered", "!"+atHome)
	console.picture("modes-1-console-lockdown")
	page.picture("modes-1-page-lockdown")

	reader.kill()
	reader.start()
	if mode := reader.mode(); mode != "lockdown" {
		t.Errorf("after a restart the mode is %s", mode)
	}
	page = console.board(reader)
	page.becomes("no PIN can be entered after a restart", `document.querySelectorAll("#targets button").length === 0 && `+released)
	before := reader.cards("known")
	reader.showCard(bobUID)
	reader.eventually("the card is known", func() bool { return reader.cards("known") > before })
	if reader.line("strike") {
		t.Error("a card opens in the lockdown")
	}

	console.clickOn("#toasts .undo")
	console.sees("Ended.")
	reader.inMode(console, "normal", "")
	page.becomes("the reader is at home again", atHome)

	console.visit("/") // at its top: a tab in the background does not scroll
	console.clickOn("#evacuate-site")
	reader.inMode(console, "evacuation", "Evacuation")
	page.becomes("the strike is held", energised)
	console.picture("modes-2-console-evacuation")
	page.picture("modes-2-page-evacuation")
	console.clickOn("#toasts .undo")
	console.sees("Ended.")
	reader.inMode(console, "normal", "")
	page.becomes("the door is locked again", released)

	page.clickOn("#fire")
	reader.inMode(console, "evacuation", "Fire")
	page.becomes("the strike is held", energised)
	console.sees("The fire input is active at Front door")
	console.picture("modes-3-console-fire")
	page.clickOn("#fire")
	reader.inMode(console, "normal", "")
	page.becomes("the door is locked again", released)
}
