package device

import (
	"slices"
	"time"

	"latchkey/sync/wire"
)

// A bucket is what is counted together: records of a kind, of them those with a
// reason or about a subject, or, with neither, the rest.
type bucket struct {
	kind wire.RecordKind
	of   string
}

// collapsible are the buckets of what anybody can cause without a right. Grants,
// charges, lockouts, denials of known credentials and what became of an order that was
// newly signed are not among them. What a stranger can cause at will (unknown cards, a
// contact that flaps, messages that a broker makes up) shares no bucket with what must
// not drown in it. Of tamper, which is an alarm, what the switch says in the end is
// recorded besides: see untold.
var collapsible = [...]bucket{
	{wire.AccessDenied, string(wire.ReasonUnknown)}, {wire.AccessDenied, ""},
	{wire.PINRefused, string(wire.ReasonLockout)}, {wire.PINRefused, ""},
	{wire.ExitPressed, ""}, {wire.TamperStarted, ""}, {wire.TamperEnded, ""},
	{wire.DoorOpened, ""}, {wire.DoorClosed, ""}, {wire.DoorForced, ""}, {wire.DoorHeld, ""},
	{wire.CommandRefused, ""},
	{wire.MessageRefused, string(wire.OnCredentials)}, {wire.MessageRefused, string(wire.OnHead)}, {wire.MessageRefused, string(wire.OnPolicy)},
	{wire.MessageRefused, string(wire.OnKey)}, {wire.MessageRefused, string(wire.OnCommand)}, {wire.MessageRefused, string(wire.OnNow)},
	{wire.MessageRefused, string(wire.OnReply)}, {wire.MessageRefused, string(wire.OnAck)}, {wire.MessageRefused, ""},
	{wire.LinkUp, ""}, {wire.LinkDown, ""},
	{wire.HealthChanged, string(wire.SubjectPanel)}, {wire.HealthChanged, string(wire.SubjectTouch)}, {wire.HealthChanged, string(wire.SubjectNFC)},
	{wire.HealthChanged, string(wire.SubjectRelay)}, {wire.HealthChanged, string(wire.SubjectKey)}, {wire.HealthChanged, ""},
	{wire.CacheDamaged, ""}, {wire.CacheBehind, ""}, {wire.LogForked, ""},
}

// bucketOf returns the bucket of a record.
func bucketOf(r wire.Record) int {
	of := string(r.Reason)
	if r.Kind == wire.AccessDenied && r.Reason == wire.ReasonWait {
		of = string(wire.ReasonUnknown) // it waits for those
	}
	if r.Kind == wire.MessageRefused || r.Kind == wire.HealthChanged {
		of = r.Subject
	}
	if i := slices.Index(collapsible[:], bucket{r.Kind, of}); i >= 0 {
		return i
	}
	return slices.Index(collapsible[:], bucket{r.Kind, ""})
}

// collapsed is what happened lately, bucket by bucket.
type collapsed [len(collapsible)]wire.Minute

// note records what needs no right, or only counts it, and says which.
func (t *turn) note(r wire.Record) bool {
	if !t.collapsed[bucketOf(r)].Tell(t.elapsed) {
		return false
	}
	t.record(r)
	return true
}

// end returns when the next count is due; 0: none is.
func (c *collapsed) end() time.Duration {
	var first time.Duration
	for _, in := range c {
		if in.More() > 0 && (first == 0 || in.End() < first) {
			first = in.End()
		}
	}
	return first
}

// expireCollapsed records what was only counted, minute by minute.
func (t *turn) expireCollapsed() {
	for i, in := range t.collapsed {
		if !t.over(in.End()) {
			continue
		}
		more := in.More()
		last := more > 0 && t.untold() == collapsible[i].kind
		if last {
			more-- // it gets a record of its own
		}
		t.collapsed[i] = wire.Minute{}
		if more > 0 {
			t.record(wire.Record{Kind: wire.EventsCollapsed, Subject: string(collapsible[i].kind), Count: more})
		}
		if last {
			t.noteTamper()
		}
	}
}
