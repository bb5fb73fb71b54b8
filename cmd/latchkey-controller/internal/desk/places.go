package desk

import (
	"context"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// A place is what a location, a hub and a door have in common.
type place store.Place

// Revision identifies a place's state, for a form that edits it.
func (p place) Revision() string { return revision([]any{p.Parent, p.Name}) }

// A Location is a building or an area, with its doors.
type Location struct {
	place
	Hubs  []*Hub
	Doors []*Door // of all its hubs, by name
}

// A Hub groups doors and their readers.
type Hub struct {
	place
	Place string // the location's name
	Doors []*Door
}

// A Door is a door with the readers that serve it.
type Door struct {
	place
	HubName string
	Place   string // the location's name
	Readers []*Reader
	Visited bool // visitors may be invited to it
}

// Places returns all locations in the actor's reach with their hubs, doors and readers, by name, without
// removed readers.
func (d *Desk) Places(ctx context.Context, a Actor) ([]*Location, error) {
	locations, _, _, err := d.places(ctx, a)
	return locations, err
}

// Door returns a door, or ErrNotFound.
func (d *Desk) Door(ctx context.Context, a Actor, id int64) (*Door, error) {
	_, _, doors, err := d.places(ctx, a)
	if err == nil && doors[id] == nil {
		err = ErrNotFound
	}
	return doors[id], err
}

// Hub returns a hub, or ErrNotFound.
func (d *Desk) Hub(ctx context.Context, a Actor, id int64) (*Hub, error) {
	_, hubs, _, err := d.places(ctx, a)
	if err == nil && hubs[id] == nil {
		err = ErrNotFound
	}
	return hubs[id], err
}

// places returns all locations, and the hubs and doors in them by id.
func (d *Desk) places(ctx context.Context, a Actor) (all []*Location, hubs map[int64]*Hub, doors map[int64]*Door, err error) {
	if err := d.check(ctx, a, ViewPlaces, new(auditTarget)); err != nil {
		return nil, nil, nil, err
	}
	readers, _, err := d.readers(ctx, a)
	if err != nil {
		return nil, nil, nil, err
	}
	rows := map[Level][]*store.Place{}
	var visited map[int64]bool
	var r *reach
	err = d.site.View(ctx, func(tx *store.Tx) (err error) {
		if r, err = a.reach(tx); err != nil {
			return err
		}
		for l, level := range levels {
			if rows[l], err = tx.Places(level.rows); err != nil {
				return err
			}
		}
		visited, err = tx.VisitedDoors()
		return err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	locations := map[int64]*Location{}
	hubs, doors = map[int64]*Hub{}, map[int64]*Door{}
	for l, level := range rows {
		rows[l] = slices.DeleteFunc(level, func(row *store.Place) bool { return !r.has(Where{l, row.ID}) })
	}
	for _, row := range rows[Locations] {
		l := &Location{place: place(*row)}
		all, locations[l.ID] = append(all, l), l
	}
	for _, row := range rows[Hubs] {
		l := locations[row.Parent]
		h := &Hub{place: place(*row), Place: l.Name}
		l.Hubs, hubs[h.ID] = append(l.Hubs, h), h
	}
	for _, row := range rows[Doors] {
		h := hubs[row.Parent]
		l := locations[h.Parent]
		door := &Door{place: place(*row), HubName: h.Name, Place: l.Name, Visited: visited[row.ID]}
		l.Doors, h.Doors, doors[door.ID] = append(l.Doors, door), append(h.Doors, door), door
	}
	for _, r := range readers {
		if door := doors[r.DoorID]; door != nil && r.Removed == "" {
			door.Readers = append(door.Readers, r)
		}
	}
	return all, hubs, doors, nil
}
