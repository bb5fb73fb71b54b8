package device

import (
	"slices"
	"time"

	"latchkey/sync/wire"
)

// blinkFor is how long a reader identifies itself by light and sound.
const blinkFor = 10 * time.Second

// commands are the ids of the last commands. Sync refuses older ones, whose
// nonces are from before this start or more than a minute old.
type commands struct {
	ids  [16]wire.CommandID
	next uint8
}

// first returns whether a command is new, and remembers it. The zero id is invalid.
func (c *commands) first(id wire.CommandID) bool {
	if id == (wire.CommandID{}) || slices.Contains(c.ids[:], id) {
		return false
	}
	c.ids[c.next] = id
	c.next = (c.next + 1) % uint8(len(c.ids))
	return true
}

// command carries out an order, once.
func (t *turn) command(c wire.Command) {
	if !t.commands.first(c.ID) {
		return
	}
	c.By = clip(c.By)
	if t.policy.policy == nil && c.Order != wire.Identify {
		t.refuseCommand(c, wire.ReasonNotSetUp)
		return
	}
	switch c.Order {
	case wire.Unlock:
		if t.mode.Mode == wire.ModeLockdown && !c.InLockdown {
			t.refuseCommand(c, wire.ReasonLockdown)
			return
		}
		t.unlock(c)
	case wire.Identify:
		t.blink = t.elapsed + blinkFor
		t.commandDone(c)
	case wire.Enrol, wire.Personalise:
		t.startEnrolment(c)
	default:
		t.refuseCommand(c, "unknown order")
	}
}

func (t *turn) commandDone(c wire.Command) {
	t.record(wire.Record{Kind: wire.CommandDone, Command: c.ID, Order: c.Order, Who: c.By})
}

// refuseCommand records the refusal of an order that the controller has just given.
func (t *turn) refuseCommand(c wire.Command, reason wire.Reason) {
	t.record(wire.Record{Kind: wire.CommandRefused, Command: c.ID, Order: c.Order, Who: c.By, Reason: reason})
}

// refused records a message that sync refused. It may be collapsed, because a broker can
// repeat an old order at will.
func (t *turn) refused(e Refused) {
	reason := wire.Reason(clip(string(e.Reason)))
	if c := e.Command; c != nil {
		t.note(wire.Record{Kind: wire.CommandRefused, Command: c.ID, Order: wire.Order(clip(string(c.Order))), Who: clip(c.By), Reason: reason})
		return
	}
	t.note(wire.Record{Kind: wire.MessageRefused, Subject: clip(e.Message), Reason: reason})
}
