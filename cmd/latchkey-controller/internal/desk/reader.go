package desk

import (
	"time"

	"latchkey/sync/wire"
)

// A Reader is a reader with all there is to see.
type Reader struct {
	ID       string
	Door     string // its name, and the door's id
	DoorID   int64
	Hub      string
	HubID    int64
	Place    string
	Board    string       // fingerprint of the board; "": it has none: removed, or moved to another reader
	Adopted  time.Time    // when the bundle was made
	Bundle   uint64       // its number
	Serial   string       // of its certificate, hexadecimal
	Policy   *wire.Policy // never nil
	Live     LiveReader
	Last     *Entry  // the newest attempt at it: granted, denied; nil: none
	Removed  Removal // how it left; "": it did not
	PolicyIs PolicyState
}

// PIN says whether PIN entry is switched on.
func (r *Reader) PIN() bool { return r.Policy.PIN }

// A PolicyState says whether a reader has taken its policy over.
type PolicyState struct{ Wanted, InForce uint64 }

// Taken says that it has.
func (p PolicyState) Taken() bool { return p.InForce >= p.Wanted }

// A LiveReader is what a reader last said of itself.
type LiveReader struct {
	Known    bool      // a controller runs, and has heard of it or given it the time to be heard
	Online   bool      //
	Heard    time.Time // zero: never
	Current  bool      // holds the newest credentials and policy
	Version  string
	Epoch    uint64 // of the credentials it has confirmed
	Revision uint64
	Newest   uint64 // revision of the controller's log
	Waiting  uint64 // records it holds that have not come yet
	Lockout  string // why PIN entry is locked out, in words; "": it is not
	Cause    wire.Cause
	NoPIN    string // why no PIN can be entered otherwise
	NoCard   string
	Door     string // "open", "closed", "forced", "held", "unknown"
	Strike   string // "off", "pulse", "held"
	Tamper   bool
	Clock    bool // trusted
	Behind   bool
	Faults   []wire.Fault
}
