package desk

import (
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestRecordsThatAReaderStillHoldsAreNotStillToCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	w.records(id, &wire.Record{Kind: wire.DoorOpened}, &wire.Record{Kind: wire.DoorClosed}, &wire.Record{Kind: wire.DoorOpened})
	journal := wire.JournalID{byte(w.n)}
	for _, c := range []struct {
		journal     wire.JournalID
		first, last uint64
		want        uint64
	}{
		{journal, 1, 3, 0}, {journal, 1, 5, 2}, {journal, 5, 6, 2}, {journal, 0, 0, 0},
		{wire.JournalID{99}, 1, 3, 3}, // none of its records has arrived
	} {
		w.live.states = []link.ReaderStatus{{ID: id, State: &wire.State{Journal: c.journal, First: c.first, Last: c.last}}}
		if got := w.look(id).Live.Waiting; got != c.want {
			t.Errorf("%d to %d: %d still to come, not %d", c.first, c.last, got, c.want)
		}
	}
}

func TestAPINCountsTheDoorsThatItOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, staff, off, both := w.reader(), w.reader(), w.reader(), w.reader()
	w.reader()
	policy := func(id string, edit func(*wire.Policy)) {
		_, err := w.SetPolicy(t.Context(), as(Owner), id, 0, edit)
		w.must(err)
	}
	policy(staff, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} })
	policy(off, func(p *wire.Policy) { p.PIN = false })
	policy(both, func(p *wire.Policy) { p.TwoProofs = new(wire.TwoProofs) })
	w.must(w.MoveReader(t.Context(), as(Owner), "reader-5", "", w.look(all).DoorID)) // two readers, one door
	id := w.withPIN()
	if alone, both := PINDoors(w.access(id)); alone != 1 || both != 0 {
		t.Errorf("%d doors and %d with a card, not 1 and 0: they have none", alone, both)
	}
	w.must(w.AddCard(t.Context(), as(Owner), id, w.uid()))
	if alone, both := PINDoors(w.access(id)); alone != 1 || both != 1 {
		t.Errorf("%d doors and %d with a card, not 1 and 1", alone, both)
	}
	policy(both, func(p *wire.Policy) { p.TwoProofs.Schedule = evening() })
	if alone, both := PINDoors(w.access(id)); alone != 2 || both != 0 {
		t.Errorf("%d doors and %d with a card, not 2 and 0", alone, both)
	}
}

func TestSessionsThatAreOverAreNotOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		return tx.AddAdmin(&store.Admin{Name: "Ada", Role: string(Owner)})
	}))
	now := clock.Steady(w.time.Unix())
	for i, began := range []time.Duration{0, 10 * time.Minute, SessionIdle, SessionEnds} {
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
			at := now.Add(-began)
			return tx.AddSession(&store.Session{Hash: wire.Hash{byte(i)}, Admin: 1, Began: at, Seen: at, Authenticated: at}, w.time, 10)
		}))
	}
	admins, err := w.Admins(t.Context(), as(Owner))
	w.must(err)
	if admins[0].Sessions != 2 {
		t.Errorf("%d open sessions, not 2", admins[0].Sessions)
	}
}
