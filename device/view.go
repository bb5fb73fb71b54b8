package device

import (
	"time"

	"latchkey/sync/wire"
)

// A View is all that the touchscreen is to say. The keypad owns pages,
// animation, sound and light: it opens its PIN page by itself while PIN is
// offered, and wipes digits when it no longer is.
type View struct {
	Screen Screen
	Reason wire.Reason // why a card was denied, or what is out of order; never about a PIN
	Name   string      // ScreenGranted: the user's, if one is to be greeted

	// Start and End bound a screen that passes, as Now.Monotonic; both are zero
	// for one that stays. Show tells when it has passed.
	Start, End time.Duration

	Door, Place, Greeting string

	Language     string // a tag of RFC 5646; empty: the reader's own
	LargeText    bool
	HighContrast bool

	PIN     bool // a PIN can be entered now
	Shuffle bool // in a new order of digits each time
	Card    bool // a card that is shown now is read

	LinkLost       bool // signs
	ClockUntrusted bool
	TouchHeld      bool           // something that is no finger touches the screen without end
	HeldOpen       bool           // the controller holds the door open
	Tamper         bool           // the housing is open
	DoorAlarm      wire.DoorState // forced, held, or none
	Identify       bool           // "it is this reader": lights and sounds

	Reader      string // its id
	Fingerprint string // of its keys, as the request for adoption shows it
}

// Screen is what the touchscreen is about.
type Screen uint8

// The screens. Granted, Denied, Enrol and Enrolled pass.
const (
	ScreenHome       Screen = iota // the door's name, the card sign, the PIN button if View.PIN
	ScreenChecking                 // a PIN is being looked up
	ScreenGranted                  // until the pulse's end
	ScreenDenied                   // the same for an unknown PIN and one that may not open now
	ScreenPaused                   // PIN entry is locked out
	ScreenNotSetUp                 // no policy: Reader, Fingerprint and what to do
	ScreenOutOfOrder               // PIN and Card say what still works
	ScreenEnrol                    // the next card goes to the controller
	ScreenEnrolled                 // it has
)

func (s Screen) String() string {
	names := [...]string{"home", "checking", "granted", "denied", "paused", "not set up", "out of order", "enrol", "enrolled"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
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
