package device

import (
	"slices"

	"latchkey/sync/wire"
)

// A rule holds on every edge of a walk. check says whether the edge has to do
// with the rule at all, and what is wrong.
type rule struct {
	name  string
	check func(e *edge) (met bool, err error)
}

var rules = [...]rule{
	{"the strike goes on only for a grant, the exit button, a remote unlock or a mode that holds it", strikeGoesOn},
	{"the strike goes off before its time only by the mode, tamper while it is held, or the door's opening", strikeGoesOff},
	{"the mode in force is the fire input's, or the highest that is wanted and has not ended, or the schedule's", highestMode},
	{"the strike is held in no other mode than unlocked and evacuation, for half a minute without another turn, and never beyond the end", holdEnds},
	{"a door that is locked or in lockdown lets nobody in but who is exempt: neither by PIN, card, unlock nor by a pulse from before", lockedOut},
	{"an evacuation ends only with its fire, or by whoever ends it", evacuationStays},
	{"a schedule waits for a grant to somebody of its group, on each day", firstPersonComes},
	{"where two proofs are demanded, only card and PIN of one person within 15 s open, and there only", twoOpen},
	{"a wrong second card charges nobody, and ends the first proof unless it could not be read", secondCharges},
	{"a first proof ends in time", proofEndsInTime},
	{"a PIN with a number of uses is used no more often, and not before that is on the disk, crash or not", usesHold},
	{"a PIN for duress does what any PIN does, and is recorded with it, before it", duressIsSilent},
	{"only a card that may open now, and end it, or a remote unlock ends a lockout", lockoutEnds},
	{"a copy, and a card that is taken away, change nothing durable, and are shown like an unknown card or as taken away", copiesChangeNothing},
	{"a card that gets keys opens nothing, and is done or refused once", keysOpenNothing},
	{"wrong PINs and guesses rise with an unknown PIN and with nothing else, by one", attemptsRise},
	{"wrong PINs fall only to none, by a PIN that opens or the end of a lockout; guesses only by the latter", attemptsFall},
	{"whoever has seen as many PINs refused as the limit allows finds PIN locked out, crash or not", limitsHold},
	{"a charge ends only with its outcome, its time, a fault of the disk or a crash; or when it is stored, and has waited for that, and PIN is out of service", chargeEnds},
	{"no outcome is looked at before its charge is on the disk", outcomeWaits},
	{"a PIN is looked up only with its charge in the same turn, none pending, and all in order", identifyCharges},
	{"with a TPM a PIN is looked up only once its charge is on the disk, once, and all is in order still", identifyCounts},
	{"the TPM is never asked for more PINs than the journal has charged", neverOverspent},
	{"each PIN or card that is presented is looked up or forgotten, once", presentedOnce},
	{"a late, repeated or unasked answer, and a repeated command, change nothing", repeatsChangeNothing},
	{"while time stands still a tick changes nothing, and the next deadline is to come", tickIsIdle},
	{"what is stored and what is on its way fold to the durable state", foldIsState},
	{"a start counts a charge that it finds", startCounts},
	{"an unknown PIN and one that may not open now look the same", denialsAreAlike},
	{"actions come in order, and what is shown and reported is news and true", actionsInOrder},
}

// decided returns the outcome that an edge looks at by the rules: the answer
// to a charge that is stored.
func (e *edge) decided() (outcome Outcome, c *wire.Credential, ok bool) {
	a := e.before.r.attempt
	switch event := e.event.(type) {
	case Identified:
		if event.Kind == wire.PIN && event.Seq == e.before.r.durable.Pending && a.state == attemptCharged {
			return event.Outcome, event.Credential, true
		}
	case Stored:
		if event.Batch == a.batch && event.Fault == "" && a.state == attemptAnswered {
			return a.outcome, a.credential, true
		}
	}
	return 0, nil, false
}

// answers says whether the edge is the journal's answer to the use of a PIN with limits.
func (e *edge) answers() (stored Stored, ok bool) {
	stored, ok = e.event.(Stored)
	a := e.before.r.attempt
	return stored, ok && a.state == attemptCounting && stored.Batch == a.batch
}

// misses says whether the edge finds a PIN to be unknown, or another person's than the card.
func (e *edge) misses() bool {
	outcome, c, ok := e.decided()
	if !ok || outcome != Known || c == nil || c.Kind != wire.PIN {
		return ok && outcome == Unknown
	}
	card := e.waits(wire.PIN)
	return card != nil && card.User != c.User
}

// opens says whether a credential of the walk's worlds may open now.
func opens(kind wire.CredentialKind, c *wire.Credential) bool {
	return c != nil && c.Kind == kind && slices.Contains(c.Groups, "staff")
}

// lets says whether the mode before the edge lets a credential in.
func (e *edge) lets(c *wire.Credential) bool {
	switch e.modeBefore() {
	case wire.ModeLocked, wire.ModeLockdown:
		return slices.Contains(c.Groups, "guards")
	}
	return true
}

