package device

import (
	"time"

	"latchkey/sync/wire"
)

// answerWithin is the worker's time limit for an answer.
const answerWithin = 10 * time.Second

// attempt is the PIN entry in progress, Durable.Pending.
type attempt struct {
	state    attemptState
	batch    uint64        // the append that charges it, or counts the use
	waits    bool          // the PIN is in its slot until the charge is stored
	deadline time.Duration // when it counts as unknown; 0: there is none

	outcome    Outcome          // of answered and counting
	credential *wire.Credential // of answered and counting
}

type attemptState uint8

const (
	attemptIdle     attemptState = iota
	attemptStoring               // waits for Stored and Identified
	attemptCharged               // waits for Identified
	attemptAnswered              // waits for Stored; the outcome is not used before
	attemptCounting              // waits for Stored of a use of a PIN with limits, which opens the door only then
)

func (t *turn) presented(kind wire.CredentialKind) {
	t.adopted = adopted{}
	switch kind {
	case wire.PIN:
		t.presentPIN()
	case wire.Card:
		t.presentCard()
	default:
		t.forgets = append(t.forgets, Forget{kind})
	}
}

// presentPIN charges a PIN entry and starts its look-up, if PIN can be used.
func (t *turn) presentPIN() {
	reason := t.pinReason()
	if reason == "" && (t.durable.Pending != 0 || t.secondAsked()) {
		reason = wire.ReasonPending
	}
	if reason != "" {
		t.forgets = append(t.forgets, Forget{wire.PIN})
		t.note(wire.Record{Kind: wire.PINRefused, Reason: reason})
		return
	}
	seq := t.durable.Seq + 1
	t.record(wire.Record{Kind: wire.AttemptStarted, Seq: seq})
	t.attempt = attempt{state: attemptStoring, batch: t.journal.appended + 1, deadline: t.elapsed + answerWithin, waits: t.counted}
	if !t.counted {
		t.identifies = append(t.identifies, Identify{Kind: wire.PIN, Seq: seq})
	}
	t.notice = notice{}
}

// pinReason returns why no PIN can be used; "": one can.
func (r *Reader) pinReason() wire.Reason { return r.pinReasonAfter(r.proof) }

// pinReasonAfter is pinReason after the first of two proofs, which may open: in a lockdown a PIN
// can only be the second one, after the card of somebody exempt.
func (r *Reader) pinReasonAfter(first proof) wire.Reason {
	switch policy := r.policy.policy; {
	case policy == nil:
		return wire.ReasonNotSetUp
	case r.noPIN:
		return wire.ReasonNone
	case !policy.PIN:
		return wire.ReasonOff
	case r.mode.Mode == wire.ModeLockdown && !first.is(wire.Card):
		return wire.ReasonLockdown
	case r.durable.Lockout != "":
		return wire.ReasonLockout
	case r.tamper && policy.TamperPauses:
		return wire.ReasonTamper
	case r.journal.unstored() != "" || !r.journal.began():
		return wire.ReasonUnstored
	case r.behind:
		return wire.ReasonBehind
	case r.parts.Is(wire.SubjectCache) == Failed:
		return wire.ReasonDamaged
	case r.parts.Is(wire.SubjectKey) == Failed:
		return wire.ReasonKey
	case r.keyPIN != "":
		return r.keyPIN
	case r.tpm.Budget.Limit != 0 && r.tpm.Budget.Left() == 0:
		return wire.ReasonSpent
	case r.parts.Is(wire.SubjectPanel) == Failed || r.parts.Is(wire.SubjectTouch) == Failed:
		return wire.ReasonPanel
	}
	return ""
}

func (t *turn) identified(e Identified) {
	switch e.Kind {
	case wire.PIN:
		t.identifiedPIN(e)
	case wire.Card:
		t.identifiedCard(e)
	}
}

// identifiedPIN keeps the answer until its charge is stored.
func (t *turn) identifiedPIN(e Identified) {
	if e.Seq != t.durable.Pending || t.attempt.waits || t.attempt.state != attemptStoring && t.attempt.state != attemptCharged {
		return
	}
	t.attempt.outcome, t.attempt.credential = e.Outcome, e.Credential
	if t.attempt.state == attemptCharged {
		t.decide()
		return
	}
	t.attempt.state = attemptAnswered
}

// charged handles the journal's answer to the charge: an attempt whose charge
// was not stored is taken back, whatever its outcome. A PIN that has waited for it is
// looked up, unless PIN cannot be used any more.
func (t *turn) charged(fault string) {
	switch reason := t.pinReason(); {
	case fault != "":
		t.takeBack(0, wire.ReasonUnstored, nil)
	case t.attempt.waits && reason != "":
		t.takeBack(0, reason, nil)
	case t.attempt.waits:
		t.attempt.waits, t.attempt.state = false, attemptCharged
		t.identifies = append(t.identifies, Identify{Kind: wire.PIN, Seq: t.durable.Pending})
	case t.attempt.state == attemptAnswered:
		t.decide()
	default:
		t.attempt.state = attemptCharged
	}
}

