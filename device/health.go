package device

import (
	"slices"

	"latchkey/sync/wire"
)

// healthIs takes note of how a part of the reader is, and records a change
// once.
func (t *turn) healthIs(e Health) {
	i := slices.Index(subjects[:], e.Subject)
	if i < 0 || e.Condition == NotKnown || e.Condition > Impaired {
		return
	}
	if e.Subject == wire.SubjectCache && e.Condition != Forked {
		t.holds(e.Held)
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

// holds takes note of what the cache has. A place above all that were ever
// applied is recorded, one below them is damage.
func (t *turn) holds(held wire.Place) {
	t.held = held
	highest := t.durable.Held()
	if held.Above(highest) || held != highest && !highest.Above(held) {
		t.record(wire.Record{Kind: wire.CredentialsApplied, Epoch: held.Epoch, Revision: held.Revision, Hash: held.Hash})
	}
	t.compare()
}

// compare records once that credentials or policy are older than what was once
// held, and that they no longer are.
func (t *turn) compare() {
	behind := t.durable.Held().Above(t.held)
	if p := t.policy.policy; p != nil && p.Revision < t.durable.PolicyRevision {
		behind = true
	}
	if behind == t.behind {
		return
	}
	t.behind = behind
	if !behind {
		t.note(wire.Record{Kind: wire.HealthChanged, Subject: string(wire.SubjectCache), Text: "no longer behind"})
		return
	}
	r := wire.Record{Kind: wire.CacheBehind, Epoch: t.held.Epoch, Revision: t.held.Revision}
	if p := t.policy.policy; p != nil {
		r.PolicyRevision = p.Revision
	}
	t.note(r)
}

// takePolicy puts a policy in force, if it is none that was replaced before: what the
// journal knows of counts, whether its file can be read or not.
func (t *turn) takePolicy(p Policy) {
	if p.policy == nil || p.policy.Revision < t.durable.PolicyRevision ||
		t.policy.policy != nil && p.policy.Revision <= t.policy.policy.Revision {
		return
	}
	t.policy = p
	t.applied()
	t.compare()
}

// applied records a policy that is above all that were ever in force.
func (t *turn) applied() {
	if p := t.policy.policy; p != nil && p.Revision > t.durable.PolicyRevision {
		t.record(wire.Record{Kind: wire.PolicyApplied, PolicyRevision: p.Revision})
	}
}

// adopt compares what a start found with the durable state. Another site than
// the one that the journal knows has adopted the reader: of its authority nothing is left.
func (t *turn) adopt(start Start) {
	if start.Replaced || start.Site != t.durable.Site {
		if t.durable.HoldRunning != 0 { // what the one before ordered
			t.endHold(wire.Record{Reason: wire.ReasonRestart})
		}
		if start.Site == t.durable.Site { // another controller's, with the same id
			t.record(wire.Record{Kind: wire.Adopted})
		}
		r := wire.Record{Kind: wire.Adopted, Site: start.Site, Epoch: start.Held.Epoch, Revision: start.Held.Revision, Hash: start.Held.Hash}
		if p := t.policy.policy; p != nil {
			r.PolicyRevision = p.Revision
		}
		t.record(r)
		t.clock.before = t.durable.Time
	}
	t.applied()
	t.holds(start.Held)
}
