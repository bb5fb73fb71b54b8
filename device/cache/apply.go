package cache

import (
	"fmt"
	"os"
	"path/filepath"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// ErrGap says that a delta does not follow what is held. If fetching the deltas between
// does not help, a snapshot is needed.
var ErrGap = fmt.Errorf("%w: what comes between is missing", wire.ErrUnfit)

// Apply applies a delta durably, with one write and one fdatasync. applied is false for
// a delta that brings nothing new. Errors: ErrGap; wire.ErrForked, if it has another h
// at a revision that is held; or the disk's, after which the caller may try again.
func (c *Cache) Apply(delta *wire.VerifiedDelta) (applied bool, err error) {
	if err := delta.By(c.o.Site, c.o.Controller); err != nil {
		return false, err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	d, signed := delta.Delta(), delta.Signed()
	entry, err := readDelta(signed)
	if err != nil {
		return false, err
	}
	v := c.held
	if v == nil {
		return false, ErrGap
	}
	if fits, err := v.fits(d); !fits || err != nil {
		return false, err
	}
	if v.end+int64(len(signed)) > mostBytes || len(v.deltas) >= mostDeltas {
		return false, fmt.Errorf("a snapshot is needed first: %w", ErrGap)
	}
	log, stale := v.log, v.stale
	if log == nil || stale {
		log, err = v.copyLog(0, v.end, signed)
	} else {
		err = v.append(signed)
	}
	if err != nil {
		v.stale = true
		return false, fmt.Errorf("apply delta %d to %d: %w", d.From, d.To, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if log != v.log {
		if v.log != nil {
			v.log.release()
		}
		v.log, v.stale = log, false
	}
	if err := v.overlayDelta(entry, signed); err != nil {
		return false, err
	}
	c.reached()
	return true, nil
}

// reached notes the position held. A log that was shorter than the cache once was has
// no fault any more when it is as long again.
func (c *Cache) reached() {
	held := c.held.position()
	if held.Above(c.o.Highest) {
		c.o.Highest = held
	}
	if c.held.damage != nil && !c.o.Highest.Above(held) {
		c.held.damage, c.fault = nil, nil
	}
}

// fits says whether a delta is the next one; false without an error if it brings nothing
// new. Errors: ErrGap, wire.ErrForked.
func (v *view) fits(d *wire.Delta) (bool, error) {
	held := v.position()
	switch {
	case d.Epoch < held.Epoch:
		return false, nil
	case d.Epoch > held.Epoch, d.From > held.Revision:
		return false, ErrGap
	case v.contradicts(d):
		return false, wire.ErrForked
	case d.To <= held.Revision:
		return false, nil
	case d.From < held.Revision:
		return false, ErrGap
	}
	if d.From == 0 && d.Before != (wire.Hash{}) || v.before != (wire.Hash{}) && d.Before != v.before {
		return false, ErrGap
	}
	return true, nil
}

// contradicts says whether a delta and v have different h at a revision that both know.
func (v *view) contradicts(d *wire.Delta) bool {
	known := map[uint64]wire.Hash{v.manifest.Revision: v.manifest.Hash}
	for _, delta := range v.deltas {
		if delta.to >= d.From && delta.to <= d.To {
			known[delta.to] = delta.hash
		}
	}
	held := v.position().Revision
	h := d.FromHash
	for revision := d.From; revision <= min(held, d.To); revision++ {
		if revision > d.From {
			h = h.Extend(d.Changes[revision-d.From-1])
		}
		if hash, ok := known[revision]; ok && hash != h {
			return true
		}
	}
	return false
}

// append adds a delta to the log. It cuts off whatever follows the end first.
func (v *view) append(signed []byte) error {
	info, err := v.log.Stat()
	if err != nil {
		return err
	}
	if info.Size() > v.end {
		if err := v.log.Truncate(v.end); err != nil {
			return err
		}
	}
	if _, err := v.log.WriteAt(signed, v.end); err != nil {
		return err
	}
	return durable.SyncData(v.log.File)
}

// copyLog replaces the log by its part between two offsets, followed by signed.
func (v *view) copyLog(from, to int64, signed []byte) (*shared, error) {
	b := make([]byte, to-from, to-from+int64(len(signed)))
	if len(b) > 0 {
		if _, err := v.log.ReadAt(b, from); err != nil {
			return nil, err
		}
	}
	name := filepath.Join(v.dir, deltasFile)
	if err := durable.WriteFile(name, append(b, signed...), 0o600); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return share(f), nil
}
