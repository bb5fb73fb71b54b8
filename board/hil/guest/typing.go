package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"net/http"
	"time"
)

// tapLimit is how long the screen may take to answer a finger.
const tapLimit = 15 * time.Second

// touchReads is how many more reads of the touch film a finger stays for after
// its key is lit: the reader ignores a shorter one.
const touchReads = 4

// A key is something to tap. Probe is a place on it, off its label, that has
// the colour Idle while the key is there and no finger is on it, and Lit with a
// finger.
type key struct {
	X, Y, ProbeX, ProbeY int
	Idle, Lit            color.RGBA
}

// taps taps keys as a patient person does: it waits until a key is there, keeps
// the finger on it until it is lit, and then waits until it is dark again and
// there is a dot more for the digit. It returns as the finger leaves the last
// key.
func (c *chips) taps(w http.ResponseWriter, r *http.Request) {
	var keys []key
	err := json.NewDecoder(r.Body).Decode(&keys)
	for i, k := range keys {
		if err == nil {
			err = c.tap(k, i > 0 && i < len(keys)-1) // the first and the last key end their screen
		}
		if err != nil {
			err = fmt.Errorf("key %d of %d %w", i+1, len(keys), err)
			break
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// tap taps a key. With stays the screen stays, and has a dot more at the end.
func (c *chips) tap(k key, stays bool) error {
	changes, stop := c.board.Watch()
	defer stop()
	view := c.board.View()
	defer view.Close()
	await := func(check func(screen *image.RGBA) bool) bool {
		for late := time.After(tapLimit); ; {
			if screen, _ := view.Update(); check(screen) {
				return true
			}
			select {
			case <-changes:
			case <-late:
				return false
			}
		}
	}
	is := func(colour color.RGBA) func(*image.RGBA) bool {
		return func(screen *image.RGBA) bool { return screen.RGBAAt(k.ProbeX, k.ProbeY) == colour }
	}
	// The digits so far are dots near the top.
	dots := func(screen *image.RGBA) []byte { return screen.Pix[50*screen.Stride : 70*screen.Stride] }
	if !await(is(k.Idle)) {
		return errors.New("is not there")
	}
	screen, _ := view.Update()
	before := bytes.Clone(dots(screen))
	c.board.Touch(k.X, k.Y, true)
	lit := await(is(k.Lit))
	read := c.awaitTouchReads()
	c.board.Touch(0, 0, false)
	switch {
	case !lit:
		return errors.New("does not light up")
	case !read:
		return errors.New("is lit, but nobody reads the touch film")
	case !stays:
		return nil
	case !await(is(k.Idle)):
		return errors.New("stays lit")
	case !await(func(screen *image.RGBA) bool { return !bytes.Equal(before, dots(screen)) }):
		return errors.New("was lit, but no dot has come of it")
	}
	return nil
}

// awaitTouchReads waits until the touch film has been read a few more times.
func (c *chips) awaitTouchReads() bool {
	want := c.board.Counters("touch").Messages + touchReads
	for late := time.Now().Add(tapLimit); c.board.Counters("touch").Messages < want; time.Sleep(4 * time.Millisecond) {
		if time.Now().After(late) {
			return false
		}
	}
	return true
}
