package device

import "latchkey/sync/wire"

// tampered handles the housing's opening or closing. Opening it ends a hold and,
// unless the policy says otherwise, locks PIN entry out.
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

// noteTamper records the state of the tamper switch, unless it is collapsed.
func (t *turn) noteTamper() {
	kind := wire.TamperEnded
	if t.tamper {
		kind = wire.TamperStarted
	}
	if t.note(wire.Record{Kind: kind}) {
		t.tamperTold = t.tamper
	}
}

// untold returns the kind of record for the state of the tamper switch if that
// state is not the one last recorded; "": it is.
func (r *Reader) untold() wire.RecordKind {
	switch {
	case r.tamper == r.tamperTold:
		return ""
	case r.tamper:
		return wire.TamperStarted
	}
	return wire.TamperEnded
}
