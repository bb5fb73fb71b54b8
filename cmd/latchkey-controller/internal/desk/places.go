package desk

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Location is a building or an area, with its doors.
type Location struct {
	ID    int64
	Name  string
	Hubs  []*Hub
	Doors []*Door // of all its hubs, by name
}

// A Hub groups doors and their readers.
type Hub struct {
	ID       int64
	Name     string
	Location int64
	Place    string // the location's name
	Doors    []*Door
}

// A Door is a door with the readers that serve it.
type Door struct {
	ID       int64
	Name     string
	Hub      int64
	HubName  string
	Location int64
	Place    string // the location's name
	Readers  []*Reader
}

// Revision identifies a location's state, for a form that edits it.
func (l *Location) Revision() string { return placeRevision(0, l.Name) }

// Revision identifies a hub's state, for a form that edits it.
func (h *Hub) Revision() string { return placeRevision(h.Location, h.Name) }

// Revision identifies a door's state, for a form that edits it.
func (d *Door) Revision() string { return placeRevision(d.Hub, d.Name) }

func placeRevision(parent int64, name string) string { return revision([]any{parent, name}) }

// Places returns all locations with their hubs, doors and readers, by name, without
// removed readers.
func (d *Desk) Places(ctx context.Context, a Actor) ([]*Location, error) {
	if err := d.check(ctx, a, ViewPlaces, new(auditTarget)); err != nil {
		return nil, err
	}
	readers, err := d.readers(ctx)
	if err != nil {
		return nil, err
	}
	var locations, hubs, doors []*store.Place
	err = d.site.View(ctx, func(tx *store.Tx) (err error) {
		if locations, err = tx.Places(store.Locations); err != nil {
			return err
		}
		if hubs, err = tx.Places(store.Hubs); err != nil {
			return err
		}
		doors, err = tx.Places(store.Doors)
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []*Location
	byLocation, byHub, byDoor := map[int64]*Location{}, map[int64]*Hub{}, map[int64]*Door{}
	for _, row := range locations {
		l := &Location{ID: row.ID, Name: row.Name}
		all, byLocation[l.ID] = append(all, l), l
	}
	for _, row := range hubs {
		l := byLocation[row.Parent]
		h := &Hub{ID: row.ID, Name: row.Name, Location: l.ID, Place: l.Name}
		l.Hubs, byHub[h.ID] = append(l.Hubs, h), h
	}
	for _, row := range doors {
		h := byHub[row.Parent]
		l := byLocation[h.Location]
		door := &Door{ID: row.ID, Name: row.Name, Hub: h.ID, HubName: h.Name, Location: l.ID, Place: l.Name}
		l.Doors, h.Doors, byDoor[door.ID] = append(l.Doors, door), append(h.Doors, door), door
	}
	for _, r := range readers {
		if door := byDoor[r.DoorID]; door != nil && r.Removed == "" {
			door.Readers = append(door.Readers, r)
		}
	}
	return all, nil
}

// Door returns a door, or ErrNotFound.
func (d *Desk) Door(ctx context.Context, a Actor, id int64) (*Door, error) {
	locations, err := d.Places(ctx, a)
	for _, l := range locations {
		for _, door := range l.Doors {
			if door.ID == id {
				return door, nil
			}
		}
	}
	if err == nil {
		err = ErrNotFound
	}
	return nil, err
}

// Hub returns a hub, or ErrNotFound.
func (d *Desk) Hub(ctx context.Context, a Actor, id int64) (*Hub, error) {
	locations, err := d.Places(ctx, a)
	for _, l := range locations {
		for _, h := range l.Hubs {
			if h.ID == id {
				return h, nil
			}
		}
	}
	if err == nil {
		err = ErrNotFound
	}
	return nil, err
}
