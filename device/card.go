package device

import (
	"time"

	"latchkey/sync/wire"
)

// After patience unknown cards in a row, the next one is read only after
// firstWait, which doubles up to lastWait. Only a granted card ends the row:
// otherwise somebody with an expired card could try card numbers without limit.
const (
	patience  = 5
	firstWait = 2 * time.Second
	lastWait  = 10 * time.Second
)

// card is the state of card reading.
type card struct {
	seq      uint64        // the newest Identify
	deadline time.Duration // end of the wait for its answer; 0: none is awaited

	unknown uint8         // unknown cards in a row, counted up to the longest wait
	wait    time.Duration // end of the wait before the next card; 0: none
}

// presentCard has the worker look a card up, or seal it for an enrolment.
func (t *turn) presentCard() {
	if t.card.deadline != 0 || t.secondAsked() {
		t.forgets = append(t.forgets, Forget{wire.Card})
		return
	}
	reason := t.cardReason()
	if reason == "" && t.card.wait != 0 && t.enrol.state != enrolWaiting {
		reason = wire.ReasonWait
	}
	if reason != "" {
		t.forgets = append(t.forgets, Forget{wire.Card})
		t.denyCard(wire.Record{Reason: reason})
		return
	}
	t.card.seq++
	t.card.deadline = t.elapsed + answerWithin
	identify := Identify{Kind: wire.Card, Seq: t.card.seq}
	if t.enrol.state == enrolWaiting {
		t.readCard(&identify)
	}
	t.identifies = append(t.identifies, identify)
}

// cardReason returns why no card can be used; "": one can.
func (r *Reader) cardReason() wire.Reason {
	switch policy := r.policy.policy; {
	case policy == nil:
		return wire.ReasonNotSetUp
	case r.noCards:
		return wire.ReasonNone
	case r.tamper && policy.TamperStopsCard:
		return wire.ReasonTamper
	case r.journal.unstored() != "" && !policy.CardsUnstored:
		return wire.ReasonUnstored
	case r.behind && !policy.CardsBehind:
		return wire.ReasonBehind
	case r.parts.Is(wire.SubjectCache) == Failed:
		return wire.ReasonDamaged
	case r.parts.Is(wire.SubjectKey) == Failed:
		return wire.ReasonKey
	}
	return ""
}

// identifiedCard grants or denies a card with the worker's answer.
func (t *turn) identifiedCard(e Identified) {
	if t.card.deadline == 0 || e.Seq != t.card.seq {
		return
	}
	t.card.deadline = 0
	if t.enrol.state == enrolReading {
		t.enrolled(e.Outcome)
		return
	}
	c := e.Credential
	switch {
	case e.Outcome == Known && c != nil && c.Kind == wire.Card && (e.Proven || len(c.CardKey) == 0):
		reason := t.cardReason()
		if reason == "" && !e.Proven && t.policy.policy.ProvenOpens {
			reason = wire.ReasonUnproven
		}
		if reason == "" {
			reason = t.mayOpen(c)
		}
		switch reason {
		case "":
		case wire.ReasonUnproven: // anybody may have copied it
			t.noteDenial(wire.Record{Reason: reason, Credential: c.ID, User: c.User})
			t.wrongSecond(wire.Card)
			t.deny(reason)
			return
		default:
			t.denyCard(wire.Record{Reason: reason, Credential: c.ID, User: c.User})
			t.wrongSecond(wire.Card)
			return
		}
		t.card.unknown, t.card.wait = 0, 0
		t.acceptCard(c, e.Proven || !t.policy.policy.ProvenEnds)
	case e.Outcome == NotGenuine && c != nil:
		t.notGenuine(c)
	case e.Outcome == CardGone:
		t.unknownCard() // somebody with a copy can always take it away
		t.denyCard(wire.Record{Reason: wire.ReasonCardGone})
	case e.Outcome == Unknown:
		t.unknownCard()
		t.denyCard(wire.Record{Reason: wire.ReasonUnknown, Tag: e.Tag[:]})
		t.wrongSecond(wire.Card)
	default:
		t.denyCard(wire.Record{Reason: failure(e.Outcome)})
	}
}

// acceptCard opens the door for a card, or waits for the second proof; ends says whether the
// card may end a lockout.
func (t *turn) acceptCard(c *wire.Credential, ends bool) {
	first, two := t.proof, t.policy.demandsTwo(t.now)
	if two && first.is(wire.PIN) && first.credential.User != c.User {
		t.denyCard(wire.Record{Reason: wire.ReasonAnother, Credential: c.ID, User: c.User})
		t.dropProof()
		return
	}
	if two && first.is(wire.PIN) {
		t.completeProof(c)
		return
	}
	if !two {
		t.grant(wire.Record{By: wire.ByCard}, c)
	}
	if ends {
		t.clearLockout(wire.Record{By: wire.ByCard, Credential: c.ID, User: c.User})
	}
	switch {
	case !two:
	case t.pinReasonAfter(proof{credential: c}) != "":
		t.denyCard(wire.Record{Reason: wire.ReasonSecond, Credential: c.ID, User: c.User})
	default:
		t.giveProof(wire.Record{By: wire.ByCard}, c)
	}
}

// notGenuine denies the copy of a card. Who holds it sees what an unknown card gets.
func (t *turn) notGenuine(c *wire.Credential) {
	t.unknownCard()
	t.noteCopy(wire.Record{
		Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonNotGenuine,
		Credential: c.ID, User: c.User, Epoch: t.held.Epoch, Revision: t.held.Revision,
	})
	t.wrongSecond(wire.Card)
	t.deny(wire.ReasonUnknown)
}

// unknownCard counts a card that is unknown, a copy or gone, and delays the next one after too many.
func (t *turn) unknownCard() {
	t.card.unknown = min(t.card.unknown+1, patience+3)
	if t.card.unknown >= patience {
		t.card.wait = t.elapsed + min(firstWait<<(t.card.unknown-patience), lastWait)
	}
}

// denyCard denies a card. Each denial of a known card is recorded; those of unknown cards
// may be collapsed.
func (t *turn) denyCard(r wire.Record) {
	if r.Credential != 0 {
		r.Kind, r.By = wire.AccessDenied, wire.ByCard
		t.record(r)
	} else {
		t.noteDenial(r)
	}
	t.deny(r.Reason)
}

// noteDenial records the denial of a card that anybody can show, or only counts it.
func (t *turn) noteDenial(r wire.Record) {
	r.Kind, r.By = wire.AccessDenied, wire.ByCard
	t.note(r)
}

// expireCard ends the wait for an answer, and the wait before the next card.
func (t *turn) expireCard() {
	if t.over(t.card.wait) {
		t.card.wait = 0
	}
	if !t.over(t.card.deadline) {
		return
	}
	t.card.deadline = 0
	if t.enrol.state == enrolReading {
		t.refuseEnrolment(wire.ReasonNoAnswer)
		return
	}
	t.denyCard(wire.Record{Reason: wire.ReasonNoAnswer})
}

// cardWorks returns why no card is read; "": cards are read.
func (r *Reader) cardWorks() wire.Reason {
	if reason := r.cardReason(); reason != "" {
		return reason
	}
	if r.parts.Is(wire.SubjectNFC) == Failed {
		return wire.ReasonNFC
	}
	return ""
}
