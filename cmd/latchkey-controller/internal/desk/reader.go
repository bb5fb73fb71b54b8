package desk

import (
	"context"
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
	Policy   *wire.Policy // never nil
	Live     LiveReader
	Last     *Entry // the newest attempt at it: granted, denied; nil: none
	Removed  bool
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
	Known    bool      // a controller runs, and has heard of it
	Online   bool      //
	Heard    time.Time // zero: never
	Current  bool      // holds the newest credentials and policy
	Version  string
	Epoch    uint64 // of the credentials it has confirmed
	Revision uint64
	Newest   uint64 // revision of the controller's log
	Waiting  uint64 // records it holds that have not all come yet
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

// Readers returns all readers by id, removed ones last.
func (d *Desk) Readers(ctx context.Context, a Actor) ([]*Reader, error) { return nil, errUnwritten }

// Reader returns a reader, or ErrNotFound.
func (d *Desk) Reader(ctx context.Context, a Actor, id string) (*Reader, error) {
	return nil, errUnwritten
}

// SwitchPIN switches PIN entry of a reader on or off.
func (d *Desk) SwitchPIN(ctx context.Context, a Actor, reader string, on bool) error {
	return errUnwritten
}

// SetPolicy changes a reader's policy, but neither its door and place nor its
// PIN switch if the actor may not. was is the revision that the editor began
// with: if it is not the newest any more the change is refused; 0: whatever it
// is. Fields: "limit", "guess-limit", "unlock", "extended", "held-after",
// "greeting", "time-zone", "access", "holidays".
func (d *Desk) SetPolicy(ctx context.Context, a Actor, reader string, was uint64, edit func(*wire.Policy)) (*wire.Policy, error) {
	return nil, errUnwritten
}

// An Outcome is what came of an order.
type Outcome struct {
	Command string // id, as in records
	Done    bool
	Text    string // what came of it, in words
}

// Order takes an order to a reader, wire.Unlock, Hold (seconds), Release or
// Identify, and waits up to 15 s for what comes of it. The error says that it
// was not allowed or could not be tried; an order that was not carried out has
// Done false.
func (d *Desk) Order(ctx context.Context, a Actor, reader string, order wire.Order, seconds uint32) (*Outcome, error) {
	return nil, errUnwritten
}

// Odds is what guessing PINs comes to.
type Odds struct {
	PINs      int      // users with one
	Readers   int      // that take PINs
	PerDay    int      // guesses a day at most, all readers together
	Chance    float64  // that one of a day's guesses is somebody's PIN
	Years     float64  // until it is more likely than not
	Unbounded []string // readers without a guess limit: a lockout after each row of wrong PINs is all that holds
}

// Odds returns the odds of guessing, with another policy in place of the
// reader's if edit is not nil.
func (d *Desk) Odds(ctx context.Context, a Actor, reader string, edit func(*wire.Policy)) (*Odds, error) {
	return nil, errUnwritten
}
