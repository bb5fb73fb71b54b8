package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// doorScenarios: who comes, and what the door's own lines say.
var doorScenarios = []scenario{
	{what: "the panel, as the kernel's bus delivered it, is what the simulated board's panel shows", prove: picture},
	{what: "a PIN typed on the touch film opens the door; all the way the panel shows, pixel by pixel, what the simulated board's does", prove: func(b *bench) (string, error) {
		how, err := b.opens(func() error { return b.typePIN(adaPIN) })
		if err != nil {
			return "", err
		}
		return how + "; 18 screens compared", b.clean()
	}},
	{what: "a card opens the door", prove: func(b *bench) (string, error) {
		before, err := b.m.chips.state()
		if err != nil {
			return "", err
		}
		var on chipState
		how, err := b.opens(func() error { return b.m.chips.present(bobUID) }, func() (err error) {
			on, err = b.m.chips.state()
			return err
		})
		if err != nil {
			return "", err
		}
		n, was := on.Counters["nfc"], before.Counters["nfc"]
		b.figure("transfers on the card reader's bus until a card has opened the door, polls before it included", "%d, %d bytes", n.Transfers-was.Transfers, n.Bytes-was.Bytes)
		return how, b.away()
	}},
	{what: "a card that nobody knows does not", prove: func(b *bench) (string, error) {
		if err := b.atHome(); err != nil {
			return "", err
		}
		mark := b.m.lines.mark()
		if err := b.m.chips.present(strangerUID); err != nil {
			return "", err
		}
		err := b.eventually("the screen that refuses", func() (bool, error) {
			seen, err := b.seen()
			return err == nil && seen.RGBAAt(3, 3).R > 0x60 && seen.RGBAAt(3, 3).G < 0x40, err
		})
		if err != nil {
			return "", err
		}
		if err := b.away(); err != nil {
			return "", err
		}
		if err := b.atHome(); err != nil {
			return "", err
		}
		if changes := b.m.lines.since(mark, lineStrike); len(changes) > 0 {
			return "", fmt.Errorf("the strike changed: %s", describe(changes))
		}
		return "the screen refused it, the strike's pin did not move", nil
	}},
	{what: "the exit button opens once, however much it bounces, and what is shorter than a bounce does not", prove: exitButton},
	{what: "the door contact is followed, and a door that opens by itself is forced", prove: doorContact},
	{what: "tamper locks PIN entry out, and a card ends that", prove: tamper},
}

// picture types two digits, takes the panel's picture, and cancels.
func picture(b *bench) (string, error) {
	if err := b.typePIN("40"); err != nil {
		return "", err
	}
	if err := b.same("behind two digits"); err != nil {
		return "", err
	}
	seen, err := b.m.chips.picture()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(b.out, "panel.png"), seen, 0o644); err != nil {
		return "", err
	}
	if err := b.press("cancel"); err != nil {
		return "", err
	}
	s, err := b.m.chips.state()
	if err != nil {
		return "", err
	}
	n := s.Counters["panel"]
	return fmt.Sprintf("panel.png; %d transfers with %d bytes to the panel so far", n.Transfers, n.Bytes), b.same("behind cancel")
}

func exitButton(b *bench) (string, error) {
	mark := b.m.lines.mark()
	// A spike: the level is back before anybody could have looked.
	for range 3 {
		if err := b.chatter(lineExit, 2, false); err != nil {
			return "", err
		}
		if err := b.m.agent.pass(60 * time.Millisecond); err != nil {
			return "", err
		}
	}
	if err := b.m.agent.pass(500 * time.Millisecond); err != nil {
		return "", err
	}
	if changes := b.m.lines.since(mark, lineStrike); len(changes) > 0 {
		return "", fmt.Errorf("spikes opened the door: %s", describe(changes))
	}
	how, err := b.opens(func() error { return b.chatter(lineExit, 9, true) })
	if err != nil {
		return "", err
	}
	if err := b.chatter(lineExit, 8, false); err != nil {
		return "", err
	}
	if err := b.m.agent.pass(500 * time.Millisecond); err != nil {
		return "", err
	}
	if changes := b.m.lines.since(mark, lineStrike); len(changes) != 2 {
		return "", fmt.Errorf("one push, and the strike went %s", describe(changes))
	}
	return "10 ms of the kernel's debounce on edges; " + how, nil
}

// chatter moves an input there and back, n times, and leaves it at last.
func (b *bench) chatter(line, n int, last bool) error {
	for i := range n {
		on := last
		if (n-1-i)%2 == 1 {
			on = !last
		}
		if err := b.m.lines.set(line, on); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) doorIs(state string) error {
	return b.eventually("the reader says that the door is "+state, func() (bool, error) {
		s, err := b.status()
		return s.Door == state, err
	})
}

func doorContact(b *bench) (string, error) {
	mark := b.m.lines.mark()
	if err := b.m.lines.set(lineExit, true); err != nil {
		return "", err
	}
	if _, err := b.m.lines.await(mark, lineStrike, true, eventuallyLimit); err != nil {
		return "", err
	}
	if err := b.m.lines.set(lineExit, false); err != nil {
		return "", err
	}
	for _, step := range []struct {
		open  bool
		state string
	}{{true, "open"}, {false, "closed"}} {
		if err := b.m.lines.set(lineDoor, step.open); err != nil {
			return "", err
		}
		if err := b.doorIs(step.state); err != nil {
			return "", err
		}
	}
	if _, err := b.m.lines.await(mark, lineStrike, false, eventuallyLimit); err != nil {
		return "", err
	}
	// For 3 s a person may still be pulling.
	if err := b.m.agent.pass(4 * time.Second); err != nil {
		return "", err
	}
	if err := b.m.lines.set(lineDoor, true); err != nil {
		return "", err
	}
	if err := b.doorIs("forced"); err != nil {
		return "", err
	}
	if err := b.m.lines.set(lineDoor, false); err != nil {
		return "", err
	}
	return "open behind the exit button, closed, then forced", b.doorIs("closed")
}

func tamper(b *bench) (string, error) {
	if err := b.m.lines.set(lineTamper, true); err != nil {
		return "", err
	}
	err := b.eventually("PIN is locked out", func() (bool, error) {
		s, err := b.status()
		return s.Lockout == "tamper" && s.Tamper, err
	})
	if err != nil {
		return "", err
	}
	if err := b.m.lines.set(lineTamper, false); err != nil {
		return "", err
	}
	how, err := b.opens(func() error { return b.m.chips.present(bobUID) })
	if err != nil {
		return "", err
	}
	if err := b.away(); err != nil {
		return "", err
	}
	return how, b.eventually("PIN is open again", func() (bool, error) {
		s, err := b.status()
		return s.Lockout == "none", err
	})
}

// away takes the card away, and waits until the reader has missed it.
func (b *bench) away() error {
	if err := b.m.chips.removeCard(); err != nil {
		return err
	}
	return b.m.agent.pass(1500 * time.Millisecond)
}

// clean says what was done against a data sheet, as an error.
func (b *bench) clean() error {
	s, err := b.m.chips.state()
	if err != nil {
		return err
	}
	for _, violation := range s.Violations {
		// A driver that starts reads away what waits, not knowing what it is.
		if !strings.Contains(violation, "read past the end of an ACK") {
			return fmt.Errorf("against the data sheets: %v", s.Violations)
		}
	}
	return nil
}
