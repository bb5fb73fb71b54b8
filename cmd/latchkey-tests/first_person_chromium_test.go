package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A movedClock is a door's clock, which a test moves by the door's time zone: so it does not
// change what the program and its certificates take for the time.
type movedClock struct {
	c     *controller
	r     *testReader
	begin time.Time
	zone  int // hours east of Greenwich
}

// clockAt returns the clock of a door, at which it is now about seven in the morning, with
// three hours of the day to go in the zones that there are.
func clockAt(c *controller, r *testReader) *movedClock {
	now := time.Now().UTC()
	zone := 7 - now.Hour()
	if zone < -12 {
		zone += 24
	}
	return &movedClock{c, r, now, zone}
}

// minute returns a minute of the day at the door, counted from when the test began.
func (m *movedClock) minute(after time.Duration) uint16 {
	local := m.begin.Add(time.Duration(m.zone)*time.Hour + after)
	return uint16(60*local.Hour() + local.Minute())
}

// move sets the door's clock to some hours after the test began.
func (m *movedClock) move(hours int) {
	m.c.t.Helper()
	before := m.r.status()["policy_revision"]
	m.c.tell("", "policy", "front-door", "set", "--time-zone", fmt.Sprintf("Etc/GMT%+d", -(m.zone+hours)))
	m.r.eventually("the clock is moved", func() bool { return m.r.status()["policy_revision"] != before })
}

// unlock has the schedule of the door unlock it each day between two moments after the test
// began, once somebody of a group has come.
func (m *movedClock) unlock(from, to time.Duration, first string) {
	m.c.t.Helper()
	var policy map[string]any
	if err := json.Unmarshal([]byte(m.c.tell("", "policy", "front-door", "show", "--json")), &policy); err != nil {
		m.c.t.Fatal(err)
	}
	var week []map[string]any
	for day := range 7 {
		week = append(week, map[string]any{"Day": day, "From": m.minute(from), "To": m.minute(to)})
	}
	policy["Opening"] = map[string]any{"Schedule": map[string]any{"Week": week}, "First": first}
	text, err := json.Marshal(policy)
	if err != nil {
		m.c.t.Fatal(err)
	}
	file := filepath.Join(m.c.t.TempDir(), "policy.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		m.c.t.Fatal(err)
	}
	before := m.r.status()["policy_revision"]
	m.c.tell("", "policy", "front-door", "set", "--file", file)
	m.r.eventually("the reader has the schedule", func() bool { return m.r.status()["policy_revision"] != before })
}

// waits says whether the schedule waits for the first person, as the reader's status says.
func (r *testReader) waits() bool {
	mode, _ := r.status()["mode"].(map[string]any)
	waits, _ := mode["waits"].(bool)
	return waits
}

// All in two tabs: the console, and the page of a simulated reader.
func TestInTwoTabsAnUnlockScheduleWaitsForTheFirstPerson(t *testing.T) {
	t.Parallel()
	c, reader, console, page := proofsAt(t)
	c.tell("", "user", "edit", "Ada Lovelace", "--group", "staff")
	clock := clockAt(c, reader)
	clock.move(0)
	clock.unlock(30*time.Minute, 2*time.Hour, "staff")
	console.visit("/")
	if mode := reader.mode(); mode != "normal" || reader.waits() {
		t.Errorf("half an hour before the span the mode is %s; waits: %v", mode, reader.waits())
	}

	clock.move(1)
	reader.eventually("the schedule waits", reader.waits)
	console.becomes("the page says so", `document.querySelector(".card.door").innerText.includes("Waits for the first person")`)
	console.picture("first-1-console-waits")
	page.becomes("the door is locked", released)
	before := reader.cards("known")
	page.holdCard(bobUID)
	reader.eventually("the card of somebody else is known", func() bool { return reader.cards("known") > before })
	reader.closed()
	if mode := reader.mode(); mode != "normal" || !reader.waits() {
		t.Errorf("somebody of another group has come, and the mode is %s; waits: %v", mode, reader.waits())
	}

	reader.eventually("the reader is at home", func() bool { return reader.offers("pin") })
	page.holdCard(adaUID)
	reader.eventually("the reader is in mode unlocked", func() bool { return reader.mode() == "unlocked" })
	page.becomes("the strike is held", energised)
	page.picture("first-2-page-open")
	console.becomes("the page says that it is open", `document.querySelector(".card.door").innerText.includes("Unlocked by schedule")`)
	console.picture("first-3-console-open")

	clock.move(3)
	reader.inMode(console, "normal", "")
	page.becomes("the door is locked after the span", released)
}
