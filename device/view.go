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
