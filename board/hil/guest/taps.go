//go:build linux && arm64

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// How a patient finger taps: it waits until the screen has answered, and no
// longer moves.
const (
	tapAnswer = 10 * time.Second
	tapQuiet  = 80 * time.Millisecond
)

// place is a place on the screen.
type place struct{ X, Y int }

// taps taps places one after the other, and returns as the finger leaves the
// last one.
func (c *chips) taps(w http.ResponseWriter, r *http.Request) {
	var places []place
	if err := json.NewDecoder(r.Body).Decode(&places); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	changes, stop := c.board.Watch()
	defer stop()
	for i, at := range places {
		for _, down := range []bool{true, false} {
			c.clear(changes)
			c.board.Touch(at.X, at.Y, down)
			if i == len(places)-1 && !down {
				return
			}
			if !c.answered(changes) {
				http.Error(w, fmt.Sprintf("no answer on the screen to tap %d, down %v", i+1, down), http.StatusInternalServerError)
				return
			}
		}
	}
}

func (c *chips) clear(changes <-chan struct{}) {
	select {
	case <-changes:
	default:
	}
}

// answered waits for a change and then for quiet.
func (c *chips) answered(changes <-chan struct{}) bool {
	select {
	case <-changes:
	case <-time.After(tapAnswer):
		return false
	}
	for {
		select {
		case <-changes:
		case <-time.After(tapQuiet):
			return true
		}
	}
}
