package main

import (
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
	if err := b.site.page.call("GET", "/api/controls", nil, &controls); err != nil {
		return control{}, err
	}
	for _, c := range controls {
		if c.Name == name {
			return c, nil
		}
	}
	return control{}, fmt.Errorf("there is no control %s", name)
}

// press touches and lets go of the same place on the reader and on its twin,
// and waits each time until both screens have answered.
func (b *bench) press(name string) error {
	c, err := b.find(name)
	if err != nil {
		return err
	}
	for _, down := range []bool{true, false} {
		var waits []func() error
		for i, screen := range []*chips{b.m.chips, b.site.page} {
			whose := []string{"the reader's", "its twin's"}[i]
			before, _, err := screen.screen()
			if err != nil {
				return err
			}
			if err := screen.touch(c.X+c.W/2, c.Y+c.H/2, down); err != nil {
				return err
			}
			waits = append(waits, func() error {
				return b.eventually(fmt.Sprintf("%s answer to %s, down %v", whose, name, down), func() (bool, error) {
					now, _, err := screen.screen()
					return err == nil && !equal(before, now), err
				})
			})
		}
		for _, wait := range waits {
			if err := wait(); err != nil {
				return err
			}
		}
	}
	return nil
}

// typePIN types a PIN, from the home screen on.
func (b *bench) typePIN(pin string) error {
	if err := b.press("pin"); err != nil {
		return err
	}
	for _, digit := range pin {
		if err := b.press("digit-" + string(digit)); err != nil {
			return err
		}
	}
	return nil
}

// opens says how the door opened and closed after something was done.
func (b *bench) opens(do func() error) (string, error) {
	mark := b.m.lines.mark()
	if err := do(); err != nil {
		return "", err
	}
	began := time.Now()
	on, err := b.m.lines.await(mark, lineStrike, true, 20*time.Second)
	if err != nil {
		return "", fmt.Errorf("the strike: %w\n%s", err, b.readerLog())
	}
	off, err := b.m.lines.await(mark, lineStrike, false, 20*time.Second)
	if err != nil {
		return "", fmt.Errorf("the strike: %w", err)
	}
	return fmt.Sprintf("the strike's pin went on %.0f ms after the last touch, and off %.1f s later", on.at.Sub(began).Seconds()*1000, off.at.Sub(on.at).Seconds()), nil
}

// equal compares two pictures pixel by pixel.
func equal(a, b image.Image) bool { return differences(a, b) == 0 }

// differences counts the pixels that differ.
func differences(a, b image.Image) (n int) {
	if a.Bounds() != b.Bounds() {
		return -1
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			ar, ag, ab, _ := a.At(x, y).RGBA()
			br, bg, bb, _ := b.At(x, y).RGBA()
			if ar != br || ag != bg || ab != bb {
				n++
			}
		}
	}
	return n
}
