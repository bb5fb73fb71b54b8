// Package device is the reader's state machine: events go in, actions come out.
// It decides, from these events alone, whether the door opens.
//
// It does no I/O, reads no clock and starts no goroutine: the time travels in
// the call, and one loop (in cmd/latchkeyd) owns the Reader, hands it one event
// at a time and carries its actions out in order. It never sees a digit of a
// PIN nor a card's identifier.
//
// Durable is the state that must not be lost. Replaying the journal's records restores it.
// A start applies them with Durable.Apply and passes the result to New.
package device

import (
	"time"

	"latchkey/sync/wire"
)

// Reader is the state machine of one reader. One goroutine owns it. It is
// comparable: equal Readers answer the same events with the same actions.
//
// The states of a PIN entry; "charged" is Durable.Pending, the others are lost
// in a restart:
//
//	             Presented{PIN}
//	             Append(attempt.started), Identify (*)
//	idle ------------------------------------> storing
//	 ^                                          |    |
//	 |                            Stored        |    | Identified
//	 |<- not stored: taken back --------------- |    | (kept, not used yet)
//	 |                                          v    v
//	 |                                     charged  answered
//	 |                           Identified |            | Stored
//	 |                                      v            v
//	 |                                     the outcome is used
//	 |   10 s without an answer                 |
//	 |   (storing, charged, answered):          |
//	 |   unknown                                |
//	 |                                          v
//	 +-- access.granted (known, may open now): wrong = 0, strike
//	 +-- use.counted, Stored, access.granted (the same of a PIN with limits)
//	 +-- proof.given (the same, while two proofs are demanded: see proof.go)
//	 +-- attempt.taken-back (known, may not; damaged; key; epoch)
//	 +-- attempt.unknown: wrong + 1, guesses + 1 --at a limit--> lockout
//
// (*) With a TPM, which counts each look-up, Identify comes only with the way from storing
// to charged, if PIN can still be used then.
//
// A start that finds a charge counts it as unknown (attempt.interrupted).
//
//	open to PIN --limit of wrong PINs, limit of guesses, tamper, journal lost--> lockout
//	lockout --a card that may open now, a remote unlock: wrong = 0--> open to PIN
//
// The strike:
//
//	off --grant, exit button, remote unlock--> pulse --its end, door opened--> off
//	off, pulse --unlocked, evacuation--> held --the mode's end--> off
//	pulse, held --locked, lockdown--> off
//
// While it is held, each turn renews the hold for a short time: see mode.go.
//
// The mode in force, in the order of precedence:
//
//	fire input > evacuation > lockdown > locked > unlocked > unlock schedule > normal
//
// Records:
//
//	stored --Stored with a fault, a charge not stored in 10 s--> not stored
//	not stored --a batch that began with journal.resumed is stored--> stored
//	stored --no answer for 2 s--> as if not stored --any answer--> as it says
type Reader struct {
	id, version, fingerprint string

	noPIN, noCards, counted bool

	policy  Policy
	durable Durable

	elapsed time.Duration // the newest Now.Monotonic
	began   time.Duration // the first
	before  uint64        // Durable.Running then
	clock   clock

	attempt    attempt
	card       card
	proof      proof
	enrol      enrolment
	strike     strike
	door       door
	tamper     bool
	tamperTold bool // tamper as last recorded
	fire       bool
	fireTold   bool           // fire as last recorded
	mode       wire.ModeState // in force
	notice     notice
	waiting    Waiting
	adopted    adopted
	blink      time.Duration // end of the reader's identification by light and sound; 0: none

	journal   journal
	parts     Parts
	keyPIN    wire.Reason // Health.PIN
	tpm       wire.TPMState
	held      wire.Position // by the cache
	behind    bool
	collapsed collapsed
	copied    uint64 // the credential whose copy was shown last
	commands  commands

	view  View  // as last shown
	state State // as last reported
}

