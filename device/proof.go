package device

import (
	"time"

	"latchkey/sync/wire"
)

// proofWithin is the time from the first of two proofs until the second is presented.
const proofWithin = 15 * time.Second

// proof is the first of two proofs, which waits for the second; the zero value: none does.
// It is lost in a restart.
//
//	none --a card, a PIN that may open, while two proofs are demanded--> waits
//	waits --the other proof of the same person--> none: granted
//	waits --15 s, a wrong second proof, it would no longer open--> none: denied
type proof struct {
	credential *wire.Credential
	start, end time.Duration
}

// is says whether a proof of a kind waits.
func (p proof) is(kind wire.CredentialKind) bool {
	return p.credential != nil && p.credential.Kind == kind
}

// demandsTwo says whether a card or a PIN alone does not open the door.
func (p Policy) demandsTwo(now Now) bool {
	two := p.policy.TwoProofs
	return two != nil && (two.Schedule == nil || !now.Trusted || p.open(two.Schedule, now.Wall))
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
func (t *turn) dropProof() {
	c := t.proof.credential
	if c == nil {
		return
	}
	t.proof = proof{}
	by := wire.ByPIN
	if c.Kind == wire.Card {
		by = wire.ByCard
	}
	t.record(wire.Record{Kind: wire.AccessDenied, By: by, Reason: wire.ReasonSecond, Credential: c.ID, User: c.User})
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

// secondAsked says whether the second proof is being looked up.
func (r *Reader) secondAsked() bool {
	return r.proof.is(wire.Card) && r.attempt.state != attemptIdle ||
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
