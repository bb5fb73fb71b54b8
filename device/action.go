package device

import (
	"time"

	"latchkey/sync/wire"
)

// An Action is something for the loop to carry out: one of Append, Decided,
// Identify, Forget, Strike, Show and Report. Step returns them in that order,
// with at most one each of Append, Decided, Show and Report. Carrying one out
// must not block the loop.
type Action interface{ action() }

// Append asks the journal to store records, in order and in one write. The
// journal answers with one Stored and fills in each record's Number and Before.
// Batches are numbered from 1 in each start. A failed batch is not tried again.
type Append struct {
	Batch   uint64
	Records []wire.Record
}

// Decided says how a PIN attempt has ended. It is for statistics only: the
// append before it has the record. It comes before the strike of a granted PIN.
type Decided struct {
	Seq     uint64
	Outcome Outcome // of the look-up; 0: the attempt ended without using it
	Granted bool    // the PIN opens the door
}

// Identify moves the content of a kind's slot to the worker; the slot is then
// empty. The worker derives the tag, looks it up, wipes its input and answers
// with one Identified. An answer after ten seconds is ignored.
type Identify struct {
	Kind wire.CredentialKind
	Seq  uint64
	// Enrol, if not zero, is the command that asked for this card. The worker
	// seals the card to the controller instead of looking it up, and answers
	// Enrolled, or KeyFailed if that failed.
	Enrol wire.CommandID
	// Personalise says that Enrol wants the card to get keys. The worker seals the card
	// to the controller, writes the keys that come back, tells of its Progress, and
	// answers Personalised, CardGone, NotGenuine, ForeignKeys, Unsuitable, Declined,
	// Unanswered or KeyFailed.
	Personalise bool
}

// Forget wipes the slot of a kind. It does not affect an earlier Identify.
type Forget struct{ Kind wire.CredentialKind }

// Strike turns the strike on for a time from now. Of overlapping times the
// later end wins. Zero releases the strike at once.
type Strike struct{ For time.Duration }

// Show hands the keypad a new view. It comes only when the view has changed.
type Show struct{ View View }

// Report hands sync and status the reader's state, only when it has changed.
type Report struct{ State State }

func (Append) action()   {}
func (Decided) action()  {}
func (Identify) action() {}
func (Forget) action()   {}
func (Strike) action()   {}
func (Show) action()     {}
func (Report) action()   {}
