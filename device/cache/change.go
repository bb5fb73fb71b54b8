package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// PutKey stores the keys of a new epoch, or replaces those of the epoch held. The cache
// switches to a new epoch once it has both its keys and its snapshot; switched says that
// it just did. ErrOlder: the epoch is over, or there are newer keys.
func (c *Cache) PutKey(epoch uint64, keys *wire.EpochKeys) (switched bool, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	next, err := newestEpoch(c.o.Dir, newSuffix)
	if err != nil {
		return false, fmt.Errorf("store a key: %w", err)
	}
	if c.held != nil && epoch < c.held.manifest.Epoch || epoch < next || epoch < c.o.Highest.Epoch {
		return false, fmt.Errorf("key of epoch %d: %w", epoch, ErrOlder)
	}
	dir := c.epochDir(epoch)
	if err = makeDir(dir); err == nil {
		err = writeKey(filepath.Join(dir, keyFile), keys)
	}
	if err != nil {
		return false, fmt.Errorf("store a key: %w", err)
	}
	return c.finish()
}

// finish switches to the snapshot being received if it is complete and the key of its
// epoch is there. It abandons a snapshot that contradicts what was applied meanwhile:
// wire.ErrForked.
func (c *Cache) finish() (switched bool, err error) {
	in := c.incoming
	if in == nil || in.left > 0 {
		return false, nil
	}
	if in.dir != c.dir(in.manifest.Epoch) {
		keys, err := readKey(filepath.Join(in.dir, keyFile))
		if err != nil {
			return false, nil
		}
		keys.Wipe()
	}
	m := in.manifest
	if v := c.held; v != nil && v.manifest.Epoch == m.Epoch && m.Revision < v.position().Revision {
		if h, ok := v.hashAt(m.Revision); ok && h != m.Hash {
			c.abandon()
			return false, wire.ErrForked
		}
	}
	err = c.install(in)
	c.abandon()
	if err != nil {
		return false, fmt.Errorf("switch to the snapshot of revision %d: %w", m.Revision, err)
	}
	return true, c.open(m.Epoch)
}

// open opens the files of an epoch as they are now, and makes them what is held.
func (c *Cache) open(epoch uint64) error {
	v, err := openView(&c.o, epoch)
	c.mu.Lock()
	old := c.held
	clear(c.bad)
	if v != nil && old != nil && old.dir == v.dir {
		v.stale = v.stale || old.stale
	}
	c.hold(v, err)
	c.mu.Unlock()
	if old != nil {
		old.release()
	}
	if err != nil {
		return err
	}
	c.trim()
	// The next switch removes what cannot be removed now.
	removeEpochs(c.o.Dir, func(n uint64, arriving bool) bool { return n < epoch || n == epoch && arriving })
	return nil
}

// install renames a complete snapshot, and the directory of a new epoch, durably.
func (c *Cache) install(in *incoming) error {
	if err := in.file.Truncate(in.offsets[len(in.offsets)-1]); err != nil {
		return err
	}
	if err := in.file.Sync(); err != nil {
		return err
	}
	log := filepath.Join(in.dir, deltasFile)
	if _, err := os.Stat(log); errors.Is(err, fs.ErrNotExist) {
		if err := durable.WriteFile(log, nil, 0o600); err != nil {
			return err
		}
	}
	if err := os.Rename(filepath.Join(in.dir, incomingFile), filepath.Join(in.dir, credentialsFile)); err != nil {
		return err
	}
	if err := durable.SyncDir(in.dir); err != nil {
		return err
	}
	dir := c.dir(in.manifest.Epoch)
	if in.dir != dir {
		if err := os.Rename(in.dir, dir); err != nil {
			return err
		}
	}
	return durable.SyncDir(c.o.Dir)
}

// trim removes from the log what the snapshot contains. If it fails, each start skips
// that until the next switch.
func (c *Cache) trim() {
	v := c.held
	i := slices.IndexFunc(v.deltas, func(d delta) bool { return d.to > v.manifest.Revision })
	if i <= 0 {
		return
	}
	start := v.deltas[i-1].end
	log, err := v.copyLog(start, v.end, nil)
	if err != nil {
		v.stale = true
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v.log.release()
	v.log, v.stale = log, false
	v.end -= start
	v.deltas = slices.Clone(v.deltas[i:])
	for k := range v.deltas {
		v.deltas[k].end -= start
	}
	for tag, change := range v.overlay {
		change.offset -= uint32(start)
		v.overlay[tag] = change
	}
}

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}
