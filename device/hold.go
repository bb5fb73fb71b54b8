package device

import (
	"time"

	"latchkey/sync/wire"
)

// A hold is durable: it is resumed after a restart, up to its end by the wall
// clock, as soon as that clock is trusted. Until then the door stays locked. If
// its end by the wall clock is not known, the restart ends it.

// holdWaits returns whether a hold of an earlier start has yet to be resumed.
func (r *Reader) holdWaits() bool { return r.durable.HoldRunning != 0 && r.strike.hold == 0 }

// startHold holds the door open; of two holds the later end wins.
func (t *turn) startHold(c wire.Command) {
	if t.holdWaits() {
		t.endHold(wire.Record{Reason: wire.ReasonRestart})
	}
	t.record(wire.Record{Kind: wire.HoldStarted, Seconds: c.Seconds, Command: c.ID, Who: c.By})
	t.holdUntil(max(t.strike.hold, t.elapsed+time.Duration(c.Seconds)*time.Second))
}

// endHold ends a hold and releases the strike; r says why.
func (t *turn) endHold(r wire.Record) {
	r.Kind = wire.HoldEnded
	t.record(r)
	if t.strike.hold != 0 {
		t.release()
	}
}

// expireHold ends a hold whose time is over (the relay releases the strike by
// itself), and resumes a waiting one once the clock is trusted.
func (t *turn) expireHold() {
	over := wire.Record{Reason: wire.ReasonOver}
	if t.over(t.strike.hold) {
		end := t.strike.hold
		t.strike.hold = 0
		t.strikeOff(end)
		t.endHold(over)
		return
	}
	if !t.holdWaits() {
		return
	}
	left := t.holdLeft()
	if t.clock.trusted {
		left = min(left, time.UnixMilli(t.durable.HoldTime).Sub(t.now.Wall))
	}
	switch {
	case left <= 0:
		t.endHold(over)
	case t.clock.trusted && t.policy.policy != nil:
		t.holdUntil(t.elapsed + left)
	}
}

// holdLeft returns how long a hold can last by the reader's running time.
func (r *Reader) holdLeft() time.Duration {
	running := r.running()
	if r.durable.HoldRunning <= running {
		return 0
	}
	return time.Duration(min(r.durable.HoldRunning-running, maxHold)) * time.Millisecond
}

// maxHold bounds a hold, in milliseconds.
const maxHold = 24 * 60 * 60 * 1000

// holdRunsOut returns the latest end of a waiting hold; 0: none waits.
func (r *Reader) holdRunsOut() time.Duration {
	if !r.holdWaits() {
		return 0
	}
	return r.elapsed + max(r.holdLeft(), time.Millisecond)
}
