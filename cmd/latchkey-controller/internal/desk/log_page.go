package desk

import (
	"cmp"
	"context"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// MaxLog is how many events LogPage looks back at most.
const MaxLog = 10_000

// LogPage returns events of some classes, newest first, after skipping some, and how many there
// are in all, both up to MaxLog. Of a query it regards the user, the kind and the times. With
// the class store.ClassAdmin alone it is what administrators did.
func (d *Desk) LogPage(ctx context.Context, a Actor, q Query, classes []wire.RecordClass, skip, limit int) (page []*Event, total int, err error) {
	act := ViewActivity
	if slices.Equal(classes, []wire.RecordClass{store.ClassAdmin}) {
		act = ViewActs
	}
	limit = min(limit, max(MaxLog-skip, 0))
	err = d.view(ctx, a, act, func(tx *store.Tx) error {
		f, err := q.filter(tx, a, d.now())
		if err != nil {
			return err
		}
		if len(classes) == 0 { // all
			classes = []wire.RecordClass{""}
		}
		var rows []*store.Event
		for _, f.Class = range classes { // each by itself: by an index
			f.Limit = MaxLog
			n, err := tx.CountActivity(f)
			if err != nil {
				return err
			}
			total += n
			f.Limit = skip + limit
			some, err := tx.Activity(f)
			if err != nil {
				return err
			}
			rows = append(rows, some...)
		}
		total = min(total, MaxLog)
		slices.SortFunc(rows, func(a, b *store.Event) int { return cmp.Compare(b.ID, a.ID) })
		rows = rows[min(skip, len(rows)):]
		page, err = events(tx, rows[:min(limit, len(rows))])
		return err
	})
	return page, total, err
}

// A ReaderDoor is where a reader is, for those who see its events.
type ReaderDoor struct {
	Door, Hub, Location             int64 // 0: it is nowhere
	DoorName, HubName, LocationName string
}

// ReaderDoors returns where readers are now, by id.
func (d *Desk) ReaderDoors(ctx context.Context, a Actor) (doors map[string]ReaderDoor, err error) {
	err = d.view(ctx, a, ViewActivity, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		places, err := tx.ReaderPlaces()
		doors = make(map[string]ReaderDoor, len(places))
		for id, p := range places {
			if !r.hasReader(id) {
				continue
			}
			doors[id] = ReaderDoor{p.Door, p.Hub, p.Location, p.DoorName, p.HubName, p.Place}
		}
		return err
	})
	return doors, err
}
