package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// panelIsRight types two digits, keeps the panel's picture, and cancels.
func panelIsRight(l *lane) string {
	l.typePIN("40")
	l.sameScreens("after two digits")
	check(os.WriteFile(filepath.Join(l.out, "panel.png"), l.m.chips.picture(), 0o644))
	l.press("cancel")
	n := l.m.chips.state().Counters["panel"]
	l.sameScreens("after cancel")
	return fmt.Sprintf("panel.png; %d transfers with %d bytes to the panel so far", n.Transfers, n.Bytes)
}

func pinUnlocks(l *lane) string {
	how := l.m.unlocks(func() { l.typePIN(adaPIN) })
	l.requireNoViolations()
	return how + "; 18 screens compared"
}

func cardUnlocks(l *lane) string {
	before := l.m.chips.state().Counters["nfc"]
	mark := l.m.lines.mark()
	l.m.chips.present(bobUID)
	began := time.Now()
	l.m.awaitStrike(mark, true)
	n := l.m.chips.state().Counters["nfc"]
	how := l.m.unlocked(mark, began)
	l.removeCard()
	l.figure("transfers on the card reader's bus until a card has opened the door, polls before it included", "%d, %d bytes", n.Transfers-before.Transfers, n.Bytes-before.Bytes)
	return how
}

func unknownCardIsRefused(l *lane) string {
	l.awaitHome()
	mark := l.m.lines.mark()
	l.m.chips.present(strangerUID)
	l.awaitRefusal()
	l.removeCard()
	l.awaitHome()
	l.m.lines.requireChanges(mark, 0)
	return "the screen refused it, the strike's pin did not move"
}

func (l *lane) awaitRefusal() {
	eventually(l.m.ctx, "the red screen of a refusal", func() bool {
		corner := l.m.chips.pixels().RGBAAt(3, 3)
		return corner.R > 0x60 && corner.G < 0x40
	})
}

func exitButtonUnlocks(l *lane) string {
	mark := l.m.lines.mark()
	for range 3 {
		l.bounce(lineExit, 2, false) // a spike: it is over before anybody could have looked
		l.m.agent.sleep(60 * time.Millisecond)
	}
	l.m.agent.sleep(500 * time.Millisecond)
	l.m.lines.requireChanges(mark, 0)
	how := l.m.unlocks(func() { l.bounce(lineExit, 9, true) })
	l.bounce(lineExit, 8, false)
	l.m.agent.sleep(500 * time.Millisecond)
	l.m.lines.requireChanges(mark, 2) // on and off, once
	return "10 ms of the kernel's debounce on edges; " + how
}

// bounce moves an input n times, to and fro; last is where it ends.
func (l *lane) bounce(line, n int, last bool) {
	for i := range n {
		l.m.lines.set(line, last == ((n-1-i)%2 == 0))
	}
}

func doorContactIsFollowed(l *lane) string {
	mark := l.m.lines.mark()
	l.m.lines.set(lineExit, true)
	l.m.awaitStrike(mark, true)
	l.m.lines.set(lineExit, false)
	l.moveDoor(true, "open")
	l.moveDoor(false, "closed")
	l.m.awaitStrike(mark, false)
	l.m.agent.sleep(4 * time.Second) // for 3 s a person may still be pulling
	l.moveDoor(true, "forced")
	l.moveDoor(false, "closed")
	return "open after the exit button, closed, then forced"
}

// moveDoor opens or closes the door, and waits until the reader says what it is.
func (l *lane) moveDoor(open bool, state string) {
	l.m.lines.set(lineDoor, open)
	l.awaitStatus("the door is "+state, func(s status) bool { return s.Door == state })
}

func tamperLocksOut(l *lane) string {
	l.m.lines.set(lineTamper, true)
	l.awaitStatus("PIN entry is locked out", func(s status) bool { return s.Lockout == "tamper" && s.Tamper })
	l.m.lines.set(lineTamper, false)
	how := l.unlocksByCard(bobUID)
	l.awaitStatus("PIN entry works again", func(s status) bool { return s.Lockout == "none" })
	return how
}

func fireHoldsStrike(l *lane) string {
	mark := l.m.lines.mark()
	l.m.lines.set(lineFire, true)
	on := l.m.awaitStrike(mark, true)
	l.awaitStatus("the door is in evacuation", func(s status) bool {
		return s.Mode.Name == "evacuation" && s.Mode.Cause == "fire" && s.Strike == "held"
	})
	for range 8 { // 32 s; the reader asks for 30 s at a time
		l.m.agent.sleep(4 * time.Second)
	}
	l.m.lines.requireChanges(mark, 1)
	l.m.lines.set(lineFire, false)
	off := l.m.awaitStrike(mark, false)
	l.awaitStatus("the door is as before", func(s status) bool { return s.Mode.Name == "normal" && s.Strike == "off" })
	l.m.lines.requireChanges(mark, 2)
	return fmt.Sprintf("the strike's pin was on for %.1f s; the state said evacuation, because of the fire", off.at.Sub(on.at).Seconds())
}

// unlocksByCard has a card open the door, and takes it away.
func (l *lane) unlocksByCard(uid string) string {
	how := l.m.unlocks(func() { l.m.chips.present(uid) })
	l.removeCard()
	return how
}

// removeCard takes the card away, and waits until the reader has missed it.
func (l *lane) removeCard() {
	l.m.chips.removeCard()
	l.m.agent.sleep(1500 * time.Millisecond)
}

// requireNoViolations fails if a driver did what a chip's data sheet forbids.
func (l *lane) requireNoViolations() {
	violations := l.m.chips.state().Violations
	for _, violation := range violations {
		// A driver that starts discards what the chip has to say, not knowing what it is.
		if !strings.Contains(violation, "read past the end of an ACK") {
			fail("against the data sheets: %v", violations)
		}
	}
}
