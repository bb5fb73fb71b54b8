package main

import (
	"bytes"
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

// press touches and lets go of the same place on the reader and on its twin. It
// waits each time until the twin has answered and the reader's panel shows
// exactly what the twin's does; it returns once both fingers are off.
func (b *bench) press(name string) error {
	c, err := b.find(name)
	if err != nil {
		return err
	}
	if err := b.finger(c, true); err != nil {
		return err
	}
	if err := b.same("with a finger on " + name); err != nil {
		return err
	}
	return b.finger(c, false)
}

// finger puts a finger on a control of both screens, or takes it away, and
// waits until the twin has answered.
func (b *bench) finger(on control, down bool) error {
	before, err := b.site.page.screen()
	if err != nil {
		return err
	}
	for _, page := range []*chips{b.m.chips, b.site.page} {
		if err := page.touch(on.X+on.W/2, on.Y+on.H/2, down); err != nil {
			return err
		}
	}
	return b.eventually(fmt.Sprintf("the twin's answer to %s, down %v", on.Name, down), func() (bool, error) {
		now, err := b.site.page.screen()
		return err == nil && differences(before, now) > 0, err
	})
}

// same waits until both panels hold the same picture, pixel by pixel, and that
// is not about to change.
func (b *bench) same(when string) error {
	var differ int
	err := b.eventually("the reader's panel shows what its twin's does "+when, func() (bool, error) {
		before, err := b.site.page.screen()
		if err != nil {
			return false, err
		}
		seen, err := b.seen()
		if err != nil {
			return false, err
		}
		now, err := b.site.page.screen()
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
	keys := []string{"pin"}
	for _, digit := range pin {
		keys = append(keys, "digit-"+string(digit))
	}
	for _, key := range keys {
		err := b.eventually("the control "+key, func() (bool, error) {
			_, err := b.find(key)
			return err == nil, err
		})
		if err != nil {
			return err
		}
		if err := b.same("before " + key); err != nil {
			return err
		}
		if err := b.press(key); err != nil {
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
