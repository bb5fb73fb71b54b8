package device

import (
	"time"

	"latchkey/sync/wire"
)

// exitButton is the state of the exit button's input.
type exitButton uint8

const (
	exitUnknown exitButton = iota // not reported yet
	exitUp
	exitDown
)

// exitIs opens the door when the exit button goes down. A button that is down at the
// start is ignored: a stuck one, or a short circuit, must not open the door at each start.
func (t *turn) exitIs(down bool) {
	before := t.door.exit
	t.door.exit = exitUp
	if down {
		t.door.exit = exitDown
	}
	if down && before == exitUp {
		t.exit()
	}
}

// exit opens the door for the exit button. It works without a policy.
func (t *turn) exit() {
	if reason := t.exitReason(); reason != "" {
		t.note(wire.Record{Kind: wire.ExitPressed, Reason: reason})
		return
	}
	pulse := exitPulse
	if p := t.policy.policy; p != nil {
		pulse = time.Duration(p.Unlock) * time.Second
	}
	t.note(wire.Record{Kind: wire.ExitPressed, Seconds: uint32(pulse / time.Second)})
	t.pulseFor(pulse)
}

// exitReason returns why the exit button does not open; "": it does.
func (r *Reader) exitReason() wire.Reason {
	switch policy := r.policy.policy; {
	case policy == nil:
		return ""
	case r.tamper && policy.TamperStopsExit:
		return wire.ReasonTamper
	case r.journal.unstored() != "" && !policy.ExitUnstored:
		return wire.ReasonUnstored
	}
	return ""
}
