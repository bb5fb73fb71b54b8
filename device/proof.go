package device

import (
	"time"

	"latchkey/sync/wire"
)

// proofWithin is the time from the first of two proofs until the second is presented.
const proofWithin = 15 * time.Second

// proof is the first of two proofs, which waits for the second; the zero value: none does.
// It is lost in a restart. Within its 15 s it stands as it was looked up, even if the log has
// taken the credential away since.
//
//	none --a card, a PIN that may open, while two proofs are demanded--> waits
//	waits --the other proof of the same person--> none: granted
//	waits --the card to a PIN with limits--> counting --its use is stored--> none: granted
//	waits, counting --15 s, a wrong second proof, it would no longer open, not stored--> none: denied
type proof struct {
	credential *wire.Credential
	start, end time.Duration

	card  *wire.Credential // of counting: the second proof
	batch uint64           // of counting: the append that counts the use; 0: it waits
}

// is says whether a proof of a kind waits.
func (p proof) is(kind wire.CredentialKind) bool {
	return p.credential != nil && p.credential.Kind == kind
}

// demandsTwo says whether a card or a PIN alone does not open the door.
func (p Policy) demandsTwo(now Now) bool {
	return p.policy.DemandsTwo(p.moment(now, ""))
}

// demandsBoth says whether two proofs are demanded, by the time of the last turn.
func (r *Reader) demandsBoth() bool {
	wall, trusted := r.wall()
	return r.policy.policy != nil && r.policy.demandsTwo(Now{Wall: wall, Trusted: trusted})
}

// demandChanges returns when time alone may change whether two proofs are demanded; 0: never.
func (r *Reader) demandChanges() time.Duration {
	wall, trusted := r.wall()
	if p := r.policy.policy; p == nil || p.TwoProofs == nil || p.TwoProofs.Schedule == nil || !trusted {
		return 0
	}
	return r.elapsed + nextMinute(wall).Sub(wall)
}

// giveProof takes a PIN or a card that may open as the first of two proofs.
func (t *turn) giveProof(r wire.Record, c *wire.Credential) {
	if t.proof.credential != nil && t.proof.credential.ID != c.ID {
		t.dropProof()
	}
	r.Kind, r.Credential, r.User = wire.ProofGiven, c.ID, c.User
	t.record(r)
	t.proof = proof{credential: c, start: t.elapsed, end: t.elapsed + proofWithin}
	t.notice = notice{}
}

// dropProof ends the first proof, if any, without the second.
func (t *turn) dropProof() { t.dropProofAfter(0, 0) }

// dropProofAfter is dropProof after the attempt seq, whose PIN was the second proof and wrong, and
// is the wrongth in a row; 0: after no such attempt.
func (t *turn) dropProofAfter(seq uint64, wrong uint16) {
	c := t.proof.credential
	if c == nil {
		return
	}
	t.proof = proof{}
	by := wire.ByPIN
	if c.Kind == wire.Card {
		by = wire.ByCard
	}
	t.record(wire.Record{Kind: wire.AccessDenied, By: by, Reason: wire.ReasonSecond, Credential: c.ID, User: c.User, Seq: seq, Wrong: wrong})
}

// wrongSecond ends a first proof to which something of a kind was the second, and wrong.
func (t *turn) wrongSecond(kind wire.CredentialKind) {
	if !t.proof.is(kind) {
		t.dropProof()
	}
}

// completes says whether a credential is the second of two proofs.
func (t *turn) completes(c *wire.Credential) bool {
	first := t.proof.credential
	return first != nil && first.Kind != c.Kind && first.User == c.User
}

// completeProof opens the door for a card after the PIN of the same person: there is no
// lockout then. The use of a PIN with limits is stored first.
func (t *turn) completeProof(card *wire.Credential) {
	pin := t.proof.credential
	reason := t.durable.limit(pin, t.now)
	switch {
	case reason != "":
		t.denyCard(wire.Record{Reason: reason, Credential: card.ID, User: card.User})
		t.dropProof()
	case pin.Limited():
		t.proof.card, t.proof.batch = card, t.countUse(pin, 0)
		t.notice = notice{}
	default:
		t.openBoth(card)
	}
}

// proofStored takes the journal's answer to the use of a PIN with limits that was the first proof.
func (t *turn) proofStored(fault string) {
	card, reason := t.proof.card, wire.ReasonUnstored
	if fault == "" {
		reason = t.mayOpen(card)
	}
	if reason != "" {
		t.denyCard(wire.Record{Reason: reason, Credential: card.ID, User: card.User})
		t.dropProof()
		return
	}
	t.openBoth(card)
}

// openBoth opens the door for a card that is the second proof.
func (t *turn) openBoth(card *wire.Credential) {
	t.proof = proof{}
	t.grant(wire.Record{By: wire.ByBoth}, card)
}

// secondAsked says whether the second proof is being looked up, or has been, and the use of the
// first is being stored.
func (r *Reader) secondAsked() bool {
	return r.proof.batch != 0 || r.proof.is(wire.Card) && r.attempt.state != attemptIdle ||
		r.proof.is(wire.PIN) && r.card.deadline != 0 && r.enrol.state != enrolReading
}

// proofEnds returns when the first proof has waited for too long; 0: none waits.
func (r *Reader) proofEnds() time.Duration {
	if r.secondAsked() {
		return 0
	}
	return r.proof.end
}

// checkProof ends a first proof that has waited for too long, that would no longer open, or
// whose second can no longer be given.
func (t *turn) checkProof() {
	if t.proof.credential == nil {
		return
	}
	if t.over(t.proofEnds()) {
		t.dropProof()
		t.deny("")
		return
	}
	pin, card := t.pinReason(), t.cardReason()
	if t.proof.is(wire.PIN) {
		card = t.cardWorks()
	}
	if pin == wire.ReasonSpent && (t.proof.is(wire.PIN) || t.secondAsked()) {
		pin = "" // it was the last one
	}
	if pin != "" || card != "" || !t.policy.demandsTwo(t.now) || t.mayOpen(t.proof.credential) != "" {
		t.dropProof()
	}
}
