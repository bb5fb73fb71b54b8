package device

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// specMode says, in other words than the reader's, which mode is in force, and when it
// ends at the latest.
func specMode(r *Reader, now Now) (mode wire.Mode, ends time.Time) {
	never := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if r.fire {
		return wire.ModeEvacuation, never
	}
	p := r.policy.policy
	if p == nil {
		return wire.ModeNormal, never
	}
	for _, mode := range []wire.Mode{wire.ModeEvacuation, wire.ModeLockdown, wire.ModeLocked, wire.ModeUnlocked} {
		at := slices.IndexFunc(p.Modes, func(w wire.WantedMode) bool { return w.Mode == mode })
		if at < 0 {
			continue
		}
		end := never
		if until := p.Modes[at].Until; until != 0 {
			end = time.Unix(until, 0)
		}
		if now.Trusted && now.Wall.Before(end) || !now.Trusted && (mode == wire.ModeLocked || mode == wire.ModeLockdown || mode == wire.ModeEvacuation) {
			return mode, end
		}
	}
	if o := p.Opening; o != nil && now.Trusted && !now.Wall.Before(time.Unix(o.After, 0)) {
		minute := now.Wall.Hour()*60 + now.Wall.Minute()
		for _, span := range o.Schedule.Week { // the walk's zone is UTC, and it has no holidays
			if time.Weekday(span.Day) == now.Wall.Weekday() && int(span.From) <= minute && minute < int(span.To) &&
				(o.First == "" || r.durable.FirstUntil == midnight(now).UnixMilli()) {
				y, m, d := now.Wall.Date()
				return wire.ModeUnlocked, time.Date(y, m, d, 0, int(span.To), 0, 0, time.UTC)
			}
		}
	}
	return wire.ModeNormal, never
}

// midnight is the end of a day: the walk's spans do not go on over it.
func midnight(now Now) time.Time {
	y, m, d := now.Wall.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
}

// modeBefore is the mode in which the edge's event happens.
func (e *edge) modeBefore() wire.Mode { return e.before.r.mode.Mode }

// modeAfter is the mode after the edge, and when it ends.
func (e *edge) modeAfter() (wire.Mode, time.Time) {
	return specMode(&e.after.r, e.now)
}

func highestMode(e *edge) (met bool, err error) {
	mode, _ := e.modeAfter()
	if got := e.after.r.mode.Mode; got != mode {
		return true, fmt.Errorf("it is %s, not %s", got, mode)
	}
	if p := e.after.r.policy.policy; p == nil || len(p.Modes) == 0 && p.Opening == nil {
		return e.after.r.fire, nil
	}
	return true, nil
}

func holdEnds(e *edge) (met bool, err error) {
	after := &e.after.r
	mode, ends := e.modeAfter()
	held := mode == wire.ModeEvacuation || mode == wire.ModeUnlocked && !after.tamper
	if on := after.strike.hold != 0; on != held {
		return true, fmt.Errorf("held %t in %s", on, mode)
	}
	if !held {
		return false, nil
	}
	left := after.strike.hold - e.now.Monotonic
	if left > 30*time.Second {
		return true, fmt.Errorf("held for %v", left)
	}
	if e.now.Trusted && e.now.Wall.Add(left).After(ends) {
		return true, fmt.Errorf("held for %v, %v beyond its end", left, e.now.Wall.Add(left).Sub(ends))
	}
	if at, ok := after.Deadline(); !ok || at > after.strike.hold || at == after.strike.hold && left > 15*time.Second {
		return true, errors.New("it ends before the next turn")
	}
	return true, nil
}

func lockedOut(e *edge) (met bool, err error) {
	mode, _ := e.modeAfter()
	if mode != wire.ModeLocked && mode != wire.ModeLockdown {
		return false, nil
	}
	after := &e.after.r
	if e.modeBefore() != mode && !e.crashed() && after.strike.on() {
		return true, errors.New("a pulse from before goes on")
	}
	if mode == wire.ModeLockdown && after.proof.credential != guardCard && (after.view.PIN || after.pinReason() == "") {
		return true, errors.New("a PIN can be entered")
	}
	for _, r := range e.records() {
		guard := r.Credential == guardCard.ID || r.Credential == guardPIN.ID && (mode == wire.ModeLocked || r.By == wire.ByBoth)
		command, _ := e.event.(Command)
		unlock := r.By == wire.ByRemote && (mode == wire.ModeLocked || command.InLockdown)
		if r.Kind == wire.AccessGranted && !guard && !unlock && (e.modeBefore() == mode || e.after.r.strike.on()) {
			return true, fmt.Errorf("it opened: %+v", r)
		}
	}
	return true, nil
}

func evacuationStays(e *edge) (met bool, err error) {
	if e.modeBefore() != wire.ModeEvacuation {
		return false, nil
	}
	input, _ := e.event.(Input)
	policy, replaced := e.event.(Policy)
	wants := replaced && slices.ContainsFunc(policy.policy.Modes, func(w wire.WantedMode) bool { return w.Mode == wire.ModeEvacuation })
	ended := input.Name == InputFire && !input.Active || replaced && !wants || e.crashed() // which finds the input's level anew
	if e.after.r.mode.Mode != wire.ModeEvacuation && !ended {
		return true, errors.New("it was left")
	}
	return true, nil
}

func firstPersonComes(e *edge) (met bool, err error) {
	before, after := e.durable().FirstUntil, e.after.r.durable.FirstUntil
	if before == after {
		return false, nil
	}
	o := policyOf(&e.after.r).Opening
	if o == nil || !e.now.Trusted || !e.cardOpens() && !e.pinOpens() {
		return true, errors.New("nobody came")
	}
	if mode := e.modeBefore(); mode != wire.ModeNormal && mode != wire.ModeUnlocked {
		return true, fmt.Errorf("in %s", mode)
	}
	if after != midnight(e.now).UnixMilli() {
		return true, fmt.Errorf("until %v", time.UnixMilli(after))
	}
	return true, nil
}
