package device

import "latchkey/sync/wire"

// stepAbove is the largest step of a trusted clock, in milliseconds, that is not
// recorded.
const stepAbove = 60_000

// clock is the reader's knowledge of the wall clock. Schedules and dates use Now
// only, so they follow a step at once. Pulses, waits and guesses never use it.
type clock struct {
	trusted bool  // Now.Trusted, as of the newest event
	known   bool  // it was trusted before in this start
	offset  int64 // milliseconds from Now.Monotonic to Now.Wall when last trusted
	before  int64 // Durable.Time at the start
}

// readClock records when the clock becomes trusted or untrusted, and when it
// steps by more than stepAbove. At a start only a step back can be detected,
// because the time that the reader was off is unknown.
func (t *turn) readClock() {
	c := &t.clock
	if t.now.Trusted != c.trusted {
		c.trusted = t.now.Trusted
		kind := wire.ClockUntrusted
		if c.trusted {
			kind = wire.ClockTrusted
		}
		t.record(wire.Record{Kind: kind})
	}
	if !c.trusted {
		return
	}
	wall, running := t.now.Wall.UnixMilli(), t.now.Monotonic.Milliseconds()
	from, stepped := c.before, wall < c.before-stepAbove
	if c.known {
		from = running + c.offset
		stepped = wall > from+stepAbove || wall < from-stepAbove
	}
	c.known, c.offset = true, wall-running
	if stepped {
		t.record(wire.Record{Kind: wire.ClockStepped, From: wire.ClipTime(from), To: wire.ClipTime(wall)})
	}
}
