package device

import "time"

// notice is a screen that passes.
type notice struct {
	screen     Screen
	reason     Reason
	name       string
	start, end time.Duration // end 0: there is none
}

// deny says no; the reason is a card's. A reader that is not set up goes on
// saying so.
func (t *turn) deny(reason Reason) {
	if t.policy.policy == nil {
		return
	}
	t.notice = notice{screen: ScreenDenied, reason: reason, start: t.elapsed, end: t.elapsed + saidFor}
}

func (r *Reader) makeView() View {
	v := View{
		PIN: r.pinReason() == "" && r.attempt.state == attemptIdle, Card: r.cardWorks() == "",
		LinkLost: r.health[SubjectLink] != Good, ClockUntrusted: !r.clock.trusted,
		TouchHeld: r.health[SubjectTouch] == Impaired,
		HeldOpen:  r.strike.hold != 0, Tamper: r.tamper, Identify: r.blink != 0,
		Reader: r.id, Fingerprint: r.fingerprint,
	}
	if r.door.state == DoorForced || r.door.state == DoorHeld {
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
func (r *Reader) resting() (Screen, Reason) {
	pin, card := r.pinReason(), r.cardWorks()
	paused := pin == ReasonLockout || pin == ReasonTamper
	switch {
	case pin == ReasonNotSetUp:
		return ScreenNotSetUp, pin
	case card != "" && card != ReasonNone:
		return ScreenOutOfOrder, card
	case pin == "" || pin == ReasonOff || pin == ReasonNone:
		return ScreenHome, ""
	case pin == ReasonUnstored && r.journal.unstored() == "":
		return ScreenHome, "" // it has only just started, and nothing is wrong yet
	case paused:
		return ScreenPaused, ""
	}
	return ScreenOutOfOrder, pin
}

// cardWorks says why no card is read; "" if one is.
func (r *Reader) cardWorks() Reason {
	if reason := r.cardReason(); reason != "" {
		return reason
	}
	if r.health[SubjectNFC] == Failed {
		return ReasonNFC
	}
	return ""
}

func (r *Reader) makeState() State {
	s := State{
		Reader: r.id, Version: r.version,
		Lockout: r.durable.Lockout, Wrong: r.durable.Wrong, Guesses: r.durable.Guesses, Pending: r.durable.Pending != 0,
		PIN: r.pinReason(), Card: r.cardWorks(), Door: r.door.state, Tamper: r.tamper,
		Health: r.health, Faults: r.faults, Journal: r.journal.unstored(),
		Behind: r.behind, ClockTrusted: r.clock.trusted, Held: r.held,
	}
	switch {
	case r.strike.hold != 0:
		s.Strike = StrikeHeld
	case r.strike.pulse != 0:
		s.Strike = StrikePulse
	}
	if p := r.policy.policy; p != nil {
		s.PolicyRevision = p.Revision
	}
	return s
}
