package device

import (
	"slices"

	"latchkey/sync/wire"
)

// subjects are the parts whose health comes as an event. Whether the cache is
// behind, and whether records are stored, the Reader determines itself.
var subjects = [...]wire.Subject{
	wire.SubjectCache, wire.SubjectPanel, wire.SubjectTouch, wire.SubjectNFC, wire.SubjectRelay, wire.SubjectKey, wire.SubjectLink,
}

// Parts holds the condition of each part of the reader.
type Parts [len(subjects)]part

type part struct {
	condition Condition
	fault     string // what is wrong, for people; "": nothing, or not known
}

// Is returns the condition of a part.
func (p *Parts) Is(subject wire.Subject) Condition {
	return p[slices.Index(subjects[:], subject)].condition
}

// Faults returns what is wrong, as far as it is known.
func (p *Parts) Faults() (faults []wire.Fault) {
	for i, part := range p {
		if part.fault != "" {
			faults = append(faults, wire.Fault{Subject: subjects[i], Text: part.fault})
		}
	}
	return faults
}

// healthIs updates the condition of a part, and records a change once.
func (t *turn) healthIs(e Health) {
	i := slices.Index(subjects[:], e.Subject)
	if i < 0 || e.Condition == NotKnown || e.Condition > Impaired {
		return
	}
	if e.Subject == wire.SubjectCache && e.Condition != Forked {
		t.holds(e.Held)
	}
	if e.Subject == wire.SubjectKey {
		t.keyPIN = e.PIN
		t.tpmIs(e.TPM)
	}
	text := clip(e.Text)
	if e.Condition == Good {
		text = ""
	}
	before, now := t.parts[i], part{e.Condition, text}
	if now == before {
		return
	}
	t.parts[i] = now
	if before.condition == NotKnown && e.Condition == Good && e.Subject != wire.SubjectLink {
		return
	}
	t.note(healthRecord(e, text))
}

// healthRecord returns the record of a change.
func healthRecord(e Health, text string) wire.Record {
	switch {
	case e.Subject == wire.SubjectLink && e.Condition == Good:
		return wire.Record{Kind: wire.LinkUp, Count: e.Connection}
	case e.Subject == wire.SubjectLink:
		return wire.Record{Kind: wire.LinkDown, Text: text}
	case e.Subject == wire.SubjectCache && e.Condition == Forked:
		return wire.Record{Kind: wire.LogForked, Epoch: e.Held.Epoch, Revision: e.Held.Revision, Hash: e.Held.Hash, Text: text}
	case e.Subject == wire.SubjectCache && e.Condition != Good && e.Condition != Impaired:
		return wire.Record{Kind: wire.CacheDamaged, Text: text}
	case e.Condition == Good:
		text = wire.TextGood
	case text == "":
		text = "failed"
	}
	return wire.Record{Kind: wire.HealthChanged, Subject: string(e.Subject), Text: text}
}

// tpmIs takes what is known of the TPM. The journal charges a PIN before the TPM counts it,
// so the TPM never counts more. It counts less if it was never asked; a start takes its
// count.
func (t *turn) tpmIs(now wire.TPMState) {
	before, known := t.tpm, t.durable.Budget
	t.tpm = now
	if now.Budget.Limit == 0 {
		if now.Ref == before.Ref && now.Nonce == (wire.TPMNonce{}) {
			t.tpm.Budget = before.Budget // it does not answer
		}
		return
	}
	first := before.Budget.Limit == 0 || before.Ref != now.Ref
	count := now.Budget.Spent
	if t.durable.Pending != 0 || before.Budget.Limit != 0 {
		count++ // it may yet be asked, or was just now
	}
	switch {
	case now.Budget.Spent > known.Spent && known.Limit != 0:
		t.record(wire.Record{Kind: wire.BudgetOverspent, Count: uint64(now.Budget.Spent - known.Spent)})
	case first && count != known.Spent:
		t.record(wire.Record{Kind: wire.BudgetCounted, Count: uint64(count)})
	}
	if now.Budget.Limit != known.Limit { // after the count, in case that a power cut truncates the append
		t.record(wire.Record{Kind: wire.BudgetGranted, Count: uint64(now.Budget.Limit)})
	}
	if now.Budget.Left() == 0 && !t.durable.BudgetSpent {
		t.record(wire.Record{Kind: wire.BudgetSpent, Count: uint64(now.Budget.Limit)})
	}
}
