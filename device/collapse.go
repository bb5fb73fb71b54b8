package device

import (
	"slices"
	"time"

	"latchkey/sync/wire"
)

const (
	window = time.Minute
	spared = 10 // happenings of a kind in a window with a record of their own
)

// collapsible are the kinds of records that anybody can cause without a right.
// Grants, charges and lockouts are not among them. Of tamper, which is an alarm,
// what the switch says in the end is recorded besides: see untold.
var collapsible = [...]wire.RecordKind{
	wire.AccessDenied, wire.PINRefused, wire.ExitPressed,
	wire.TamperStarted, wire.TamperEnded, wire.DoorOpened, wire.DoorClosed, wire.DoorForced, wire.DoorHeld,
	wire.CommandRefused, wire.MessageRefused,
	wire.LinkUp, wire.LinkDown, wire.HealthChanged,
	wire.CacheDamaged, wire.CacheBehind, wire.LogForked,
}

// collapsed counts, kind by kind, what happened within a minute from the first
// of its kind.
type collapsed [len(collapsible)]struct {
	end   time.Duration // of the window; 0: there is none
	count uint8         // records
	more  uint64        // happenings beyond them
}

// note records what needs no right: beyond ten of a kind in a minute it is
// only counted, and note reports false.
func (t *turn) note(r wire.Record) bool {
	c := &t.collapsed[slices.Index(collapsible[:], r.Kind)]
	if c.end == 0 {
		c.end = t.elapsed + window
	}
	if c.count == spared {
		c.more++
		return false
	}
	c.count++
	t.record(r)
	return true
}

// end returns when the next count is due; 0: none is.
func (c *collapsed) end() time.Duration {
	var first time.Duration
	for _, kind := range c {
		if kind.more > 0 && (first == 0 || kind.end < first) {
			first = kind.end
		}
	}
	return first
}

// expireCollapsed records what was only counted, minute by minute.
func (t *turn) expireCollapsed() {
	for i, kind := range t.collapsed {
		if !t.over(kind.end) {
			continue
		}
		last := kind.more > 0 && t.untold() == collapsible[i]
		if last {
			kind.more-- // it gets a record of its own
		}
		t.collapsed[i].end, t.collapsed[i].count, t.collapsed[i].more = 0, 0, 0
		if kind.more > 0 {
			t.record(wire.Record{Kind: wire.EventsCollapsed, Subject: string(collapsible[i]), Count: kind.more})
		}
		if last {
			t.noteTamper()
		}
	}
}