// pinOpens says whether a right PIN opens at this moment: its charge may have
// been taken while PIN was in service, and PIN no longer be.
func (e *edge) pinOpens() bool {
	outcome, c, ok := e.decided()
	if stored, use := e.answers(); use {
		outcome, c, ok = Known, e.before.r.attempt.credential, stored.Fault == ""
	} else if ok && c != nil && c.Limited() {
		return false // its use is counted first
	}
	if c != nil && specTwo(e.policy(), e.now) {
		if card := e.waits(wire.PIN); card == nil || card.User != c.User {
			return false
		}
	}
	if !ok || outcome != Known || !opens(wire.PIN, c) || !e.lets(c) {
		return false
	}
	before := e.before.r
	if _, answer := e.event.(Stored); answer {
		before.journal.late = false // the disk answers
	}
	return before.pinReason() == ""
}

// completed says whether the edge is the journal's answer to the use of a PIN with limits to
// which the card was the second proof, which opens the door.
func (e *edge) completed() bool {
	stored, ok := e.event.(Stored)
	p := e.before.r.proof
	return ok && p.batch != 0 && stored.Batch == p.batch && stored.Fault == "" && e.waits(wire.Card) != nil
}

// cardOpens says whether a card opens the door at this moment.
func (e *edge) cardOpens() bool {
	event, _ := e.event.(Identified)
	if e.completed() {
		return true
	}
	if !e.cardIsGood() || !specTwo(e.policy(), e.now) {
		return e.cardIsGood()
	}
	pin := e.waits(wire.Card)
	return pin != nil && pin.User == event.Credential.User && !pin.Limited() // its use is counted first
}

// cardIsGood says whether a card opens the door, or is one of two proofs.
func (e *edge) cardIsGood() bool {
	event, ok := e.event.(Identified)
	return ok && event.Kind == wire.Card && event.Outcome == Known && opens(wire.Card, event.Credential) && e.lets(event.Credential) &&
		e.before.r.card.deadline != 0 && e.before.r.enrol.state != enrolReading &&
		event.Seq == e.before.r.card.seq && e.cardsWork() &&
		(event.Proven || len(event.Credential.CardKey) == 0 && !e.policy().ProvenOpens)
}

// cardEnds says whether a card ends a lockout now.
func (e *edge) cardEnds() bool {
	event, _ := e.event.(Identified)
	return e.cardIsGood() && (event.Proven || !e.policy().ProvenEnds)
}

func (e *edge) ordered(orders ...wire.Order) bool {
	event, ok := e.event.(Command)
	return ok && slices.Contains(orders, event.Order) && e.before.r.policy.policy != nil
}

// unlocks says whether the edge is a remote unlock that the mode allows.
func (e *edge) unlocks() bool {
	return e.ordered(wire.Unlock) && (e.modeBefore() != wire.ModeLockdown || e.event.(Command).InLockdown)
}

// policy returns the policy before the edge; one that allows nothing if there
// is none.
func (e *edge) policy() *wire.Policy { return policyOf(&e.before.r) }

func policyOf(r *Reader) *wire.Policy {
	if p := r.policy.policy; p != nil {
		return p
	}
	return &wire.Policy{Limit: 10, GuessLimit: 60}
}

func (e *edge) crashed() bool { return e.event == nil }

// durable returns the durable state before the edge: after a crash what is on
// the disk counts.
func (e *edge) durable() Durable {
	if e.crashed() {
		return e.before.disk
	}
	return e.before.r.durable
}

// unlocked says that the edge ended a lockout.
func (e *edge) unlocked() bool {
	return e.durable().Lockout != "" && e.after.r.durable.Lockout == ""
}

// timedOut says that the attempt's ten seconds are over.
func (e *edge) timedOut() bool {
	end := e.before.r.attempt.deadline
	return !e.crashed() && end != 0 && end <= e.now.Monotonic
}

// learn counts what an onlooker learns on this edge.
func (e *edge) learn() {
	if e.misses() {
		e.after.row++
		e.after.guesses++
	}
	if e.pinOpens() || e.unlocked() {
		e.after.row = 0
	}
	if e.accepted() {
		e.after.uses++
	}
	if c := e.after.r.proof.credential; c == nil {
		e.after.known = first{}
	} else if c != e.before.r.proof.credential || slices.ContainsFunc(e.records(), func(r wire.Record) bool { return r.Kind == wire.ProofGiven }) {
		e.after.known = first{kind: c.Kind, user: c.User, at: e.now.Monotonic}
	}
	if e.unlocked() {
		e.after.guesses = min(e.after.guesses, e.after.r.durable.Guesses)
	}
}

func (e *edge) strikes() (strikes []Strike) {
	for _, action := range e.actions {
		if s, ok := action.(Strike); ok {
			strikes = append(strikes, s)
		}
	}
	return strikes
}

func (e *edge) records() []wire.Record {
	for _, action := range e.actions {
		if appended, ok := action.(Append); ok {
			return appended.Records
		}
	}
	return nil
}

// cardsWork says whether the policy lets cards open as things are.
func (e *edge) cardsWork() bool {
	p, r := e.policy(), &e.before.r
	return r.policy.policy != nil && r.parts.Is(wire.SubjectKey) != Failed &&
		(!r.tamper || !p.TamperStopsCard) && (r.journal.unstored() == "" || p.CardsUnstored) &&
		(p.CardsBehind || !r.durable.Held().Above(r.held))
}
