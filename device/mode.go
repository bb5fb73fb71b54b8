package device

import (
	"time"

	"latchkey/sync/wire"
)

// The strike of a door that is held open is on for holdFor at a time, and is renewed
// each renewEvery: without a brain it is released.
const (
	holdFor    = 30 * time.Second
	renewEvery = holdFor / 2
)

// firstWithin is how long before a span somebody may have come to be its first person.
const firstWithin = time.Hour

// wall returns the time by the wall clock, to the millisecond; false: it is not trusted.
func (r *Reader) wall() (time.Time, bool) {
	return time.UnixMilli(r.elapsed.Milliseconds() + r.clock.offset), r.clock.trusted
}

// modeNow returns the mode in force: the fire input's, the highest that is wanted, or
// the schedule's.
func (r *Reader) modeNow() wire.ModeState {
	if r.fire {
		return wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseFire}
	}
	normal := wire.ModeState{Mode: wire.ModeNormal}
	p := r.policy.policy
	if p == nil {
		return normal
	}
	wall, trusted := r.wall()
	if w := p.Wanted(wire.Moment{Local: wall, Trusted: trusted}); w != nil {
		return wire.ModeState{Mode: w.Mode, Cause: wire.CauseWanted, Until: w.Until, By: w.By}
	}
	switch o := p.Opening; {
	case o == nil || !trusted || wall.Unix() < o.After || !r.policy.open(&o.Schedule, wall):
		return normal
	case o.First != "" && !r.firstIsIn(wall):
		normal.Waits = true
		return normal
	}
	return wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseSchedule}
}

// takeMode puts the mode in force that is so now, and holds the strike or releases it.
func (t *turn) takeMode() {
	before, now := t.mode, t.modeNow()
	t.mode = now
	if before.Mode != now.Mode && (now.Mode == wire.ModeLocked || now.Mode == wire.ModeLockdown) && t.strike.on() {
		t.release()
	}
	before.Waits, now.Waits = false, false
	if before != now && before.Cause != wire.CauseFire && now.Cause != wire.CauseFire { // fire has records of its own
		t.record(wire.Record{
			Kind: wire.ModeChanged, Mode: now.Mode, Subject: string(now.Cause), Who: now.By, To: now.Until * 1000,
			PolicyRevision: t.revision(),
		})
	}
	switch {
	case !t.holdsStrike() && t.strike.hold != 0:
		t.release()
	case t.holdsStrike() && (t.strike.hold == 0 || t.over(t.strike.renew)):
		t.holdUntil(t.holdEnd())
	}
}

// holdsStrike says whether the mode holds the strike. An open housing suspends it: who gets at
// the wires should not find the door open as well. In an evacuation nothing does.
func (r *Reader) holdsStrike() bool {
	return r.mode.Mode == wire.ModeEvacuation || r.mode.Mode == wire.ModeUnlocked && !r.tamper
}

// holdEnd returns until when the strike may be held without another turn: for holdFor,
// and never beyond the end of the mode.
func (r *Reader) holdEnd() time.Duration {
	left := holdFor
	wall, _ := r.wall()
	switch r.mode.Cause {
	case wire.CauseWanted:
		if r.mode.Until != 0 {
			left = min(left, time.Unix(r.mode.Until, 0).Sub(wall))
		}
	case wire.CauseSchedule: // which changes with the minute, if it does
		o, minute := r.policy.policy.Opening, nextMinute(wall)
		if !r.policy.open(&o.Schedule, minute) || o.First != "" && !r.firstIsIn(minute) {
			left = min(left, minute.Sub(wall))
		}
	}
	return r.elapsed + left
}

// modeEnds returns when time alone may put another mode in force; 0: never.
func (r *Reader) modeEnds() time.Duration {
	wall, trusted := r.wall()
	if !trusted || r.policy.policy == nil {
		return 0
	}
	var end time.Time
	switch {
	case r.mode.Cause == wire.CauseFire, r.mode.Cause == wire.CauseWanted && r.mode.Until == 0:
		return 0
	case r.mode.Cause == wire.CauseWanted:
		end = time.Unix(r.mode.Until, 0)
	case r.policy.policy.Opening == nil:
		return 0
	default:
		end = nextMinute(wall)
	}
	return r.elapsed + min(max(end.Sub(wall), time.Millisecond), 24*time.Hour)
}

func nextMinute(wall time.Time) time.Time { return wall.Truncate(time.Minute).Add(time.Minute) }

// firstPerson notes that somebody for whom the unlock schedule waits has opened the door.
func (t *turn) firstPerson(c *wire.Credential) {
	o := t.policy.policy.Opening
	wall, trusted := t.wall()
	if o == nil || o.First == "" || !c.In(o.First) || !trusted || t.firstIsIn(wall) || t.mode.Mode.Above(wire.ModeUnlocked) {
		return
	}
	for at := wall; at.Before(wall.Add(firstWithin)); at = nextMinute(at) {
		if t.policy.sameDay(wall, at) && t.policy.open(&o.Schedule, at) {
			from, until := t.policy.day(&o.Schedule, wall)
			t.record(wire.Record{
				Kind: wire.FirstPerson, Credential: c.ID, User: c.User,
				From: wire.ClipTime(from.UnixMilli()), To: wire.ClipTime(until.UnixMilli()),
			})
			return
		}
	}
}

// firstIsIn says whether the unlock schedule waits for nobody. If the clock was set back to a
// day before that of the last first person, it waits.
func (r *Reader) firstIsIn(wall time.Time) bool {
	return r.durable.FirstFrom <= wall.UnixMilli() && wall.UnixMilli() < r.durable.FirstUntil
}

// fireIs takes the level of the fire input.
func (t *turn) fireIs(active bool) {
	if active == t.fire {
		return
	}
	t.fire = active
	t.noteFire()
}

// noteFire records the state of the fire input, unless it is collapsed.
func (t *turn) noteFire() {
	r := wire.Record{Kind: wire.FireEnded, Mode: t.modeNow().Mode}
	if t.fire {
		r = wire.Record{Kind: wire.FireStarted}
	}
	if t.note(r) {
		t.fireTold = t.fire
	}
}

// revision returns that of the policy in force; 0: none is.
func (r *Reader) revision() uint64 {
	if p := r.policy.policy; p != nil {
		return p.Revision
	}
	return 0
}
