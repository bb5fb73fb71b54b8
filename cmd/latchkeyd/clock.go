package main

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device"
	"latchkey/sync/wire"
)

// clock tells the time and whether to trust it: once the controller has set it, or if
// the policy trusts the system's clock.
type clock struct {
	boot  func() time.Duration // CLOCK_BOOTTIME
	real  func() time.Time     // the system's wall clock, which ends in 2038 where Go reads 32 bits
	start time.Duration        // boot at the program's start
	built time.Time            // a wall clock before it is not trusted

	mu     sync.Mutex
	system bool          // the policy trusts the system's clock
	wall   time.Time     // the controller's time; zero: none yet
	at     time.Duration // when it was that time, as now's Monotonic
}

func newClock(built time.Time) *clock {
	return &clock{boot: bootTime, real: time.Now, start: bootTime(), built: built}
}

// now reads the clocks: monotonic, counted from the program's start with suspended time
// included, and wall: the controller's before the system's. In place of a year that no
// record can hold it returns the time of the build, not trusted.
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

// trustSystem sets whether the policy trusts the system's clock.
func (c *clock) trustSystem(trusted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.system = trusted
}

// set takes the controller's time at a moment of now's Monotonic. The zero time forgets
// it: another controller may be in charge.
func (c *clock) set(wall time.Time, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.at = wall, at
}

func bootTime() time.Duration {
	var ts unix.Timespec
	// It cannot fail: the kernel has had this clock since 2.6.39.
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}
