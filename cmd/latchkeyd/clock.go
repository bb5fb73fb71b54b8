package main

import (
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device"
)

// clock tells the brain the time.
type clock struct {
	start  time.Duration // CLOCK_BOOTTIME when the program started
	built  time.Time     // no wall clock before it is to be trusted
	system bool          // the policy trusts the system's clock
}

func newClock(built time.Time) *clock { return &clock{start: bootTime(), built: built} }

// now reads the clocks: monotonic, counted from the start of the program with
// suspended time included, and wall.
func (c *clock) now() device.Now {
	wall := time.Now()
	return device.Now{
		Monotonic: bootTime() - c.start,
		Wall:      wall,
		Trusted:   c.system && wall.After(c.built),
	}
}

func bootTime() time.Duration {
	var ts unix.Timespec
	// It cannot fail: the kernel has had this clock since 2.6.39.
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}
