package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// chip lays a card with a chip on the reader; tear is after how many bytes it is taken
// away, 0: not.
func (h *house) chip(uid, kind string, tear int) error {
	card := map[string]any{"uid": uid, "kind": kind}
	if tear > 0 {
		card["tear"] = tear
	}
	return h.call("PUT", "/api/card", card, nil)
}

// says returns what a command of the controller's prints.
func (h *house) says(stdin string, args ...string) string {
	c := exec.Command(filepath.Join(h.d.bin, "latchkey-controller"), append(args, "--dir", h.d.path("site"))...)
	c.Stdin = strings.NewReader(stdin)
	printed, _ := c.CombinedOutput()
	return string(printed)
}

// takeAway takes the card from the reader, which sees that there is none.
func (h *house) takeAway() {
	h.t.Helper()
	if err := h.call("DELETE", "/api/card", nil, nil); err != nil {
		h.t.Fatal(err)
	}
	time.Sleep(time.Second)
}

func TestACardThatIsTornAwayTwiceGetsItsKeysAndItsCopyOpensNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	h.start(theBroker, theController, theReader)
	h.inStep()
	const uid = "04c0ffee123456"
	written := make(chan string, 1)
	go func() { written <- h.says("3456\n", "user", "card", "Ada Lovelace", "new", "front-door") }()
	for _, tear := range []int{150, 600} {
		h.eventually("the board has the card", func() bool { return h.chip(uid, "desfire-ev3", tear) == nil })
		time.Sleep(3 * time.Second)
		h.takeAway()
	}
	if err := h.chip(uid, "desfire-ev3", 0); err != nil {
		t.Fatal(err)
	}
	if text := <-written; !strings.Contains(text, "card  … 34 56  it proves itself") {
		t.Fatal(text)
	}
	h.inStep()
	h.takeAway()
	h.eventually("the card opens", func() bool { return h.chip(uid, "desfire-ev3", 0) == nil && h.strikes() })
	h.takeAway()
	h.eventually("the door is locked again", func() bool { return h.becomes(false) })
	if err := h.chip(uid, "copy", 0); err != nil {
		t.Fatal(err)
	}
	h.eventually("the copy raises an alarm", func() bool {
		return strings.Contains(h.says("", "activity", "--last", "5"), "A copy of Ada Lovelace's card was shown at Front door")
	})
	if on, err := h.line("strike"); err != nil || on {
		t.Errorf("the copy opens: %v", err)
	}
	if info, err := os.Stat(h.d.path("reader", "cards.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the cards are not kept: %v", err)
	}
}
