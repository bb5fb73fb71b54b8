package keypad

import "time"

// A Screen is what the display is about.
type Screen uint8

const (
	Home       Screen = iota // the start page: hold a card here, or open the PIN page
	Checking                 // a PIN is being looked up
	Granted                  // the door can be opened; until View.Until
	Denied                   // not accepted; until View.Until
	Paused                   // PIN entry is locked out
	NotSetUp                 // the reader belongs to no site yet
	OutOfOrder               // PIN and CardOutOfOrder say what still works
	Enrol                    // the next card will be a user's: hold it here
	Enrolled                 // it was read; until View.Until
	Keep                     // the card gets its keys: View.Done steps of View.Of
	Written                  // it has them; until View.Until
	Open                     // the door is open to everybody
	Locked                   // it is kept locked
	Lockdown                 // nobody comes in but those who may in a lockdown
	Evacuation               // everybody leaves: nothing else shows
	SecondPIN                // a card was the first of two proofs: a PIN is next; until View.Until
	SecondCard               // a PIN was the first of two proofs: a card is next; until View.Until
	Adopted                  // a site has adopted the reader just now; a touch ends it
)

// timed reports whether the screen is a temporary one.
func (s Screen) timed() bool {
	switch s {
	case Granted, Denied, Enrolled, Written, SecondPIN, SecondCard:
		return true
	}
	return false
}

// asksForSecond reports whether the screen asks for the second of two proofs.
func (s Screen) asksForSecond() bool { return s == SecondPIN || s == SecondCard }

// runsDown reports whether a bar shows how much is left of the screen's time.
func (s Screen) runsDown() bool { return s == Granted || s.asksForSecond() }

// A View is all that the keypad needs to know to show what it should. Each one is complete,
// so the newest replaces all before it. Views are compared with ==.
//
// Texts may hold anything; what the fonts cannot show is replaced or left out, and what
// has no room is cut with an ellipsis. A Reason or Notes that is a sentence of the language
// files is shown in the View's language.
type View struct {
	Screen Screen

	// PIN offers the PIN page on Home, OutOfOrder, Open, Locked and SecondPIN. A View that does
	// not offer it closes the page and wipes what was typed. SecondPIN opens the page by itself,
	// or keeps what was typed on it before the card was read; its end closes it.
	PIN bool
	// ShufflePIN shuffles the digits each time the PIN page opens.
	ShufflePIN bool

	Place    string // where the door is, as "Main building"; may be empty
	Door     string // the door's name
	Greeting string // from the policy; may be empty
	ReaderID string // shown where the door has no name, and on NotSetUp

	Fingerprint string // to be compared: of the reader's keys, on NotSetUp; of its controller's key, on Adopted; may be empty
	Looking     bool   // for a controller, on NotSetUp
	Site        string // where the reader waits to be adopted, on NotSetUp, may be empty; which has adopted it, on Adopted
	MoreSites   uint8  // where it waits, too, on NotSetUp

	Language     string // a tag of RFC 5646, as "de"; empty: that of Opts
	LargeText    bool   // type a quarter larger
	HighContrast bool

	User   string // the name to greet, on Granted; may be empty
	Reason string // why a card is refused, on Denied; why it is asked for again, on Enrol; may be empty

	Done, Of uint8 // steps, on Keep; Of may be 0

	// Start and Until are the times of Granted, Denied, Enrolled, Written, SecondPIN and
	// SecondCard; the bar runs down between them on those that have one. A Start more than 100 ms from the last one is a new outcome,
	// which sounds again. They are compared with time.Now: keep its monotonic reading in
	// them. A zero Start is now, a zero Until 2 s from now; but SecondPIN and SecondCard without
	// them stay, with the bar as it is: the second proof is being looked up.
	Start, Until time.Time

	LinkLost       bool   // a status sign
	ClockUntrusted bool   // a status sign
	CardOutOfOrder bool   // cards are not read
	Both           bool   // card and PIN open together only
	Notes          string // what else is wrong, in a few words; may be empty

	// These three are silent on Evacuation.
	Tamper    bool // sounds the alarm while it is set
	DoorAlarm bool // beeps slowly: the door was left open, or forced; Notes may say it
	Identify  bool // blinks and beeps with the reader's id
}

// ends reports whether v goes away by itself.
func (v *View) ends() bool { return v.Screen.timed() && !v.Until.IsZero() }

// offersPIN reports whether the PIN page may be open over v.
func (v *View) offersPIN() bool {
	switch v.Screen {
	case Home, OutOfOrder, Open, Locked, SecondPIN:
		return v.PIN
	}
	return false
}

// looksLikeHome reports whether v is drawn as the start page: names, an icon, perhaps the PIN
// button.
func (v *View) looksLikeHome() bool {
	switch v.Screen {
	case Home, Enrol, Open, Locked, SecondPIN:
		return true
	}
	return v.offersPIN()
}

// stillWorks says what still works on OutOfOrder.
func (v *View) stillWorks() string {
	switch {
	case v.Both && (v.CardOutOfOrder || !v.PIN):
	case !v.CardOutOfOrder:
		return "Cards only"
	case v.PIN:
		return "PIN only"
	}
	return "Ask for the door to be opened"
}
