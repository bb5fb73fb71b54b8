package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A door is always at a hub. Who has no use for hubs sees none: each door is at one of its own then, which
// has its name, and is added, renamed, moved and removed with it.

// AddDoor adds a door to a location. Field: "name".
func (d *Desk) AddDoor(ctx context.Context, a Actor, location int64, name string) (id int64, err error) {
	door := &store.Place{Name: TidyName(name)}
	target := &auditTarget{subject: cut(door.Name, wire.MaxName), text: language.Say("was added as a door"), at: []Where{{Locations, location}}}
	err = d.act(ctx, a, EditPlaces, target, func(tx *store.Tx, _ time.Time) error {
		if err := checkPlaceName(door.Name); err != nil {
			return err
		}
		if door.Parent, err = hubFor(tx, door, location); err != nil {
			return err
		}
		return placeError(Doors, tx.AddPlace(store.Doors, door))
	})
	return door.ID, err
}

// hubFor returns the hub of a location that has a door's name. It adds one if there is none.
func hubFor(tx *store.Tx, door *store.Place, location int64) (int64, error) {
	at, err := placeOf(tx, Locations, location)
	if err != nil {
		return 0, err
	}
	hub := &store.Place{Parent: at.ID, Name: door.Name}
	err = tx.FindOrAddPlace(store.Hubs, hub)
	return hub.ID, err
}

// moveDoor has a door be at another location, at a hub of its own, and says so.
func moveDoor(tx *store.Tx, door *store.Place, from, to int64) (says *language.Sentence, err error) {
	was, err := placeOf(tx, Locations, from)
	if err != nil {
		return nil, err
	}
	is, err := placeOf(tx, Locations, to)
	if err != nil {
		return nil, err
	}
	door.Parent, err = hubFor(tx, door, to)
	return language.Say("was moved from %s to %s", was.Name, is.Name), err
}

// UsesHubs says whether somebody groups doors by hubs: a hub holds several doors or none, or has another
// name than its door.
func UsesHubs(all []*Location) bool {
	for _, l := range all {
		for _, h := range l.Hubs {
			if len(h.Doors) != 1 || h.Name != h.Doors[0].Name {
				return true
			}
		}
	}
	return false
}
