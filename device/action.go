package device

import (
	"time"

	"latchkey/sync/wire"
)

// An Action is what the reader is to do. It is one of Append, Decided,
// Identify, Forget, Strike, Show and Report, and Step returns them in that
// order: at most one Append, Decided, Show and Report each. None of them may
// block the loop.
type Action interface{ action() }

// Append asks the journal to store records, in order, in one write, and to
// answer with one Stored; batches are numbered from 1 in each start. Kind,
// Time, Trusted, Running and the body are filled in; Number and Before are the
// journal's. A batch that is not stored is not tried again.
type Append struct {
	Batch   uint64
	Records []wire.Record
}

// Decided says that a PIN attempt has ended, and how. It is for figures alone:
// the append before it has the record. It comes before the strike that the PIN
// is granted.
type Decided struct {
	Seq     uint64
	Outcome Outcome // of the look-up; 0: the attempt ended without a look at it
	Granted bool    // the PIN opens the door
}

// Identify hands what lies in the slot of a kind to the worker, under Seq, and
// so empties the slot at once. The worker derives the tag, looks it up, wipes
// what it was handed and answers with one Identified; what it answers later
// than ten seconds on is ignored.
type Identify struct {
	Kind wire.CredentialKind
	Seq  uint64
	// Enrol, if not zero, is the command that asked for this card: it is not
	// looked up but sealed to the controller, and the answer is Enrolled,
	// KeyFailed if that could not be done.
	Enrol wire.CommandID
}

// Forget wipes what lies in the slot of a kind. It does not touch what an
// earlier Identify handed to the worker.
type Forget struct{ Kind wire.CredentialKind }

// Strike turns the strike on for a time from now. Times do not add up: the
// later end wins. Zero releases it, whatever was asked for before.
type Strike struct{ For time.Duration }

// Show hands the keypad what is now to be seen. It comes only when that has
// changed.
type Show struct{ View View }

// Report hands sync and status what the reader now is. It comes only when that
// has changed.
type Report struct{ State State }

func (Append) action()   {}
func (Decided) action()  {}
func (Identify) action() {}
func (Forget) action()   {}
func (Strike) action()   {}
func (Show) action()     {}
func (Report) action()   {}
