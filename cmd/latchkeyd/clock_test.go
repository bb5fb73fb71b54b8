package main

import (
	"testing"
	"time"

	"latchkey/cmd/latchkeyd/internal/connection"
	"latchkey/sync/wire"
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
	c.set(time.Time{}, 0)
	if c.now().Trusted {
		t.Error("trusted on the word of a controller that may not be in charge any more")
	}
	c = newClock(time.Now().Add(time.Hour))
	c.trustSystem(true)
	if c.now().Trusted {
		t.Error("a clock from before the program was built is trusted")
	}
}

// Go reads the system's clock of a 32-bit ARM in 32 bits: after January 2038 it
// says 1901. The controller says what time it is, and CLOCK_BOOTTIME how long ago
// that was.
func TestTheClockGoesOnBeyondTheSystems(t *testing.T) {
	wraps := func(at time.Time) time.Time { return time.Unix(int64(int32(at.Unix())), 0) }
	end := time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC)
	c := newClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	var boot time.Duration
	c.start, c.boot = 0, func() time.Duration { return boot }
	c.real = func() time.Time { return wraps(end.Add(boot - time.Hour)) }
	c.set(end.Add(-time.Hour), 0)
	for range 48 {
		boot += time.Hour
		if now := c.now(); !now.Trusted || !now.Wall.Equal(end.Add(boot-time.Hour)) {
			t.Fatalf("%v after the controller's word: %+v", boot, now)
		}
	}
	c.set(time.Time{}, 0)
	c.trustSystem(true)
	if now := c.now(); now.Trusted || !wire.ValidTime(now.Wall.UnixMilli()) {
		t.Errorf("trusted though it has wrapped: %+v", now)
	}
	if number, err := connection.Next(t.TempDir(), 7, c.built, c.now().Wall); err != nil || number <= 7 {
		t.Errorf("connection %d, %v", number, err)
	}
}

func TestAYearThatNoRecordCanBearIsNotTrusted(t *testing.T) {
	c := newClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	c.trustSystem(true)
	for _, year := range []int{-1, 10000, 292_000_000} {
		c.real = func() time.Time { return time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) }
		if now := c.now(); now.Trusted || !now.Wall.Equal(c.built) {
			t.Errorf("year %d: %+v", year, now)
		}
	}
	// The controller's time runs into it.
	c.set(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), c.now().Monotonic-time.Hour)
	if now := c.now(); now.Trusted || !now.Wall.Equal(c.built) {
		t.Errorf("%+v", now)
	}
}
