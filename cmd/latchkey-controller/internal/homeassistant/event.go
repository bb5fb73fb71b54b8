package homeassistant

import (
	"cmp"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// The topics of events, below a reader's, and the types on each.
const onAccess, onAlarm = "event/access", "event/alarm"

var (
	accessEvents = [...]string{"granted", "denied", "exit"}
	alarmEvents  = [...]string{"lockout_started", "lockout_cleared", "forced", "held_open", "tamper_started", "tamper_ended", "fire_started", "fire_ended"}
)

// alarmTypes are the types of records that are alarms.
var alarmTypes = map[wire.RecordKind]string{
	wire.LockoutStarted: "lockout_started", wire.LockoutCleared: "lockout_cleared", wire.DoorForced: "forced", wire.DoorHeld: "held_open",
	wire.TamperStarted: "tamper_started", wire.TamperEnded: "tamper_ended", wire.FireStarted: "fire_started", wire.FireEnded: "fire_ended",
}

// An event is what happened at a reader. It has no card and no number of a credential or a
// user, and does not tell how near a lockout is.
type event struct {
	Type   string `json:"event_type"`
	Time   string `json:"time"` // RFC 3339, by the reader's clock
	By     string `json:"by,omitempty"`
	Person string `json:"person,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// How old an event may be when it is published: Home Assistant takes it as happening now. Who
// turns on a light for somebody who came in does not want that an hour later, but an alarm is
// worth knowing late.
const freshAccess, freshAlarm = time.Minute, 24 * time.Hour

// event returns what Home Assistant is told of an event, and on which of the reader's topics;
// "": nothing.
func (b *Bridge) event(e *desk.Event, now time.Time) (topic string, told event) {
	r := e.Record
	if r == nil {
		return "", told
	}
	told = event{Time: e.At.UTC().Format(time.RFC3339), By: string(r.By), Reason: string(r.Reason)}
	topic = onAccess
	switch kind := r.Kind; {
	case kind == wire.AccessGranted:
		told.Type = "granted"
	case kind == wire.AccessDenied, kind == wire.AttemptUnknown, kind == wire.AttemptTakenBack, kind == wire.PINRefused:
		told.Type = "denied"
		if kind != wire.AccessDenied {
			told.By = string(wire.ByPIN)
		}
		told.Reason = cmp.Or(told.Reason, string(wire.ReasonUnknown))
	case kind == wire.ExitPressed && r.Reason == "":
		told.Type = "exit"
	case alarmTypes[kind] != "":
		topic, told.Type = onAlarm, alarmTypes[kind]
		told.Reason = cmp.Or(told.Reason, string(r.Cause))
	default:
		return "", told
	}
	if b.o.Names {
		told.Person = e.Named()
	}
	happened, fresh := e.At, freshAccess
	if !e.Trusted {
		happened = e.Received
	}
	if topic == onAlarm {
		fresh = freshAlarm
	}
	if now.Sub(happened) > fresh {
		return "", told
	}
	return topic, told
}
