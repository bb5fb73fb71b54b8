package device

import "latchkey/sync/wire"

// tampered handles the housing's opening or closing. Opening it suspends
// ModeUnlocked and, unless the policy says otherwise, locks PIN entry out.
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

// untold says whether a kind of record tells the state of the tamper switch or of the fire
// input, and that state is not the one last recorded.
func (r *Reader) untold(kind wire.RecordKind) bool {
	switch kind {
	case wire.TamperStarted, wire.TamperEnded:
		return r.tamper != r.tamperTold && r.tamper == (kind == wire.TamperStarted)
	case wire.FireStarted, wire.FireEnded:
		return r.fire != r.fireTold && r.fire == (kind == wire.FireStarted)
	}
	return false
}
