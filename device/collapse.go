package device

import (
	"slices"
	"time"

	"latchkey/sync/wire"
)

// A bucket is a set of records that are counted together: those of a kind with a
// reason or a subject, or with neither the rest of that kind.
type bucket struct {
	kind wire.RecordKind
	of   string
}

// collapsible are the buckets of events that anybody can cause without a right. Grants,
// charges, lockouts, denials of known credentials and outcomes of newly signed orders
// are always recorded. Events that a stranger can cause at will (unknown cards, a
// flapping contact, messages forged by a broker) have buckets of their own, so that they
// hide nothing else; so do copies, which are alarms, and cards that may be some. The
// last states of the tamper switch and of the fire input are always recorded: see untold.
var collapsible = [...]bucket{
	{wire.AccessDenied, string(wire.ReasonUnknown)}, {wire.AccessDenied, string(wire.ReasonNotGenuine)},
	{wire.AccessDenied, string(wire.ReasonCardGone)}, {wire.AccessDenied, string(wire.ReasonUnproven)}, {wire.AccessDenied, ""},
	{wire.PINRefused, string(wire.ReasonLockout)}, {wire.PINRefused, ""},
	{wire.ExitPressed, ""}, {wire.TamperStarted, ""}, {wire.TamperEnded, ""}, {wire.FireStarted, ""}, {wire.FireEnded, ""},
	{wire.DoorOpened, ""}, {wire.DoorClosed, ""}, {wire.DoorForced, ""}, {wire.DoorHeld, ""},
	{wire.CommandRefused, ""},
	{wire.MessageRefused, string(wire.OnCredentials)}, {wire.MessageRefused, string(wire.OnHead)}, {wire.MessageRefused, string(wire.OnPolicy)},
	{wire.MessageRefused, string(wire.OnKey)}, {wire.MessageRefused, string(wire.OnCommand)}, {wire.MessageRefused, string(wire.OnCard)}, {wire.MessageRefused, string(wire.OnNow)},
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
		of = string(wire.ReasonUnknown) // unknown cards caused the wait
	}
	if r.Kind == wire.MessageRefused || r.Kind == wire.HealthChanged {
		of = r.Subject
	}
	if i := slices.Index(collapsible[:], bucket{r.Kind, of}); i >= 0 {
		return i
	}
	return slices.Index(collapsible[:], bucket{r.Kind, ""})
}

// collapsed counts the last minute's events by bucket.
type collapsed [len(collapsible)]wire.Minute

// note records an event of a bucket, or only counts it. It returns whether it was recorded.
func (t *turn) note(r wire.Record) bool {
	if !t.collapsed[bucketOf(r)].Tell(t.elapsed) {
		return false
	}
	t.record(r)
	return true
}

// noteCopy is note for the copy of a card. That of another card begins a new minute, so that
// ten copies of one card do not hide it. The wait after unknown cards bounds how many.
func (t *turn) noteCopy(r wire.Record) {
	if t.copied != r.Credential {
		t.copied = r.Credential
		t.endMinute(bucketOf(r))
	}
	t.note(r)
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

// expireCollapsed records the counts of buckets whose minute is over.
func (t *turn) expireCollapsed() {
	for i, in := range t.collapsed {
		if t.over(in.End()) {
			t.endMinute(i)
		}
	}
}

// endMinute records the count of a bucket, which begins anew.
func (t *turn) endMinute(i int) {
	more := t.collapsed[i].More()
	kind := collapsible[i].kind
	last := more > 0 && t.untold(kind)
	if last {
		more-- // it gets a record of its own
	}
	t.collapsed[i] = wire.Minute{}
	if more > 0 {
		t.record(wire.Record{Kind: wire.EventsCollapsed, Subject: string(kind), Count: more})
	}
	switch {
	case !last:
	case kind == wire.TamperStarted || kind == wire.TamperEnded:
		t.noteTamper()
	default:
		t.noteFire()
	}
}
