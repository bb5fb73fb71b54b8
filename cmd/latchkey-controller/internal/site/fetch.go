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
	// ErrSnapshotNeeded says that a snapshot has to be made first.
	ErrSnapshotNeeded = errors.New("a snapshot has to be made")
	// ErrForked says that the reader holds a different log: only a new epoch brings
	// it back.
	ErrForked = errors.New("the reader holds another log")
)

// replyOverhead is the overhead of one delta in a reply, in bytes.
const replyOverhead = 16

// Reply returns the encoded wire.Reply to a fetch, in room if that is large enough.
// Making a snapshot takes seconds: without mayMake the error is ErrSnapshotNeeded
// instead.
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

// catchUp returns the deltas or the manifest that bring a reader up to date.
func (s *Site) catchUp(ctx context.Context, now time.Time, f *wire.Fetch, mayMake bool) (*wire.Reply, error) {
	reply := &wire.Reply{Number: f.Number}
	var head wire.Position
	var same bool // f.Position is on this log
	usable := map[uint64]bool{}
	err := s.store.View(ctx, func(tx *store.Tx) (err error) {
		if head, err = tx.Head(); err != nil {
			return err
		}
		if f.Position != nil && f.Position.Epoch == head.Epoch {
			h, err := tx.HashAt(head.Epoch, f.Position.Revision)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			same = err == nil && h == f.Position.Hash
		}
		if f.Want == wire.WantDeltas && same {
			if reply.Deltas, err = replyDeltas(tx, head, f.Position.Revision); err != nil || len(reply.Deltas) > 0 {
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
	above := uint64(0) // lowest usable revision of the snapshot
	held := f.Position != nil && f.Position.Epoch == head.Epoch
	if held && !same && f.Position.Revision >= head.Revision || f.Position != nil && f.Position.Epoch > head.Epoch {
		return nil, ErrForked
	}
	if held {
		above = f.Position.Revision + 1
	}
	snap := s.findSnapshot(now, head.Epoch, func(revision uint64) bool { return usable[revision] && revision >= above })
	switch {
	case snap != nil:
	case held && f.Position.Revision == head.Revision, s.tooSoon(now):
		// There is nothing newer, or it is too soon for a new snapshot: the reader
		// asks again.
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

// replyDeltas returns the deltas from a revision on, as many as one reply carries. At
// the head it returns the last delta.
func replyDeltas(tx *store.Tx, head wire.Position, from uint64) ([][]byte, error) {
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

// chunks returns a reply with as many of the chunks as fit; none if the snapshot no
// longer exists.
func (s *Site) chunks(now time.Time, f *wire.Fetch, room []byte) ([]byte, error) {
	var there []uint32
	snap, err := s.openSnapshot(now, snapshotID{f.Position.Epoch, f.Position.Revision})
	if err == nil && snap.position == *f.Position {
		there = f.Chunks
		if past := slices.IndexFunc(there, func(i uint32) bool { return int64(i) >= int64(snap.manifest.Chunks()) }); past >= 0 {
			there = there[:past]
		}
	}
	if len(there) == 0 {
		return (&wire.Reply{Number: f.Number}).Encode()
	}
	reply, places := wire.LayChunks(room, f.Number, there, func(i uint32) int { return snap.manifest.ChunkLength(int(i)) })
	return reply, snap.read(there[:len(places)], places)
}

// tooSoon says whether the last snapshot is so recent that making another would cost
// too much time.
func (s *Site) tooSoon(now time.Time) bool {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	return !s.snapshots.made.IsZero() && now.Sub(s.snapshots.made) < min(20*s.snapshots.cost, time.Minute)
}
