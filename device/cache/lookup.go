package cache

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"latchkey/sync/wire"
)

// Lookup returns the credential of a tag that was made with an epoch's key. It
// reads one chunk of the snapshot, or one change of a delta, and checks its
// hash. Errors: ErrUnknown; ErrEpoch if another epoch is held by now; ErrEmpty;
// *Damage if what would have to say so cannot be read or is not what was
// signed.
func (c *Cache) Lookup(epoch uint64, tag wire.Tag) (*wire.Credential, error) {
	c.mu.RLock()
	v := c.held
	if v == nil {
		defer c.mu.RUnlock()
		return nil, c.empty()
	}
	if epoch != v.manifest.Epoch {
		c.mu.RUnlock()
		return nil, ErrEpoch
	}
	place, changed := v.overlay[tag]
	f := v.snapshot
	if changed {
		f = v.log
	}
	f.acquire()
	c.mu.RUnlock()
	defer f.release()

	if changed {
		if place.length == 0 {
			return nil, ErrUnknown
		}
		credential, err := readChange(f, place, tag)
		if err != nil {
			return nil, c.damaged(v, &Damage{-1, fmt.Errorf("%s: %w", deltasFile, err)})
		}
		return credential, nil
	}
	i := v.chunkOf(tag)
	if i < 0 {
		return nil, ErrUnknown
	}
	b := c.buffers.Get().(*[wire.MaxChunk]byte)
	defer c.buffers.Put(b)
	credential, err := v.readCredential(f, i, tag, b[:])
	if err != nil && err != ErrUnknown {
		return nil, c.damaged(v, &Damage{i, err})
	}
	return credential, err
}

// readChange reads the credential that a change gave to a tag.
func readChange(f *shared, place change, tag wire.Tag) (*wire.Credential, error) {
	b := make([]byte, place.length)
	if _, err := f.ReadAt(b, int64(place.offset)); err != nil {
		return nil, err
	}
	if hash := wire.Sum(b); !bytes.Equal(hash[:len(place.sum)], place.sum[:]) {
		return nil, errors.New("the hash of a change does not match")
	}
	var change wire.Change
	if err := wire.Unmarshal(b, wire.MaxDelta, &change); err != nil {
		return nil, err
	}
	if change.Tag != tag || change.Credential == nil {
		return nil, errors.New("a change is not where it should be")
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
	return b, checkChunk(v.manifest, i, b)
}
