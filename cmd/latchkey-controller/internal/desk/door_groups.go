package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// GroupsWithMembers returns the groups that somebody is in, all but everyone.
func (d *Desk) GroupsWithMembers(ctx context.Context, a Actor) (groups map[string]bool, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		names, err := tx.GroupsWithMembers()
		groups = make(map[string]bool, len(names))
		for _, name := range names {
			groups[name] = true
		}
		return err
	})
	return groups, err
}

// GroupAccess returns how and when the groups on the reader's list may open its door, in the list's order:
// somebody of each who has a PIN and a card that proves itself. Without a board there are none.
func (r *Reader) GroupAccess(now time.Time) (all []*Access) {
	if r.Bundle == 0 {
		return nil
	}
	w := r.doorway(now)
	for _, entry := range r.Policy.Access {
		in := []string{entry.Group}
		if entry.Group == wire.Everyone {
			in = nil
		}
		credentials := []wire.Credential{{Kind: wire.PIN, Groups: in}, {Kind: wire.Card, Groups: in, CardKey: make([]byte, wire.CardKeySize)}}
		a := &Access{
			Reader: r.ID, Door: r.Door, DoorID: r.DoorID, Place: r.Place, Zone: r.Policy.TimeZone, Groups: []string{groupText(entry.Group)}, Hours: entry.Schedule,
			Two: r.Policy.TwoProofs, Both: r.Policy.DemandsTwoIn(entry.Schedule), Held: r.Live.Strike == wire.StrikeHeld, Unsure: r.Unsure(),
		}
		a.PIN, a.Card = w.takes(credentials)
		if a.Never = w.never(r, a, credentials); a.Never == nil {
			for _, way := range w.ways(credentials) {
				if way.Means == wire.ByPIN && a.PIN || way.Means == wire.ByCard && a.Card || way.Means == wire.ByBoth {
					a.Now = append(a.Now, way)
				}
			}
			a.Not = notNow(a)
		}
		all = append(all, a)
	}
	return all
}