// decide acts on the outcome of an attempt whose charge is stored.
func (t *turn) decide() {
	switch outcome, c := t.attempt.outcome, t.attempt.credential; {
	case outcome == Known && c != nil && c.Kind == wire.PIN:
		t.decideKnown(c)
		return
	case outcome == Unknown:
		t.missPIN(Unknown, "")
		return
	case outcome == KeyFailed, outcome == EpochChanged:
		t.takeBack(outcome, failure(outcome), nil)
	default:
		t.takeBack(Damaged, failure(Damaged), nil)
	}
	t.deny("")
}

// decideKnown acts on a PIN that is somebody's.
func (t *turn) decideKnown(c *wire.Credential) {
	if c.Duress {
		t.record(wire.Record{Kind: wire.Duress, Seq: t.durable.Pending, Credential: c.ID, User: c.User})
	}
	if t.proof.is(wire.Card) && t.proof.credential.User != c.User { // whose holder may be guessing
		t.missPIN(Unknown, "")
		return
	}
	reason := t.refusal(c)
	if reason == "" {
		reason = t.durable.limit(c, t.now)
	}
	switch {
	case reason != "":
		t.refusePIN(c, reason)
	case t.policy.demandsTwo(t.now) && !t.completes(c):
		t.endAttempt(Known, false)
		t.giveProof(wire.Record{By: wire.ByPIN, Seq: t.durable.Pending}, c)
	case c.Limited():
		t.attempt.state, t.attempt.deadline = attemptCounting, t.elapsed+answerWithin
		t.attempt.batch = t.countUse(c, t.durable.Pending)
	default:
		t.openPIN(c)
	}
}

// refusal returns why a known PIN is refused now, apart from its limits; "": it is not.
func (t *turn) refusal(c *wire.Credential) wire.Reason {
	if reason := t.pinReason(); reason != "" && reason != wire.ReasonSpent { // it was the last one
		return reason
	}
	if reason := t.mayOpen(c); reason != "" {
		return reason
	}
	if t.policy.demandsTwo(t.now) && !t.completes(c) && (t.cardWorks() != "" || t.attempt.state == attemptCounting) {
		return wire.ReasonSecond
	}
	return ""
}

// refusePIN takes back the attempt of a known PIN.
func (t *turn) refusePIN(c *wire.Credential, reason wire.Reason) {
	t.takeBack(Known, reason, c)
	t.wrongSecond(wire.PIN)
	t.deny("")
}

// openPIN opens the door for a known PIN, alone or as the second proof.
func (t *turn) openPIN(c *wire.Credential) {
	r := wire.Record{By: wire.ByPIN, Seq: t.durable.Pending}
	if t.completes(c) {
		r.By = wire.ByBoth
		t.proof = proof{}
	}
	t.endAttempt(Known, true)
	t.grant(r, c)
}

// missPIN counts the attempt in progress as unknown.
func (t *turn) missPIN(outcome Outcome, reason wire.Reason) {
	t.endAttempt(outcome, false)
	seq := t.durable.Pending
	t.miss(wire.Record{Kind: wire.AttemptUnknown, Seq: seq, Reason: reason})
	switch {
	case !t.proof.is(wire.Card):
	case reason == "":
		t.dropProofAfter(seq, t.durable.Wrong)
	default: // nobody knows whether the PIN is wrong
		t.dropProof()
	}
	t.deny("")
}

// endAttempt ends the attempt in progress, before its last record.
func (t *turn) endAttempt(outcome Outcome, granted bool) {
	t.decided = Decided{Seq: t.durable.Pending, Outcome: outcome, Granted: granted}
	if t.attempt.waits {
		t.forgets = append(t.forgets, Forget{wire.PIN})
	}
	t.attempt = attempt{}
}

// takeBack ends an attempt as if it had not been made.
func (t *turn) takeBack(outcome Outcome, reason wire.Reason, c *wire.Credential) {
	r := wire.Record{Kind: wire.AttemptTakenBack, Seq: t.durable.Pending, Reason: reason}
	if c != nil {
		r.Credential, r.User = c.ID, c.User
	}
	t.endAttempt(outcome, false)
	t.record(r)
}

// expireAttempt counts an attempt without an answer as unknown, unless its PIN is known and
// its use was not stored. If the journal has not answered, it counts as failed.
func (t *turn) expireAttempt() {
	if !t.over(t.attempt.deadline) {
		return
	}
	if t.attempt.state != attemptCharged {
		t.unstored(string(wire.ReasonNoAnswer))
	}
	if t.attempt.state == attemptCounting {
		t.refusePIN(t.attempt.credential, wire.ReasonUnstored)
		return
	}
	t.missPIN(0, wire.ReasonNoAnswer)
}

// failure returns the reason for an outcome that is neither known nor unknown.
func failure(outcome Outcome) wire.Reason {
	switch outcome {
	case KeyFailed:
		return wire.ReasonKey
	case EpochChanged:
		return wire.ReasonEpoch
	case NotGenuine:
		return wire.ReasonNotGenuine
	case CardGone:
		return wire.ReasonCardGone
	case Unanswered:
		return wire.ReasonNoAnswer
	case ForeignKeys:
		return wire.ReasonForeignKeys
	case Unsuitable:
		return wire.ReasonUnsuitable
	case Declined:
		return wire.ReasonDeclined
	}
	return wire.ReasonDamaged
}