// Start is a reader's configuration at its start, in addition to its durable state.
type Start struct {
	Reader      string        // its id
	Version     string        // of the program
	Fingerprint string        // of its request for adoption
	Site        wire.SiteID   // that has adopted it; zero: none yet
	Adopter     Adopter       // that has done so over the network just now; zero: nobody
	Replaced    bool          // the site has replaced another one, whose authority has ended
	Policy      Policy        // in force; the zero value: none
	Held        wire.Position // what the cache has

	// NoPIN and NoCards say that the board has no touchscreen, or no card reader.
	NoPIN, NoCards bool

	// Counted says that the PIN key may be in a TPM, which counts its uses: a PIN is looked
	// up only once its charge is stored.
	Counted bool

	// NewJournal says that the reader has never had a journal: it is about to be
	// adopted for the first time. Any other journal without Durable.Began follows
	// a lost one, and causes a lockout.
	NewJournal bool
	// JournalFault is the fault for which the journal was quarantined; "": none was.
	JournalFault string
}

// New returns a reader with the durable state of its journal, and its first actions,
// which always begin with an Append. After a quarantined journal, pass the zero Durable.
//
// Inputs and health are not known yet: send them as events.
func New(durable Durable, start Start, now Now) (Reader, []Action) {
	r := Reader{
		id: clip(start.Reader), version: clip(start.Version), fingerprint: clip(start.Fingerprint),
		noPIN: start.NoPIN, noCards: start.NoCards, counted: start.Counted, policy: start.Policy, durable: durable, held: start.Held,
		elapsed: now.Monotonic, began: now.Monotonic, before: durable.Running,
		clock: clock{before: durable.Time}, door: door{state: wire.DoorIsUnknown}, mode: wire.ModeState{Mode: wire.ModeNormal},
	}
	t := turn{Reader: &r, now: now}
	t.record(wire.Record{Kind: wire.ReaderStarted, Version: r.version})
	t.openJournal(start)
	if durable.Pending != 0 {
		t.miss(wire.Record{Kind: wire.AttemptInterrupted, Seq: durable.Pending})
	}
	t.adopt(start)
	t.showAdopter(start.Adopter)
	t.readClock()
	t.expire()
	return r, t.end()
}

// Step applies an event and returns the actions to carry out.
func (r *Reader) Step(now Now, event Event) []Action {
	r.elapsed = max(r.elapsed, now.Monotonic)
	t := turn{Reader: r, now: now}
	t.readClock()
	t.expire()
	switch e := event.(type) {
	case Presented:
		t.presented(e.Kind)
	case Identified:
		t.identified(e)
	case Progress:
		t.progress(e)
	case Stored:
		t.stored(e)
	case Input:
		t.input(e)
	case Command:
		t.command(e.Command)
	case Policy:
		t.takePolicy(e)
	case Refused:
		t.refused(e)
	case Health:
		t.healthIs(e)
	case Waiting:
		t.wait(e)
	case Seen:
		t.adopted = adopted{}
	case Tick:
	}
	t.takeMode()
	t.checkProof()
	return t.end()
}

// Deadline returns the Now.Monotonic at which Step needs its next event, a Tick
// if there is no other; false if time alone changes nothing.
func (r *Reader) Deadline() (at time.Duration, ok bool) {
	for _, end := range []time.Duration{
		r.attempt.deadline, r.card.deadline, r.proofEnds(), r.enrol.end, r.notice.end, r.adopted.end, r.blink,
		r.strike.pulse, r.strike.hold, r.strike.renew, r.modeEnds(), r.demandChanges(), r.doorHeldAt(),
		r.journal.lateAt(), r.journal.probeAt(), r.collapsed.end(),
	} {
		if end != 0 && (!ok || end < at) {
			at, ok = end, true
		}
	}
	return at, ok
}

// Durable returns the durable state, including all records appended so far.
func (r *Reader) Durable() Durable { return r.durable }
