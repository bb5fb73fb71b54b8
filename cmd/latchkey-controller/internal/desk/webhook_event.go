package desk

import (
	"cmp"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// The names of events: those of the UniFi Access API, and ours.
const (
	eventUnlock         = "access.door.unlock"
	eventContact        = "access.device.dps_status"
	eventEmergency      = "access.device.emergency_status"
	eventTemporaryStart = "access.temporary_unlock.start"
	eventTemporaryEnd   = "access.temporary_unlock.end"
	eventScheduleStart  = "access.unlock_schedule.activate"
	eventScheduleEnd    = "access.unlock_schedule.deactivate"
	eventVisitor        = "access.visitor.status.changed"
	eventLockoutStart   = "latchkey.lockout.started"
	eventLockoutEnd     = "latchkey.lockout.cleared"
	eventForced         = "latchkey.door.forced"
	eventHeld           = "latchkey.door.held"
	eventTamperStart    = "latchkey.tamper.started"
	eventTamperEnd      = "latchkey.tamper.ended"
	eventOffline        = "latchkey.reader.offline"
	eventOnline         = "latchkey.reader.online"

	EventTest = "latchkey.test" // sent by a button
)

// namesOf are the names of events that are always the same for a kind.
var namesOf = map[string]string{
	string(wire.AccessGranted):  eventUnlock,
	string(wire.DoorOpened):     eventContact,
	string(wire.DoorClosed):     eventContact,
	string(wire.HoldStarted):    eventTemporaryStart,
	string(wire.HoldEnded):      eventTemporaryEnd,
	string(wire.LockoutStarted): eventLockoutStart,
	string(wire.LockoutCleared): eventLockoutEnd,
	string(wire.DoorForced):     eventForced,
	string(wire.DoorHeld):       eventHeld,
	string(wire.TamperStarted):  eventTamperStart,
	string(wire.TamperEnded):    eventTamperEnd,
	"reader.offline":            eventOffline,
	"reader.online":             eventOnline,

	"admin." + string(InviteVisitor): eventVisitor,
	"admin." + string(EndInvitation): eventVisitor,
	"admin." + string(RemoveVisitor): eventVisitor,
}

// A WebhookEvent is an event as webhooks send it.
type WebhookEvent struct {
	Name   string // of the event
	Status string // what is now, by the name: open or close; a visitor's status; the emergency at the door, or none
	Mode   string // the emergency that began or ended
	Event  *Event // nil: a test
	Place  *store.ReaderPlace
	Online bool   // the reader is
	Runs   string // the reader's version; "": not known
}

// notices returns what webhooks send of an event; none: nothing.
func notices(tx *store.Tx, e *Event) ([]*WebhookEvent, error) {
	switch {
	case e.Kind == string(wire.ModeChanged), e.Kind == string(wire.FireStarted), e.Kind == string(wire.FireEnded):
		return modeNotices(tx, e)
	case e.Result == Denied:
		return []*WebhookEvent{{Name: eventUnlock, Event: e}}, nil
	}
	name := namesOf[e.Kind]
	if name == "" || strings.HasPrefix(e.Kind, "admin.") && e.Result != Changed || e.Source == "reader" && e.Record == nil {
		return nil, nil
	}
	n := &WebhookEvent{Name: name, Event: e}
	switch e.Kind {
	case string(wire.DoorOpened):
		n.Status = "open"
	case string(wire.DoorClosed):
		n.Status = "close"
	case "admin." + string(InviteVisitor):
		n.Status = "UPCOMING"
	case "admin." + string(EndInvitation):
		n.Status = "CANCELLED"
	case "admin." + string(RemoveVisitor):
		n.Status = "VISITED"
	}
	return []*WebhookEvent{n}, nil
}

// modeNotices returns what a change of a reader's mode ends and begins.
func modeNotices(tx *store.Tx, e *Event) (all []*WebhookEvent, err error) {
	if e.Record == nil {
		return nil, nil
	}
	var before *wire.Record
	var newest int64
	for _, kind := range []wire.RecordKind{wire.ModeChanged, wire.FireStarted, wire.FireEnded} {
		rows, err := tx.Activity(store.ActivityFilter{Readers: []string{e.Reader}, Kind: string(kind), Before: e.ID, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 || rows[0].ID < newest {
			continue
		}
		records, err := tx.RecordsOf([]int64{rows[0].Row})
		if err != nil {
			return nil, err
		}
		if row := records[rows[0].Row]; row != nil {
			newest = rows[0].ID
			if before, err = wire.ParseRecord(row.Encoded); err != nil { // a damaged one must not hold up the others
				before = nil
			}
		}
	}
	was, is := stateOf(before), stateOf(e.Record)
	if was == is {
		return nil, nil
	}
	note := func(name, mode string) {
		n := &WebhookEvent{Name: name, Mode: mode, Event: e}
		if name == eventEmergency {
			n.Status = cmp.Or(is.mode, "none")
		}
		all = append(all, n)
	}
	switch was.name {
	case eventTemporaryStart:
		note(eventTemporaryEnd, "")
	case eventScheduleStart:
		note(eventScheduleEnd, "")
	case eventEmergency:
		note(eventEmergency, was.mode)
	}
	if is.name != "" {
		note(is.name, is.mode)
	}
	return all, nil
}

// A modeState is what a mode is for receivers: the event that begins it, and of an emergency
// which. Zero: normal, or locked.
type modeState struct{ name, mode string }

func stateOf(r *wire.Record) modeState {
	if r == nil {
		return modeState{}
	}
	switch {
	case r.Kind == wire.FireStarted, r.Mode == wire.ModeEvacuation:
		return modeState{eventEmergency, "evacuation"}
	case r.Mode == wire.ModeLockdown:
		return modeState{eventEmergency, "lockdown"}
	case r.Mode == wire.ModeUnlocked && wire.ModeCause(r.Subject) == wire.CauseSchedule:
		return modeState{eventScheduleStart, ""}
	case r.Mode == wire.ModeUnlocked:
		return modeState{eventTemporaryStart, ""}
	}
	return modeState{}
}

// lane returns the lane in which a notice is delivered.
func (n *WebhookEvent) lane() int64 {
	if n.Place == nil {
		return 0
	}
	return n.Place.Door
}

// wants says whether a webhook sends a notice.
func wants(w *store.Webhook, n *WebhookEvent) bool {
	for _, name := range w.Events {
		if name == n.Name {
			return n.Event.Result != Denied || w.Denied
		}
	}
	return false
}
