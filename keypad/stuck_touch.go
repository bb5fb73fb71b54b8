package keypad

import (
	"errors"
	"time"
)

// A passer can disregard a contact that does not lift, so that others count: PassOver
// reports whether the touchscreen can tell contacts apart, PassedOver whether the
// disregarded one is still there.
type passer interface {
	PassOver() bool
	PassedOver() bool
}

// passOverStuck disregards a contact that does not lift, if the touchscreen can.
func (f *touchTracker) passOverStuck(now time.Time) {
	if p, can := f.touch.(passer); can && f.stuck(now) && p.PassOver() {
		f.state, f.target = lifted, nothing
	}
}

// stuck reports whether a contact has lasted too long to be a finger.
func (f *touchTracker) stuck(now time.Time) bool {
	return f.state != lifted && now.Sub(f.began) >= stuckAfter
}

// What is wrong with a touchscreen that is touched without a break.
var (
	// ErrHeld: nothing else can be felt.
	ErrHeld = errors.New("something has touched the screen for 30 s without a break: look for what lies on it or presses on its edge; if there is nothing, the film is broken")
	// ErrPassedOver: other contacts are felt all the same.
	ErrPassedOver = errors.New("something has touched the screen for 30 s without a break, and is disregarded: look for what lies on it or presses on its edge")
)

// fault returns what is wrong with the touchscreen; nil if nothing is.
func (f *touchTracker) fault(now time.Time) error {
	p, can := f.touch.(passer)
	switch {
	case f.err != nil:
		return f.err
	case f.stuck(now):
		return ErrHeld
	case can && p.PassedOver():
		return ErrPassedOver
	}
	return nil
}
