package api

import (
	"cmp"
	"encoding/json"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A doorObject is a door. Clients refuse other texts than these.
type doorObject struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	FullName string `json:"full_name"`
	Floor    string `json:"floor_id"` // the hub's
	Type     string `json:"type"`     // door
	Bound    bool   `json:"is_bind_hub"`
	Position orNull `json:"door_position_status"`   // open, close; "": not known
	Relay    string `json:"door_lock_relay_status"` // lock, unlock
}

// An orNull is a text, which is null where it is empty. Home Assistant takes either for the
// state of a door, and aiounifiaccess (PyPI) refuses all doors if one has an empty text.
type orNull string

func (s orNull) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(s))
}

// doors answers GET /doors: all doors.
func (a *API) doors(c *call) (any, error) {
	locations, err := a.desk.Places(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all := []*doorObject{}
	for _, l := range locations {
		for _, door := range l.Doors {
			all = append(all, a.doorObject(door))
		}
	}
	return all, nil
}

// door answers GET /doors/{id}.
func (a *API) door(c *call) (any, error) {
	id, err := a.id(c, "id", kindDoor)
	if err != nil {
		return nil, err
	}
	door, err := a.desk.Door(c.r.Context(), c.actor, id)
	if err != nil {
		return nil, err
	}
	return a.doorObject(door), nil
}

func (a *API) doorObject(door *desk.Door) *doorObject {
	o := &doorObject{
		ID: a.ids.of(kindDoor, door.ID), Name: door.Name, FullName: door.Place + " - " + door.HubName + " - " + door.Name,
		Floor: a.ids.of(kindHub, door.Parent), Type: "door", Relay: "lock",
	}
	for _, r := range door.Readers {
		o.Bound = o.Bound || r.Bundle != 0
		if !r.Live.Online {
			continue
		}
		if r.Live.Strike != wire.StrikeOff {
			o.Relay = "unlock"
		}
		switch r.Live.Door {
		case wire.DoorIsOpen, wire.DoorIsForced, wire.DoorIsHeld:
			o.Position = "open"
		case wire.DoorIsClosed:
			o.Position = cmp.Or(o.Position, "close")
		}
	}
	return o
}
