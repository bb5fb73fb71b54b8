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

// PutKey stores the site key of a new epoch. It is switched to as soon as its
// snapshot is complete: switched says that it was now. The key of the epoch
// held is put right if its file is not as it should be. ErrOlder: the epoch is
// over.
func (c *Cache) PutKey(epoch uint64, key *[32]byte) (switched bool, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	next, err := c.nextEpoch()
	if err != nil {
		return false, fmt.Errorf("store a key: %w", err)
	}
	if c.held != nil && epoch < c.held.manifest.Epoch || epoch < next || epoch < c.o.Highest.Epoch {
		return false, fmt.Errorf("key of epoch %d: %w", epoch, ErrOlder)
	}
	dir := c.epochDir(epoch)
	if err := makeDir(dir); err != nil {
		return false, fmt.Errorf("store a key: %w", err)
	}
	if err := writeKey(filepath.Join(dir, keyFile), key); err != nil {
		return false, fmt.Errorf("store a key: %w", err)
	}
	return c.finish()
}

// nextEpoch returns the highest epoch that is arriving, 0 if none is.
func (c *Cache) nextEpoch() (next uint64, err error) {
	err = eachEpoch(c.o.Dir, func(_ string, epoch uint64, suffix string) error {
		if suffix == newSuffix {
			next = max(next, epoch)
		}
		return nil
	})
	return next, err
}

// finish switches to the snapshot that is arriving once it is whole, and the
// key of its epoch is there and whole. One that contradicts what was applied meanwhile is
// given up: wire.ErrForked.
func (c *Cache) finish() (switched bool, err error) {
	in := c.incoming
	if in == nil || in.left > 0 {
		return false, nil
	}
	if in.dir != c.dir(in.manifest.Epoch) {
		key, err := readKey(filepath.Join(in.dir, keyFile))
		if err != nil {
			return false, nil
		}
		clear(key[:])
	}
	m := in.manifest
	if v := c.held; v != nil && v.manifest.Epoch == m.Epoch && m.Revision < v.position().Revision {
		if h, ok := v.hashAt(m.Revision); ok && h != m.Hash {
			c.abandon()
			return false, wire.ErrForked
		}
	}
	err = c.settleIn(in)
	c.abandon()
	if err != nil {
		return false, fmt.Errorf("switch to the snapshot of revision %d: %w", m.Revision, err)
	}
	return true, c.open(m.Epoch)
}

// open makes an epoch's files as they now are on the disk what is held.
func (c *Cache) open(epoch uint64) error {
	v, err := openView(&c.o, epoch)
	c.mu.Lock()
	old := c.held
	c.held, c.fault = v, nil
	clear(c.bad)
	switch {
	case err != nil:
		c.fault = &Damage{-1, err}
	case v.spoilt != nil:
		c.fault = &Damage{-1, v.spoilt}
	}
	if v != nil {
		v.stale = v.stale || old != nil && old.stale && old.dir == v.dir
		c.settle()
	}
	c.mu.Unlock()
	if old != nil {
		old.release()
	}
	if err != nil {
		return err
	}
	c.trim()
	// What cannot be removed now is at the next switch.
	removeEpochs(c.o.Dir, func(n uint64, arriving bool) bool { return n < epoch || n == epoch && arriving })
	return nil
}

// settleIn gives the snapshot that has arrived its place, durably.
func (c *Cache) settleIn(in *incoming) error {
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

// trim takes out of the log what the snapshot contains. Should it fail, it is
// passed over at each start until the next switch.
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
