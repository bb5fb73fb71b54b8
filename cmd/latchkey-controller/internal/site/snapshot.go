package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// snapshotDir lies in a site's directory. Its contents can be made again.
const snapshotDir = "snapshots"

// keepSnapshot is how long a snapshot is kept after a reader last fetched from it.
const keepSnapshot = 24 * time.Hour

// snapshots are the snapshot files that readers fetch from.
type snapshots struct {
	mu   sync.Mutex
	open map[snapshotID]*snapshot
	made time.Time // when the last one was made
	cost time.Duration
}

type snapshotID struct{ epoch, revision uint64 }

func (id snapshotID) file() string { return fmt.Sprintf("%d-%d.cbor", id.epoch, id.revision) }

func parseSnapshotID(name string) (id snapshotID, ok bool) {
	epoch, revision, ok := strings.Cut(strings.TrimSuffix(name, ".cbor"), "-")
	var err1, err2 error
	id.epoch, err1 = strconv.ParseUint(epoch, 10, 64)
	id.revision, err2 = strconv.ParseUint(revision, 10, 64)
	return id, ok && err1 == nil && err2 == nil && id.file() == name
}

// snapshotIDs returns the snapshots of an epoch, newest first.
func (s *Site) snapshotIDs(epoch uint64) (ids []snapshotID) {
	entries, err := os.ReadDir(filepath.Join(s.dir, snapshotDir))
	if err != nil {
		return nil // none yet
	}
	for _, entry := range entries {
		if id, ok := parseSnapshotID(entry.Name()); ok && id.epoch == epoch {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b snapshotID) int { return cmp.Compare(b.revision, a.revision) })
	return ids
}

// findSnapshot returns the newest snapshot of an epoch whose revision satisfies, or
// nil.
func (s *Site) findSnapshot(now time.Time, epoch uint64, satisfies func(revision uint64) bool) *snapshot {
	for _, id := range s.snapshotIDs(epoch) {
		if !satisfies(id.revision) {
			continue
		}
		if snap, err := s.openSnapshot(now, id); err == nil {
			return snap
		}
	}
	return nil
}

// openSnapshot returns an open snapshot. It deletes a damaged one, so that it is made
// again.
func (s *Site) openSnapshot(now time.Time, id snapshotID) (*snapshot, error) {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	path := filepath.Join(s.dir, snapshotDir, id.file())
	snap := s.snapshots.open[id]
	if snap == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		if snap, err = s.readSnapshot(f); err != nil {
			f.Close()
			os.Remove(path)
			return nil, err
		}
		s.snapshots.open[id] = snap
	}
	if now.Sub(snap.checked) > checkInterval {
		if err := snap.check(); err != nil {
			s.snapshots.close(id)
			os.Remove(path)
			return nil, err
		}
		snap.checked = now
		os.Chtimes(path, now, now) // in use
	}
	return snap, nil
}

// close closes a snapshot's file if it is open. The caller holds mu.
func (s *snapshots) close(id snapshotID) {
	if snap := s.open[id]; snap != nil {
		snap.file.Close()
		delete(s.open, id)
	}
}

// makeSnapshot makes and stores a snapshot of the log's head.
func (s *Site) makeSnapshot(ctx context.Context, now time.Time) (*snapshot, error) {
	began := time.Now()
	manifest, entries, err := s.headContents(ctx)
	if err != nil {
		return nil, err
	}
	b, err := wire.WriteSnapshot(manifest, entries, s.signing)
	if err != nil {
		return nil, err
	}
	s.dropSnapshots(now)
	id, dir := snapshotID{manifest.Epoch, manifest.Revision}, filepath.Join(s.dir, snapshotDir)
	err = os.MkdirAll(dir, 0o700)
	if err == nil {
		err = durable.WriteFile(filepath.Join(dir, id.file()), b, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("keep snapshot: %w", err)
	}
	s.snapshots.mu.Lock()
	s.snapshots.cost, s.snapshots.made = time.Since(began), now
	s.snapshots.mu.Unlock()
	return s.openSnapshot(now, id)
}

// headContents returns the contents of a snapshot of the log's head, after it has made
// deltas of all changes: readers follow those from there. It reads in a transaction of
// its own, so that others may write while it reads a million credentials.
func (s *Site) headContents(ctx context.Context) (m *wire.Manifest, found []wire.Entry, err error) {
	for m == nil && err == nil {
		if err = s.store.Update(ctx, s.cut); err != nil {
			return nil, nil, err
		}
		err = s.store.View(ctx, func(tx *store.Tx) error {
			if _, all, err := headInDeltas(tx); err != nil || !all {
				return err // somebody has changed a credential meanwhile
			}
			m, found, err = s.contents(tx)
			return err
		})
	}
	return m, found, err
}

// contents returns a manifest of the log's head, without chunks, and all credentials
// as readers hold them.
func (s *Site) contents(tx *store.Tx) (*wire.Manifest, []wire.Entry, error) {
	epoch, err := tx.Epoch()
	if err != nil {
		return nil, nil, err
	}
	head, err := tx.Head()
	if err != nil {
		return nil, nil, err
	}
	found, err := entries(tx)
	return &wire.Manifest{Site: s.ID, Epoch: head.Epoch, Revision: head.Revision, Hash: head.Hash, KDF: epoch.KDF}, found, err
}

// entries returns all credentials as readers hold them, without those of users who are
// suspended.
func entries(tx *store.Tx) ([]wire.Entry, error) {
	byID, err := usersByID(tx)
	if err != nil {
		return nil, err
	}
	credentials, err := tx.Credentials()
	if err != nil {
		return nil, err
	}
	entries := make([]wire.Entry, 0, len(credentials))
	for _, c := range credentials {
		if u := byID[c.User]; !u.Suspended {
			entries = append(entries, wire.Entry{Tag: c.Tag, Credential: u.Wire(c)})
		}
	}
	return entries, nil
}

// dropSnapshots deletes snapshots that no reader has fetched from for a day, and
// unfinished files.
func (s *Site) dropSnapshots(now time.Time) {
	dir := filepath.Join(s.dir, snapshotDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		id, ok := parseSnapshotID(entry.Name())
		if err == nil && ok && now.Sub(info.ModTime()).Abs() < keepSnapshot { // Abs: the clock may have been ahead
			continue
		}
		os.Remove(filepath.Join(dir, entry.Name()))
		s.snapshots.mu.Lock()
		s.snapshots.close(id)
		s.snapshots.mu.Unlock()
	}
}
