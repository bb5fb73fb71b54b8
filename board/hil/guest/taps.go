package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/color"
	"net/http"
	"time"
)

// tapLimit is how long the screen may take to answer a finger.
const tapLimit = 15 * time.Second

// A finger stays for some looks of the reader more than its key takes to light
// up: what is shorter than a finger does not count.
const tapLooks = 4

// A key is something to tap. Probe is a place on it, off its label, that has
// the colour Idle while the key is there and no finger is on it, and Lit with a
// finger.
type key struct {
	X, Y, ProbeX, ProbeY int
	Idle, Lit            color.RGBA
}

// taps taps keys as a patient person does: each finger waits until its key is
// there, stays until it is lit, and the next waits until it is dark again, if
// the screen still has it. It returns as the finger leaves the last one.
func (c *chips) taps(w http.ResponseWriter, r *http.Request) {
	var keys []key
	if err := json.NewDecoder(r.Body).Decode(&keys); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	changes, stop := c.board.Watch()
	defer stop()
	view := c.board.View()
	defer view.Close()
	await := func(k key, colour color.RGBA) bool {
		late := time.After(tapLimit)
		for {
			img, _ := view.Update()
			if img.RGBAAt(k.ProbeX, k.ProbeY) == colour {
				return true
			}
			select {
			case <-changes:
			case <-late:
				return false
			}
		}
	}
	// The digits so far are dots near the top.
	dots := func() []byte {
		img, _ := view.Update()
		return bytes.Clone(img.Pix[50*img.Stride : 70*img.Stride])
	}
	for i, k := range keys {
		if !await(k, k.Idle) {
			http.Error(w, fmt.Sprintf("key %d of %d is not there", i+1, len(keys)), http.StatusInternalServerError)
			return
		}
		before := dots()
		c.board.Touch(k.X, k.Y, true)
		lit := await(k, k.Lit)
		looked := c.looked(tapLooks)
		c.board.Touch(0, 0, false)
		if !lit || !looked {
			http.Error(w, fmt.Sprintf("key %d of %d: lit up %v, looked at %v", i+1, len(keys), lit, looked), http.StatusInternalServerError)
			return
		}
		if i == 0 || i == len(keys)-1 {
			continue // the first and the last end their screen
		}
		if !await(k, k.Idle) {
			http.Error(w, fmt.Sprintf("key %d of %d stays lit", i+1, len(keys)), http.StatusInternalServerError)
			return
		}
		if late := time.Now().Add(tapLimit); !changed(changes, late, func() bool { return !bytes.Equal(before, dots()) }) {
			http.Error(w, fmt.Sprintf("key %d of %d was lit, and no dot has come of it", i+1, len(keys)), http.StatusInternalServerError)
			return
		}
	}
}

// looked waits until the touch film has been looked at n times more.
func (c *chips) looked(n int) bool {
	want := c.board.Counters("touch").Messages + n
	for late := time.Now().Add(tapLimit); c.board.Counters("touch").Messages < want; time.Sleep(4 * time.Millisecond) {
		if time.Now().After(late) {
			return false
		}
	}
	return true
}

// changed waits for something that shows on the screen.
func changed(changes <-chan struct{}, late time.Time, check func() bool) bool {
	for !check() {
		select {
		case <-changes:
		case <-time.After(time.Until(late)):
			return false
		}
	}
	return true
}
