package desk

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Feed holds events in the order in which they arrived. Their ids rise, and a cursor is
// the id of the last one that a client has.
type Feed struct {
	Events []*Event
	Next   int64            // the cursor after these
	More   bool             // there are more by now
	Doors  map[string]int64 // where their readers are now, by the reader's id
	Newest int64            // the cursor after all that there are by now
}

// EventsAfter returns the first events after a cursor, 0: from the oldest on, as far as the
// actor may see them. An act that was asked of a reader is in it as it was asked: the outcome
// is an event of the reader. Field: "after".
func (d *Desk) EventsAfter(ctx context.Context, a Actor, after int64, limit int) (feed *Feed, err error) {
	limit = pageSize(limit)
	err = d.view(ctx, a, ViewActivity, func(tx *store.Tx) error {
		feed = &Feed{Next: after}
		if feed.Newest, _, err = tx.Newest(); err != nil {
			return err
		}
		if after > feed.Newest {
			return wrong("after", "This site has no such event yet: it may have been restored from a backup. Begin again without a cursor")
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		f := store.ActivityFilter{After: after, Oldest: true, NoActs: !a.May(ViewActs), NoDuress: !a.May(ViewDuress), Limit: limit + 1}
		if err := r.narrow(tx, &f); err != nil {
			return err
		}
		rows, err := tx.Activity(f)
		if err != nil {
			return err
		}
		if len(rows) > limit {
			rows, feed.More = rows[:limit], true
			feed.Next = rows[limit-1].ID
		} else {
			feed.Next = feed.Newest // of what the actor does not see, too
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		feed.Doors = make(map[string]int64, len(places))
		for reader, at := range places {
			if r.hasReader(reader) {
				feed.Doors[reader] = at.Door
			}
		}
		feed.Events, err = events(tx, rows)
		return err
	})
	return feed, err
}
