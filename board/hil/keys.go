package main

import (
	"fmt"
	"image"
	"image/color"
)

// key is what guest/taps.go says of it.
type key struct {
	X, Y, ProbeX, ProbeY int
	Idle, Lit            color.RGBA
}

// tapPIN types a PIN as fast as the reader answers, without a look at its twin,
// from the home screen on.
func (b *bench) tapPIN(pin string) error {
	var keys []key
	for _, name := range b.keys(pin) {
		keys = append(keys, b.twin.layout[name])
	}
	if err := b.wake(); err != nil {
		return err
	}
	return b.m.chips.call("POST", "/bench/taps", keys, nil)
}

// still is the twin's screen once it no longer moves.
func (b *bench) still() (screen *image.RGBA, err error) {
	err = b.eventually("a screen that rests", func() (bool, error) {
		before := screen
		screen, err = b.twin.page.screen()
		return err == nil && before != nil && differences(before, screen) == 0, err
	})
	return screen, err
}

// learn looks at the twin for what the home screen is, where keys lie, and what
// they look like with and without a finger.
func (b *bench) learn() error {
	if _, err := b.awaitControl("pin"); err != nil {
		return err
	}
	if err := b.wakeTwin(); err != nil {
		return err
	}
	var err error
	if b.twin.home, err = b.still(); err != nil {
		return err
	}
	if err := b.learnKey("pin"); err != nil {
		return err
	}
	for _, name := range b.keys("0123456789")[1:] {
		if err := b.learnKey(name); err != nil {
			return err
		}
		if name == "digit-4" { // the eighth digit would end the entry
			if err := b.learnKey("cancel"); err != nil {
				return err
			}
			if err := b.learnKey("pin"); err != nil {
				return err
			}
		}
	}
	return b.learnKey("cancel")
}

// learnKey presses a key of the twin and looks at it.
func (b *bench) learnKey(name string) error {
	c, err := b.awaitControl(name)
	if err != nil {
		return err
	}
	k := key{X: c.X + c.W/2, Y: c.Y + c.H/2, ProbeX: c.X + c.W/10, ProbeY: c.Y + c.H/2}
	for _, look := range []struct {
		down   bool
		colour *color.RGBA
	}{{true, &k.Idle}, {false, &k.Lit}} {
		screen, err := b.still()
		if err != nil {
			return err
		}
		*look.colour = screen.RGBAAt(k.ProbeX, k.ProbeY)
		if err := b.fingers(c, look.down, b.twin.page); err != nil {
			return err
		}
	}
	if k.Idle == k.Lit && name != "cancel" {
		return fmt.Errorf("the key %s looks the same with a finger on it", name)
	}
	b.twin.layout[name] = k
	return nil
}
