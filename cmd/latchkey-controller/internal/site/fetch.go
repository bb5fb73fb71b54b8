package site

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Errors of Reply.
var (
	// ErrMake says that a snapshot has to be made first.
	ErrSnapshotNeeded = errors.New("a snapshot has to be made")
	// ErrForked says that the reader holds another log than this one, and that
	// only a new epoch leads it back.
	ErrForked = errors.New("the reader holds another log")
)

// partRoom is what a reply needs for one delta besides its bytes.
const replyOverhead = 16

// Reply returns what a reader fetches, as a wire.Reply is sent, in room if it
// is long enough. Unless it may make a snapshot, which takes seconds, the error
// is ErrMake where one is needed.
func (s *Site) Reply(ctx context.Context, now time.Time, f *wire.Fetch, mayMake bool, room []byte) ([]byte, error) {
	if f.Want == wire.WantChunks {
		return s.chunks(now, f, room)
	}
	reply, err := s.catchUp(ctx, now, f, mayMake)
	if err != nil {
		return nil, err
	}
	return reply.Encode()
}

// leads returns the deltas or the manifest that lead on from where a reader is.
func (s *Site) catchUp(ctx context.Context, now time.Time, f *wire.Fetch, mayMake bool) (*wire.Reply, error) {
	reply := &wire.Reply{Number: f.Number}
	var head store.Head
	var same bool // the log was at f.Place
	usable := map[uint64]bool{}
	err := s.store.View(ctx, func(tx *store.Tx) (err error) {
		if head, err = tx.Head(); err != nil {
			return err
		}
		if f.Place != nil && f.Place.Epoch == head.Epoch {
			h, err := tx.HashAt(head.Epoch, f.Place.Revision)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			same = err == nil && h == f.Place.Hash
		}
		if f.Want == wire.WantDeltas && same {
			if reply.Deltas, err = replyDeltas(tx, head, f.Place.Revision); err != nil || len(reply.Deltas) > 0 {
				return err
			}
		}
		for _, id := range s.snapshotIDs(head.Epoch) {
			if usable[id.revision], err = deltasReach(tx, head, id.revision, 2); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(reply.Deltas) > 0 {
		return reply, err
	}
	above := uint64(0) // the snapshot must be
	held := f.Place != nil && f.Place.Epoch == head.Epoch
	if held && !same && f.Place.Revision >= head.Revision || f.Place != nil && f.Place.Epoch > head.Epoch {
		return nil, ErrForked
	}
	if held {
		above = f.Place.Revision + 1
	}
	snap := s.findSnapshot(now, head.Epoch, func(revision uint64) bool { return usable[revision] && revision >= above })
	switch {
	case snap != nil:
	case held && f.Place.Revision == head.Revision, s.tooSoon(now):
		// There is nothing above, or there will be; the reader asks again.
		snap = s.findSnapshot(now, head.Epoch, func(revision uint64) bool { return usable[revision] })
	}
	if snap == nil {
		if !mayMake {
			return nil, ErrSnapshotNeeded
		}
		if snap, err = s.makeSnapshot(ctx, now); err != nil {
			return nil, err
		}
	}
	reply.Manifest = snap.signed
	return reply, nil
}

// replyDeltas returns the deltas that lead on from a revision, as many as one
// reply carries; where there is nothing to lead to, the one that led there.
func replyDeltas(tx *store.Tx, head store.Head, from uint64) ([][]byte, error) {
	if from == head.Revision {
		last, err := tx.LastDelta(head.Epoch)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		from = last.From
	}
	all, err := deltas(tx, head, from, wire.MaxReply-256*replyOverhead)
	return all[:min(len(all), 256)], err
}

// chunks returns a reply with those of the chunks that fit. None are where
// there is no such snapshot any more.
func (s *Site) chunks(now time.Time, f *wire.Fetch, room []byte) ([]byte, error) {
	snap, err := s.openSnapshot(now, snapshotID{f.Place.Epoch, f.Place.Revision})
	if err != nil || snap.place != *f.Place {
		return (&wire.Reply{Number: f.Number}).Encode()
	}
	there := f.Chunks
	if past := slices.IndexFunc(there, func(i uint32) bool { return int64(i) >= int64(snap.manifest.Chunks()) }); past >= 0 {
		there = there[:past]
	}
	if len(there) == 0 {
		return (&wire.Reply{Number: f.Number}).Encode()
	}
	reply, places := wire.LayChunks(room, f.Number, there, func(i uint32) int { return snap.manifest.ChunkLength(int(i)) })
	return reply, snap.read(there[:len(places)], places)
}

// tooSoon says that a snapshot was made so lately that the time to make another
// one had better be used otherwise.
func (s *Site) tooSoon(now time.Time) bool {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	return !s.snapshots.made.IsZero() && now.Sub(s.snapshots.made) < min(20*s.snapshots.cost, time.Minute)
}
