package cache

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"latchkey/sync/wire"
)

// Lookup returns the credential of a tag that was made with an epoch's key. It reads one
// chunk of the snapshot, or one change of a delta, and checks its hash. Errors:
// ErrUnknown; ErrEpoch if another epoch is held now; ErrEmpty; *Damage if that chunk or
// change cannot be read or is not what was signed.
func (c *Cache) Lookup(epoch uint64, tag wire.Tag) (*wire.Credential, error) {
	at, err := c.find(epoch, tag)
	if err != nil {
		return nil, err
	}
	defer at.file.release()
	if at.changed {
		credential, err := readChange(at.file, at.change, tag)
		if err != nil {
			return nil, c.damaged(at.view, &Damage{-1, fmt.Errorf("%s: %w", deltasFile, err)})
		}
		return credential, nil
	}
	b := c.buffers.Get().(*[wire.MaxChunk]byte)
	defer c.buffers.Put(b)
	credential, err := at.view.readCredential(at.file, at.chunk, tag, b[:])
	if err != nil && err != ErrUnknown {
		return nil, c.damaged(at.view, &Damage{at.chunk, err})
	}
	return credential, err
}

// found is where the answer to a look-up is: in this file, even if the cache holds
// another one by the time it is read. The caller of find releases the file.
type found struct {
	view    *view
	file    *shared
	changed bool
	change  change // if changed, in the log
	chunk   int    // else, of the snapshot
}

// find returns where the answer to a look-up is. Errors: ErrUnknown, ErrEpoch, ErrEmpty.
func (c *Cache) find(epoch uint64, tag wire.Tag) (at found, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v := c.held
	switch {
	case v == nil:
		return at, c.empty()
	case epoch != v.manifest.Epoch:
		return at, ErrEpoch
	}
	at = found{view: v, file: v.snapshot}
	if at.change, at.changed = v.overlay[tag]; at.changed {
		if at.change.length == 0 {
			return at, ErrUnknown
		}
		at.file = v.log
	} else if at.chunk = v.chunkOf(tag); at.chunk < 0 {
		return at, ErrUnknown
	}
	at.file.acquire()
	return at, nil
}

// readChange reads the credential that a change gave to a tag.
func readChange(f *shared, at change, tag wire.Tag) (*wire.Credential, error) {
	b := make([]byte, at.length)
	if _, err := f.ReadAt(b, int64(at.offset)); err != nil {
		return nil, err
	}
	if hash := wire.Sum(b); !bytes.Equal(hash[:len(at.sum)], at.sum[:]) {
		return nil, errors.New("the hash of a change does not match")
	}
	var change wire.Change
	if err := wire.Unmarshal(b, wire.MaxDelta, &change); err != nil {
		return nil, err
	}
	if change.Tag != tag || change.Credential == nil {
		return nil, errors.New("another change is where it should be")
	}
	return change.Credential, nil
}

// chunkOf returns the only chunk that may hold a tag, -1 if none can.
func (v *view) chunkOf(tag wire.Tag) int {
	m := v.manifest
	return sort.Search(m.Chunks(), func(i int) bool {
		return bytes.Compare(m.FirstTags[16*i:16*i+16], tag[:]) > 0
	}) - 1
}

// readCredential looks a tag up in a chunk, which is read into b. Errors:
// ErrUnknown, and what is wrong with the chunk.
func (v *view) readCredential(f *shared, i int, tag wire.Tag, b []byte) (*wire.Credential, error) {
	b, err := v.readChunk(f, i, b)
	if err != nil {
		return nil, err
	}
	chunk, err := wire.ParseChunk(b)
	if err != nil {
		return nil, err
	}
	at, found := chunk.Find(tag)
	if !found {
		return nil, ErrUnknown
	}
	return chunk.Credential(at)
}

// readChunk reads and checks chunk i, into b, which holds wire.MaxChunk bytes.
func (v *view) readChunk(f *shared, i int, b []byte) ([]byte, error) {
	b = b[:v.manifest.ChunkLength(i)]
	if _, err := f.ReadAt(b, v.offsets[i]); err != nil {
		return nil, err
	}
	return b, v.manifest.CheckChunk(i, b)
}
