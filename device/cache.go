package device

import "latchkey/sync/wire"

// holds takes the cache's position, and records it if it is above all earlier ones.
func (t *turn) holds(held wire.Position) {
	t.held = held
	highest := t.durable.Held()
	if held.Above(highest) || held != highest && !highest.Above(held) {
		t.record(wire.Record{Kind: wire.CredentialsApplied, Epoch: held.Epoch, Revision: held.Revision, Hash: held.Hash})
	}
	t.compare()
}

// compare records when credentials or policy fall behind the highest ever held, and when
// they have caught up.
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

// adopt compares the start with the durable state. If another site has adopted the
// reader, it drops the state that came from the previous one.
func (t *turn) adopt(start Start) {
	if start.Replaced || start.Site != t.durable.Site {
		if start.Site == t.durable.Site { // another controller with the same site id
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
