package device

import "latchkey/sync/wire"

// State is what sync publishes and status prints of the reader.
type State struct {
	Reader  string
	Version string

	Lockout wire.Cause // "": none
	Wrong   uint16     // wrong PINs in a row
	Guesses uint16     // unknown PINs that count towards guessing
	Pending bool       // a PIN entry is charged and not yet decided

	PIN    Reason // why no PIN can be entered; "": it can
	Card   Reason // why no card is read; "": it is
	Strike StrikeState
	Door   Door
	Tamper bool

	Health         [subjects]Condition // by Subject
	Faults         [subjects]string    // what is wrong, by Subject
	Journal        string              // why records are not stored; "": they are
	Behind         bool                // credentials or policy are older than what was once held
	ClockTrusted   bool
	Held           wire.Place // on the disk
	PolicyRevision uint64     // in force; 0: none
}

// StrikeState says why the strike is on.
type StrikeState uint8

// The states of the strike.
const (
	StrikeOff   StrikeState = iota
	StrikePulse             // for a grant or the exit button
	StrikeHeld              // the controller holds the door open
)

func (s StrikeState) String() string {
	return [...]string{"off", "pulse", "held"}[s%3]
}

// Door is what the door contact tells.
type Door uint8

// The states of the door.
const (
	DoorUnknown Door = iota // no contact, or it has not spoken yet
	DoorClosed
	DoorOpen
	DoorForced // opened with neither strike nor exit, and still open
	DoorHeld   // open for longer than the policy says
)

func (d Door) String() string {
	return [...]string{"unknown", "closed", "open", "forced", "held"}[d%5]
}
