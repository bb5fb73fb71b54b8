package device

import "latchkey/sync/wire"

// tampered takes note that the housing was opened or closed. Opening it locks
// PIN entry out, where the policy does not say otherwise, and ends a hold.
func (t *turn) tampered(open bool) {
	if open == t.tamper {
		return
	}
	t.tamper = open
	if !open {
		t.noteTamper()
		return
	}
	if p := t.policy.policy; p == nil || p.TamperPauses {
		t.lock(wire.CauseTamper)
	}
	t.noteTamper()
	if t.durable.HoldRunning != 0 {
		t.endHold(wire.Record{Reason: wire.ReasonTamper})
	}
}

// noteTamper records what the tamper switch says.
func (t *turn) noteTamper() {
	kind := wire.TamperEnded
	if t.tamper {
		kind = wire.TamperStarted
	}
	if t.note(wire.Record{Kind: kind}) {
		t.tamperTold = t.tamper
	}
}

// untold returns the kind of record that would say what the tamper switch says,
// if the newest one of its records says something else.
func (r *Reader) untold() wire.RecordKind {
	switch {
	case r.tamper == r.tamperTold:
		return ""
	case r.tamper:
		return wire.TamperStarted
	}
	return wire.TamperEnded
}
