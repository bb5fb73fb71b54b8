package site

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Limits of the deltas that a reader keeps or is sent; beyond them it gets a
// snapshot.
const (
	maxDeltas     = 4096
	maxDeltaBytes = 1 << 20
)

// A Log is the credential log as readers are told of it.
type Log struct {
	Position wire.Position
	Head     []byte   // signed
	Deltas   [][]byte // signed: those that follow the caller's position
}

// Log returns the head of the log, and the deltas from a position to the head unless
// they exceed what readers keep. It makes deltas of changes that are in none yet.
func (s *Site) Log(ctx context.Context, from wire.Position) (*Log, error) {
	log, err := s.log(ctx, from, s.store.View, false)
	if err == nil && log == nil {
		log, err = s.log(ctx, from, s.store.Update, true)
	}
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return log, nil
}

// log is Log; without cut it returns nil if there are changes in no delta yet.
func (s *Site) log(ctx context.Context, from wire.Position, transact func(context.Context, func(*store.Tx) error) error, cut bool) (log *Log, err error) {
	err = transact(ctx, func(tx *store.Tx) error {
		if cut {
			if err := s.cut(tx); err != nil {
				return err
			}
		}
		head, all, err := headInDeltas(tx)
		if err != nil || !all {
			return err
		}
		log = &Log{Position: head}
		if log.Head, err = s.Sign(wire.KindHead, &log.Position); err != nil {
			return err
		}
		if from.Epoch != head.Epoch || from.Revision >= head.Revision {
			return nil
		}
		log.Deltas, err = deltas(tx, head, from.Revision, maxDeltaBytes)
		return err
	})
	return log, err
}

// deltas returns the deltas from a revision on, up to limit bytes; none if all of
// them together exceed what readers keep, or do not reach the head.
func deltas(tx *store.Tx, head wire.Position, from uint64, limit int) ([][]byte, error) {
	if near, err := deltasReach(tx, head, from, 1); err != nil || !near {
		return nil, err
	}
	rows, err := tx.Deltas(head.Epoch, from, limit)
	var signed [][]byte
	for _, d := range rows {
		signed = append(signed, d.Signed)
	}
	return signed, err
}

// deltasReach says whether the deltas reach from a revision to the head and use at
// most 1/part of what readers keep.
func deltasReach(tx *store.Tx, head wire.Position, from uint64, part int) (bool, error) {
	d, err := tx.Distance(head.Epoch, from)
	return d.Deltas <= maxDeltas/part && d.Bytes <= maxDeltaBytes/part && d.Changes == head.Revision-from, err
}

// Sign signs a message of the controller after checking that a reader would accept it.
func (s *Site) Sign(kind wire.Kind, message any) ([]byte, error) {
	payload := wire.Marshal(message)
	if err := wire.CheckPayload(kind, payload); err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	return wire.Sign(kind, s.ID, payload, s.signing)
}

// Key returns the public key of the controller's signatures.
func (s *Site) Key() ed25519.PublicKey { return s.signing.Public().(ed25519.PublicKey) }

// deltaRoom is the overhead of a delta besides its changes, signature included, in
// bytes.
const deltaRoom = 256

// cut makes deltas of the changes that are in none yet. If these exceed what readers
// keep, it skips them: readers get a snapshot.
func (s *Site) cut(tx *store.Tx) error {
	head, err := tx.Head()
	if err != nil {
		return err
	}
	at := wire.Position{Epoch: head.Epoch, Hash: wire.Start(head.Epoch)}
	var before wire.Hash
	last, err := tx.LastDelta(head.Epoch)
	switch {
	case err == nil:
		at.Revision, before = last.To, last.Hash
		if at.Hash, err = tx.HashAt(at.Epoch, at.Revision); err != nil {
			return err
		}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if at.Revision == head.Revision {
		return nil
	}
	if bytes, err := tx.ChangeBytes(head.Epoch, at.Revision); err != nil {
		return err
	} else if bytes > maxDeltaBytes {
		return tx.AddDelta(&store.Delta{Epoch: head.Epoch, From: head.Revision, To: head.Revision, Signed: []byte{}})
	}
	for at.Revision < head.Revision {
		delta := &wire.Delta{Epoch: at.Epoch, From: at.Revision, To: at.Revision, FromHash: at.Hash, ToHash: at.Hash, Before: before}
		room := wire.MaxDelta - deltaRoom
		full := errors.New("full")
		err := tx.Changes(at.Epoch, at.Revision, head.Revision, func(revision uint64, encoded []byte, hash wire.Hash) error {
			if room -= len(encoded); room < 0 {
				return full
			}
			var change wire.Change
			if err := wire.Unmarshal(encoded, wire.MaxDelta, &change); err != nil {
				return fmt.Errorf("change %d: %w", revision, err)
			}
			delta.Changes = append(delta.Changes, change)
			delta.To, delta.ToHash = revision, hash
			return nil
		})
		if err != nil && !errors.Is(err, full) {
			return err
		}
		signed, err := delta.Sign(s.ID, s.signing)
		if err != nil {
			return err
		}
		at.Revision, at.Hash, before = delta.To, delta.ToHash, wire.Sum(wire.Marshal(delta))
		if err := tx.AddDelta(&store.Delta{Epoch: at.Epoch, From: delta.From, To: delta.To, Hash: before, Signed: signed}); err != nil {
			return err
		}
	}
	return tx.TrimDeltas(head.Epoch, 2*maxDeltas, 2*maxDeltaBytes)
}

// headInDeltas returns the log's head, and whether all changes are in deltas.
func headInDeltas(tx *store.Tx) (head wire.Position, all bool, err error) {
	if head, err = tx.Head(); err != nil {
		return head, false, err
	}
	last, err := tx.LastDelta(head.Epoch)
	if errors.Is(err, store.ErrNotFound) {
		return head, head.Revision == 0, nil
	}
	return head, last.To == head.Revision, err
}

// Lacks says whether this log does not contain a position that bears the site's
// signature: the site was restored to an older state.
func (s *Site) Lacks(ctx context.Context, position wire.Position) (is bool, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		is, err = lacks(tx, position)
		return err
	})
	return is, err
}

func lacks(tx *store.Tx, position wire.Position) (bool, error) {
	head, err := tx.Head()
	if err != nil || position.Epoch < head.Epoch {
		return false, err
	}
	if position.Above(head) {
		return true, nil
	}
	h, err := tx.HashAt(position.Epoch, position.Revision)
	return err == nil && h != position.Hash, err
}
