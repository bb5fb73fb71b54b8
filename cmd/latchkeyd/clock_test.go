package main

import (
	"testing"
	"time"
)

func TestTheClockIsTrustedOnTheControllersWordOrAsThePolicySays(t *testing.T) {
	c := newClock(time.Now().Add(-time.Hour))
	if c.now().Trusted {
		t.Error("trusted on nobody's word")
	}
	c.trustSystem(true)
	if now := c.now(); !now.Trusted || time.Since(now.Wall).Abs() > time.Minute {
		t.Errorf("the policy trusts the system's clock: %+v", now)
	}
	// What the controller says comes first, from the moment it was so.
	wall := time.Date(2031, 5, 4, 12, 0, 0, 0, time.UTC)
	c.set(wall, c.now().Monotonic-10*time.Second)
	if now := c.now(); !now.Trusted || now.Wall.Before(wall.Add(10*time.Second)) || now.Wall.After(wall.Add(time.Minute)) {
		t.Errorf("10 s after %v: %+v", wall, now)
	}
	c.trustSystem(false)
	if !c.now().Trusted {
		t.Error("the controller's time is trusted whatever the policy thinks of the system's")
	}
	c.forget()
	if c.now().Trusted {
		t.Error("trusted on the word of a controller that may not be in charge any more")
	}
	c = newClock(time.Now().Add(time.Hour))
	c.trustSystem(true)
	if c.now().Trusted {
		t.Error("a clock from before the program was built is trusted")
	}
}
