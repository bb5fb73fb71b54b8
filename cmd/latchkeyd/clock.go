package main

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device"
	"latchkey/sync/wire"
)

// clock tells what time it is, and whether that is to be trusted: it is once
// the controller has said so, or if the policy trusts the system's clock.
type clock struct {
	boot  func() time.Duration // CLOCK_BOOTTIME
	real  func() time.Time     // the system's wall clock, which ends in 2038 where Go reads 32 bits
	start time.Duration        // what boot was when the program started
	built time.Time            // no wall clock before it is to be trusted

	mu     sync.Mutex
	system bool          // the policy trusts the system's clock
	wall   time.Time     // what the controller said; zero: nothing yet
	at     time.Duration // when that was so, as now's Monotonic
}

func newClock(built time.Time) *clock {
	return &clock{boot: bootTime, real: time.Now, start: bootTime(), built: built}
}

// now reads the clocks: monotonic, counted from the start of the program with
// suspended time included, and wall. What the controller said comes before
// what the system says. A wall clock of a year that no record can bear is taken
// for the time of the build, and not trusted.
func (c *clock) now() device.Now {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := device.Now{Monotonic: c.boot() - c.start}
	if !c.wall.IsZero() {
		now.Wall, now.Trusted = c.wall.Add(now.Monotonic-c.at), true
	} else {
		now.Wall = c.real()
		now.Trusted = c.system && now.Wall.After(c.built)
	}
	if !wire.ValidTime(now.Wall.UnixMilli()) {
		now.Wall, now.Trusted = c.built, false
	}
	return now
}

// trustSystem says whether the policy trusts the system's clock.
func (c *clock) trustSystem(trusted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.system = trusted
}

// set says what time it was at a moment of this start: the controller vouches
// for it.
func (c *clock) set(wall time.Time, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.at = wall, at
}

// forget forgets what a controller said: another one may be in charge.
func (c *clock) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.at = time.Time{}, 0
}

func bootTime() time.Duration {
	var ts unix.Timespec
	// It cannot fail: the kernel has had this clock since 2.6.39.
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}
