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
	batch    uint64        // the append that charges it
	waits    bool          // the PIN is in its slot until the charge is stored
	deadline time.Duration // when it counts as unknown; 0: there is none

	outcome    Outcome          // of answered
	credential *wire.Credential // of answered
}

type attemptState uint8

const (
	attemptIdle     attemptState = iota
	attemptStoring               // waits for Stored and Identified
	attemptCharged               // waits for Identified
	attemptAnswered              // waits for Stored; the outcome is not used before
)

func (t *turn) presented(kind wire.CredentialKind) {
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
	if reason == "" && t.durable.Pending != 0 {
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
func (r *Reader) pinReason() wire.Reason {
	switch policy := r.policy.policy; {
	case policy == nil:
		return wire.ReasonNotSetUp
	case r.noPIN:
		return wire.ReasonNone
	case !policy.PIN:
		return wire.ReasonOff
	case r.mode.Mode == wire.ModeLockdown:
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
	c := t.attempt.credential
	switch outcome := t.attempt.outcome; {
	case outcome == Known && c != nil && c.Kind == wire.PIN:
		reason := t.pinReason()
		if reason == "" || reason == wire.ReasonSpent { // it was the last one
			reason = t.mayOpen(c)
		}
		if reason != "" {
			t.takeBack(Known, reason, c)
			break
		}
		t.endAttempt(Known, true)
		t.grant(wire.Record{By: wire.ByPIN, Seq: t.durable.Pending}, c)
		return
	case outcome == Unknown:
		t.endAttempt(Unknown, false)
		t.miss(wire.Record{Kind: wire.AttemptUnknown, Seq: t.durable.Pending})
	case outcome == KeyFailed, outcome == EpochChanged:
		t.takeBack(outcome, failure(outcome), nil)
	default:
		t.takeBack(Damaged, failure(Damaged), nil)
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

// expireAttempt counts an attempt without an answer as unknown. If the journal
// has not answered, it counts as failed.
func (t *turn) expireAttempt() {
	if !t.over(t.attempt.deadline) {
		return
	}
	if t.attempt.state != attemptCharged {
		t.unstored(string(wire.ReasonNoAnswer))
	}
	t.endAttempt(0, false)
	t.miss(wire.Record{Kind: wire.AttemptUnknown, Seq: t.durable.Pending, Reason: wire.ReasonNoAnswer})
	t.deny("")
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
