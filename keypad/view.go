package keypad

import "time"

// A Screen is what the display is about.
type Screen uint8

const (
	Home       Screen = iota // hold a card here, or open the PIN page
	Checking                 // an entry is being looked up
	Granted                  // the door may be opened; until View.Until
	Denied                   // not accepted; until View.Until
	Paused                   // PIN entry is locked out
	NotSetUp                 // the reader belongs to no site yet
	OutOfOrder               // what still works follows from PIN and CardOutOfOrder
	Enrol                    // the next card is to be a user's: hold it here
	Enrolled                 // it was read; until View.Until
)

func (s Screen) String() string {
	switch s {
	case Home:
		return "home"
	case Checking:
		return "checking"
	case Granted:
		return "granted"
	case Denied:
		return "denied"
	case Paused:
		return "paused"
	case NotSetUp:
		return "not set up"
	case OutOfOrder:
		return "out of order"
	case Enrol:
		return "enrol"
	case Enrolled:
		return "enrolled"
	}
	return "unknown"
}

// timed tells whether the screen leaves by itself.
func (s Screen) timed() bool { return s == Granted || s == Denied || s == Enrolled }

// A View is all that the keypad needs to know to show what it should: the whole of it each
// time, so that the newest may replace any before it. Views are compared with ==.
//
// Texts may hold anything; what the fonts cannot show is replaced or left out, and what
// has no room is cut with an ellipsis. A Reason or Notes that is one of Sentences is said
// in the View's language.
type View struct {
	Screen Screen

	// PIN offers the PIN page, from Home and from OutOfOrder. A View that does not offer
	// it closes the page and wipes what was typed.
	PIN bool
	// ShufflePIN draws the digits' places at random each time the PIN page opens.
	ShufflePIN bool

	Place    string // where the door is, as "Main building"; may be empty
	Door     string // the door's name
	Greeting string // from the policy; may be empty
	ReaderID string // stands for the door's name where there is none, and on NotSetUp

	Fingerprint string // of the reader's keys, on NotSetUp, to be compared; may be empty

	Language     string // a tag of RFC 5646, as "de"; empty: that of Opts
	LargeText    bool   // type a quarter larger
	HighContrast bool

	User   string // who is welcome, on Granted; may be empty
	Reason string // why a card is refused, on Denied

	// Start and Until bound Granted, Denied and Enrolled; between them the bar on Granted
	// runs down. A Start more than 100 ms from the last one is a new outcome and sounds
	// again. They are compared with time.Now: let them carry its monotonic reading. A
	// zero Start is now, a zero Until 2 s from now.
	Start, Until time.Time

	HoldOpen       bool   // the door is held open by order
	LinkLost       bool   // a small sign
	ClockUntrusted bool   // a small sign
	CardOutOfOrder bool   // no card is asked for
	Notes          string // what else is wrong, a few words; may be empty

	Tamper    bool // sounds the alarm for as long as it is set
	DoorAlarm bool // beeps slowly: the door was left open, or forced; Notes may say it
	Identify  bool // blinks and beeps with the reader's id
}

// entry tells whether the PIN page may be open over v.
func (v *View) entry() bool { return v.PIN && (v.Screen == Home || v.Screen == OutOfOrder) }

// start tells whether v looks like the start page: names, a sign, perhaps the PIN button.
func (v *View) start() bool { return v.Screen == Home || v.Screen == Enrol || v.entry() }

// works says what still works on OutOfOrder.
func (v *View) works() string {
	switch {
	case !v.CardOutOfOrder:
		return "Cards only"
	case v.PIN:
		return "PIN only"
	}
	return "Ask for the door to be opened"
}
