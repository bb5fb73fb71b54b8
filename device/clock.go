package device

import "latchkey/sync/wire"

// stepAbove is how far, in milliseconds, a trusted clock moves in one go before
// that is recorded.
const stepAbove = 60_000

// clock is what the reader knows of the wall clock. Schedules and dates go by
// Now alone, so they follow a step at once; pulses, waits and guesses never
// look at it.
type clock struct {
	trusted bool  // Now.Trusted, as of the newest event
	known   bool  // it was, in this start
	offset  int64 // milliseconds from Now.Monotonic to Now.Wall when it was last
	before  int64 // Durable.Time at the start
}

// readClock records that the clock is trusted, or no longer is, and that it was
// set forward or back by more than a minute. How long the reader was off nobody
// knows: a start can tell a step back only.
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
