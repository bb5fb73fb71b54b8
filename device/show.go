package device

import (
	"time"

	"latchkey/sync/wire"
)

// notice is a screen that passes.
type notice struct {
	screen     Screen
	reason     wire.Reason
	name       string
	start, end time.Duration // end 0: there is none
}

// deny says no; the reason is a card's. A reader that is not set up goes on
// saying so.
func (t *turn) deny(reason wire.Reason) {
	if t.policy.policy == nil {
		return
	}
	t.notice = notice{screen: ScreenDenied, reason: reason, start: t.elapsed, end: t.elapsed + saidFor}
}

func (r *Reader) makeView() View {
	v := View{
		PIN: r.pinReason() == "" && r.attempt.state == attemptIdle, Card: r.cardWorks() == "",
		LinkLost: r.parts.Is(wire.SubjectLink) != Good, ClockUntrusted: !r.clock.trusted,
		TouchHeld: r.parts.Is(wire.SubjectTouch) == Impaired,
		HeldOpen:  r.strike.hold != 0, Tamper: r.tamper, Identify: r.blink != 0,
		Reader: r.id, Fingerprint: r.fingerprint,
	}
	if r.door.state == wire.DoorIsForced || r.door.state == wire.DoorIsHeld {
		v.DoorAlarm = r.door.state
	}
	if p := r.policy.policy; p != nil {
		v.Door, v.Place, v.Greeting, v.Shuffle = p.Door, p.Place, p.Greeting, p.ShufflePIN
		v.Language, v.LargeText, v.HighContrast = p.Screen.Language, p.Screen.LargeText, p.Screen.HighContrast
	}
	v.Screen, v.Reason = r.resting()
	switch {
	case v.Screen == ScreenNotSetUp:
	case r.notice.end != 0:
		v.Screen, v.Reason, v.Name = r.notice.screen, r.notice.reason, r.notice.name
		v.Start, v.End = r.notice.start, r.notice.end
	case r.attempt.state != attemptIdle:
		v.Screen, v.Reason = ScreenChecking, ""
	case r.enrol.state == enrolWaiting:
		v.Screen, v.Reason = ScreenEnrol, ""
		v.Start, v.End = r.enrol.start, r.enrol.end
	}
	return v
}

// resting returns the screen that stays, and what is out of order with it.
func (r *Reader) resting() (Screen, wire.Reason) {
	pin, card := r.pinReason(), r.cardWorks()
	paused := pin == wire.ReasonLockout || pin == wire.ReasonTamper
	switch {
	case pin == wire.ReasonNotSetUp:
		return ScreenNotSetUp, pin
	case card != "" && card != wire.ReasonNone:
		return ScreenOutOfOrder, card
	case pin == "" || pin == wire.ReasonOff || pin == wire.ReasonNone:
		return ScreenHome, ""
	case pin == wire.ReasonUnstored && r.journal.unstored() == "":
		return ScreenHome, "" // it has only just started, and nothing is wrong yet
	case paused:
		return ScreenPaused, ""
	}
	return ScreenOutOfOrder, pin
}

// cardWorks says why no card is read; "" if one is.
func (r *Reader) cardWorks() wire.Reason {
	if reason := r.cardReason(); reason != "" {
		return reason
	}
	if r.parts.Is(wire.SubjectNFC) == Failed {
		return wire.ReasonNFC
	}
	return ""
}

func (r *Reader) makeState() State {
	s := State{
		Reader: r.id, Version: r.version,
		Lockout: r.durable.Lockout, Wrong: r.durable.Wrong, Guesses: r.durable.Guesses, Pending: r.durable.Pending != 0,
		PIN: r.pinReason(), Card: r.cardWorks(), Door: r.door.state, Tamper: r.tamper,
		Strike: wire.StrikeOff, Parts: r.parts, Journal: r.journal.unstored(),
		Behind: r.behind, ClockTrusted: r.clock.trusted, Held: r.held,
	}
	switch {
	case r.strike.hold != 0:
		s.Strike = wire.StrikeHeld
	case r.strike.pulse != 0:
		s.Strike = wire.StrikePulse
	}
	if p := r.policy.policy; p != nil {
		s.PolicyRevision = p.Revision
	}
	return s
}
