package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"time"
)

// control is something on the screen that can be touched.
type control struct {
	Name       string
	X, Y, W, H int
}

// find looks on the twin's screen, which is laid out as the reader's, for where
// a control is.
func (b *bench) find(name string) (control, error) {
	var controls []control
	if err := b.twin.page.call("GET", "/api/controls", nil, &controls); err != nil {
		return control{}, err
	}
	for _, c := range controls {
		if c.Name == name {
			return c, nil
		}
	}
	return control{}, fmt.Errorf("there is no control %s", name)
}

// awaitControl waits until the twin's screen has a control.
func (b *bench) awaitControl(name string) (c control, err error) {
	err = b.eventually("the control "+name, func() (bool, error) {
		c, err = b.find(name)
		return err == nil, err
	})
	return c, err
}

// wakeTwin touches the twin where nothing is: the first touch of a screen that
// has gone dark only lights it.
func (b *bench) wakeTwin() error {
	for _, down := range []bool{true, false} {
		if err := b.twin.page.touch(120, 20, down); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond) // no picture changes
	}
	return nil
}

// wake is wakeTwin for the machine's reader.
func (b *bench) wake() error {
	if err := b.m.chips.touch(120, 20, true); err != nil {
		return err
	}
	if err := b.looks(); err != nil {
		return err
	}
	if err := b.m.chips.touch(120, 20, false); err != nil {
		return err
	}
	return b.m.agent.pass(100 * time.Millisecond)
}

// looks waits until the machine's reader has looked at its touch film some
// times: a finger that is shorter does not count.
func (b *bench) looks() error { return b.m.chips.call("POST", "/bench/looks", nil, nil) }

// press touches and lets go of the same place on the reader and on its twin. It
// waits each time until the twin has answered and the reader's panel shows
// exactly what the twin's does; it returns once both fingers are off.
func (b *bench) press(name string) error {
	c, err := b.find(name)
	if err != nil {
		return err
	}
	if err := b.fingers(c, true, b.m.chips, b.twin.page); err != nil {
		return err
	}
	if err := b.same("with a finger on " + name); err != nil {
		return err
	}
	if err := b.looks(); err != nil {
		return err
	}
	return b.fingers(c, false, b.m.chips, b.twin.page)
}

// fingers puts fingers on a control of some screens, the twin's among them, or
// takes them away, and waits until the twin has answered.
func (b *bench) fingers(on control, down bool, screens ...*chips) error {
	before, err := b.twin.page.screen()
	if err != nil {
		return err
	}
	for _, screen := range screens {
		if err := screen.touch(on.X+on.W/2, on.Y+on.H/2, down); err != nil {
			return err
		}
	}
	return b.eventually(fmt.Sprintf("the twin's answer to %s, down %v", on.Name, down), func() (bool, error) {
		now, err := b.twin.page.screen()
		return err == nil && differences(before, now) > 0, err
	})
}

// same waits until both panels hold the same picture, pixel by pixel, and that
// is not about to change.
func (b *bench) same(when string) error {
	var differ int
	err := b.eventually("the reader's panel shows what its twin's does "+when, func() (bool, error) {
		before, err := b.twin.page.screen()
		if err != nil {
			return false, err
		}
		seen, err := b.seen()
		if err != nil {
			return false, err
		}
		now, err := b.twin.page.screen()
		if err != nil {
			return false, err
		}
		differ = differences(seen, now)
		return differ == 0 && differences(before, now) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %d pixels differ", err, differ)
	}
	return nil
}

// typePIN types a PIN, from the home screen on, and returns with the finger on
// its way from the last digit.
func (b *bench) typePIN(pin string) error {
	for i, key := range b.keys(pin) {
		if _, err := b.awaitControl(key); err != nil {
			return err
		}
		if err := b.same("before " + key); err != nil {
			return err
		}
		if i == 0 {
			if err := errors.Join(b.wake(), b.wakeTwin()); err != nil {
				return err
			}
		}
		if err := b.press(key); err != nil {
			return err
		}
	}
	return nil
}

// atHome waits until the reader's panel shows the home screen.
func (b *bench) atHome() error {
	return b.eventually("the home screen", func() (bool, error) {
		seen, err := b.seen()
		return err == nil && differences(seen, b.twin.home) == 0, err
	})
}

// keys are what a PIN is typed with, from the home screen on.
func (b *bench) keys(pin string) []string {
	keys := []string{"pin"}
	for _, digit := range pin {
		keys = append(keys, "digit-"+string(digit))
	}
	return keys
}

// opens says how the door opened and closed after something was done. What is
// to be looked at meanwhile is, as soon as the strike is on.
func (b *bench) opens(do func() error, look ...func() error) (string, error) {
	mark := b.m.lines.mark()
	if err := do(); err != nil {
		return "", err
	}
	began := time.Now()
	on, err := b.m.lines.await(mark, lineStrike, true, eventuallyLimit)
	if err != nil {
		return "", fmt.Errorf("the strike: %w\n%s", err, b.readerLog())
	}
	for _, look := range look {
		if err := look(); err != nil {
			return "", err
		}
	}
	off, err := b.m.lines.await(mark, lineStrike, false, eventuallyLimit)
	if err != nil {
		return "", fmt.Errorf("the strike: %w", err)
	}
	wait, order := on.at.Sub(began), "later"
	if wait < 0 {
		wait, order = -wait, "earlier"
	}
	return fmt.Sprintf("the strike's pin went on %d ms %s, for %.1f s", wait.Milliseconds(), order, off.at.Sub(on.at).Seconds()), nil
}

// differences counts the pixels that differ.
func differences(a, b *image.RGBA) (n int) {
	if a.Rect != b.Rect {
		return a.Rect.Dx() * a.Rect.Dy()
	}
	for i := 0; i < len(a.Pix); i += 4 {
		if !bytes.Equal(a.Pix[i:i+4], b.Pix[i:i+4]) {
			n++
		}
	}
	return n
}
