package device

import (
	"time"

	"latchkey/sync/wire"
)

// A View is the content of the touchscreen. The keypad owns pages, animation,
// sound and light: it opens its PIN page by itself while PIN is set, and wipes
// the digits when it no longer is.
type View struct {
	Screen Screen
	Reason wire.Reason // why a card was denied, or is asked for again, or what is out of order; never about a PIN
	Name   string      // ScreenGranted: the user to greet; "": nobody

	// Start and End are the bounds of a temporary screen, as Now.Monotonic; zero
	// for a permanent one. Another Show comes at the end.
	Start, End time.Duration

	Done, Of uint8 // ScreenKeep: steps of the personalisation; Of 0: not known yet

	Door, Place, Greeting string

	Language     string // a tag of RFC 5646; empty: the reader's own
	LargeText    bool
	HighContrast bool

	PIN     bool // a PIN can be entered now
	Shuffle bool // each PIN entry has a new order of keys
	Card    bool // a card can be presented now
	Both    bool // neither opens without the other

	LinkLost       bool // the controller does not answer
	ClockUntrusted bool
	TouchHeld      bool           // an object lies on the touchscreen
	Tamper         bool           // the housing is open
	DoorAlarm      wire.DoorState // forced, held, or none
	Identify       bool           // the reader identifies itself by light and sound

	Reader      string // its id
	Fingerprint string // of its keys, as the request for adoption shows it

	Waiting Waiting // ScreenNotSetUp: what the reader waits for
	Adopter Adopter // ScreenAdopted: who has adopted it
}

// Screen is the touchscreen's current page.
type Screen uint8

// The screens. Granted, Denied, Enrol, Enrolled and Written are temporary.
const (
	ScreenHome       Screen = iota // the door's name, the card sign, the PIN button if View.PIN
	ScreenChecking                 // a PIN is being looked up
	ScreenGranted                  // until the pulse's end
	ScreenDenied                   // the same for an unknown PIN and for one without access now
	ScreenPaused                   // PIN entry is locked out
	ScreenNotSetUp                 // no policy: Reader, Fingerprint, Waiting and what to do
	ScreenOutOfOrder               // PIN and Card say what still works
	ScreenEnrol                    // the next card is enrolled
	ScreenEnrolled                 // the card was sealed to the controller
	ScreenKeep                     // a card gets its keys: it must stay on the reader
	ScreenWritten                  // it has them
	ScreenOpen                     // the mode holds the door open
	ScreenLocked                   // the mode is locked
	ScreenLockdown                 // the mode is lockdown
	ScreenEvacuation               // everybody may leave by this door; nothing is shown over it
	ScreenSecondPIN                // the card was the first of two proofs: a PIN of the same person is next
	ScreenSecondCard               // the PIN was the first of two proofs: a card of the same person is next
	ScreenAdopted                  // a site has adopted the reader over the network just now: Adopter
)

func (s Screen) String() string {
	names := [...]string{"home", "checking", "granted", "denied", "paused", "not set up", "out of order", "enrol", "enrolled", "keep", "written", "open", "locked", "lockdown", "evacuation", "second PIN", "second card", "adopted"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

func (r *Reader) makeView() View {
	v := View{
		PIN: r.pinReason() == "" && r.attempt.state == attemptIdle && !r.secondAsked(), Card: r.cardWorks() == "",
		LinkLost: r.parts.Is(wire.SubjectLink) != Good, ClockUntrusted: !r.clock.trusted,
		TouchHeld: r.parts.Is(wire.SubjectTouch) == Impaired,
		Tamper:    r.tamper, Identify: r.blink != 0,
		Reader: r.id, Fingerprint: r.fingerprint,
	}
	if r.policy.policy == nil {
		v.Waiting = r.waiting
	}
	if r.door.state == wire.DoorIsForced || r.door.state == wire.DoorIsHeld {
		v.DoorAlarm = r.door.state
	}
	if p := r.policy.policy; p != nil {
		v.Door, v.Place, v.Greeting, v.Shuffle = p.Door, p.Place, p.Greeting, p.ShufflePIN
		v.Language, v.LargeText, v.HighContrast = p.Screen.Language, p.Screen.LargeText, p.Screen.HighContrast
	}
	v.Both = r.demandsBoth()
	v.Screen, v.Reason = r.resting()
	v.PIN = v.PIN && v.Screen != ScreenEvacuation
	switch {
	case v.Screen == ScreenNotSetUp, v.Screen == ScreenEvacuation:
	case r.notice.end != 0:
		v.Screen, v.Reason, v.Name = r.notice.screen, r.notice.reason, r.notice.name
		v.Start, v.End = r.notice.start, r.notice.end
	case r.attempt.state != attemptIdle:
		v.Screen, v.Reason = ScreenChecking, ""
	case r.enrol.state == enrolWaiting:
		v.Screen, v.Reason = ScreenEnrol, ""
		if r.enrol.torn {
			v.Reason = wire.ReasonCardGone
		}
		v.Start, v.End = r.enrol.start, r.enrol.end
	case r.enrol.state == enrolReading && r.enrol.order == wire.Personalise:
		v.Screen, v.Reason = ScreenKeep, ""
		v.Done, v.Of = r.enrol.done, r.enrol.of
	case r.proof.credential != nil:
		v.Screen, v.Reason = ScreenSecondPIN, ""
		if r.proof.is(wire.PIN) {
			v.Screen = ScreenSecondCard
		}
		if !r.secondAsked() {
			v.Start, v.End = r.proof.start, r.proof.end
		}
	case r.adopted.end != 0 && v.Screen != ScreenLockdown:
		v.Screen, v.Reason, v.Adopter = ScreenAdopted, "", r.adopted.by
	}
	return v
}

// resting returns the permanent screen, and with ScreenOutOfOrder the reason.
func (r *Reader) resting() (Screen, wire.Reason) {
	pin, card := r.pinReason(), r.cardWorks()
	paused := pin == wire.ReasonLockout || pin == wire.ReasonTamper
	none := func(reason wire.Reason) bool { // it is no fault, and the other opens
		return (reason == wire.ReasonNone || reason == wire.ReasonOff || reason == wire.ReasonWithheld) && !r.demandsBoth()
	}
	switch {
	case r.mode.Mode == wire.ModeEvacuation:
		return ScreenEvacuation, ""
	case pin == wire.ReasonNotSetUp:
		return ScreenNotSetUp, pin
	case r.mode.Mode == wire.ModeLockdown:
		return ScreenLockdown, ""
	case r.strike.hold != 0:
		return ScreenOpen, ""
	case card != "" && !none(card):
		return ScreenOutOfOrder, card
	case paused:
		return ScreenPaused, ""
	case pin == "" || none(pin):
	case pin == wire.ReasonUnstored && r.journal.unstored() == "": // the journal has yet to answer after the start
	default:
		return ScreenOutOfOrder, pin
	}
	if r.mode.Mode == wire.ModeLocked {
		return ScreenLocked, ""
	}
	return ScreenHome, ""
}
