package sync

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"latchkey/sync/wire"
)

// cacheModel is a cache in memory with the rules of the one on the disk.
type cacheModel struct {
	held    wire.Position
	content map[wire.Tag]wire.Credential
	since   []*wire.Delta // of the epoch held, all that were applied
	many    int           // so many deltas are too many; 0: none are
	keys    map[uint64]*wire.EpochKeys

	manifest *wire.Manifest // of the snapshot held
	chunks   map[int][]byte
	damaged  map[int]bool

	incoming *wire.Manifest
	parts    map[int][]byte

	fails   error // what the disk says to every write
	applied int
	begun   int
	put     int // keys, even if they were refused
}

func newCacheModel() *cacheModel {
	return &cacheModel{keys: map[uint64]*wire.EpochKeys{}, damaged: map[int]bool{}}
}

func (c *cacheModel) Held() wire.Position { return c.held }

func (c *cacheModel) Fault() error {
	switch {
	case c.held.Epoch == 0:
		return errors.New("empty")
	case len(c.damaged) > 0:
		return fmt.Errorf("%d chunks are damaged", len(c.damaged))
	}
	return nil
}

func (c *cacheModel) Lack() error { return nil }

func (c *cacheModel) WantsSnapshot() bool {
	return c.held.Epoch == 0 || c.many > 0 && len(c.since) >= c.many
}

func (c *cacheModel) Apply(delta *wire.VerifiedDelta) (bool, error) {
	d := delta.Delta()
	switch {
	case c.fails != nil:
		return false, c.fails
	case d.Epoch != c.held.Epoch || d.From > c.held.Revision:
		return false, wire.ErrUnfit
	case d.To <= c.held.Revision:
		return false, nil
	case d.From != c.held.Revision:
		return false, wire.ErrUnfit
	case d.FromHash != c.held.Hash:
		return false, wire.ErrForked
	}
	c.fold(d)
	c.since = append(c.since, d)
	c.applied++
	return true, nil
}

func (c *cacheModel) fold(d *wire.Delta) {
	for _, change := range d.Changes {
		delete(c.content, change.Tag)
		if change.Credential != nil {
			c.content[change.Tag] = *change.Credential
		}
	}
	c.held.Revision, c.held.Hash = d.To, d.ToHash
}

func (c *cacheModel) PutKey(epoch uint64, keys *wire.EpochKeys) (bool, error) {
	c.put++
	switch {
	case c.fails != nil:
		return false, c.fails
	case epoch < c.held.Epoch, c.keys[epoch] != nil && c.keys[epoch].Number > keys.Number:
		return false, wire.ErrUnfit
	}
	c.keys[epoch] = &wire.EpochKeys{Number: keys.Number, PIN: bytes.Clone(keys.PIN), Card: bytes.Clone(keys.Card), TPM: keys.TPM}
	return c.finish(), nil
}

func (c *cacheModel) Begin(manifest *wire.VerifiedManifest) (bool, error) {
	m := manifest.Manifest()
	position := m.Position()
	switch {
	case c.fails != nil:
		return false, c.fails
	case c.held.Above(position), position == c.held && len(c.since) == 0:
		return false, wire.ErrUnfit
	}
	if c.incoming == nil || c.incoming.Position() != position {
		c.incoming, c.parts = m, map[int][]byte{}
	}
	c.begun++
	return c.finish(), nil
}

func (c *cacheModel) Resume() (wire.Position, bool, error) {
	if c.incoming == nil {
		return wire.Position{}, false, nil
	}
	return c.incoming.Position(), false, nil
}

func (c *cacheModel) Missing(limit int) (of wire.Position, chunks []int) {
	if c.incoming != nil {
		for i := range c.incoming.Chunks() {
			if c.parts[i] == nil && len(chunks) < limit {
				chunks = append(chunks, i)
			}
		}
		return c.incoming.Position(), chunks
	}
	if c.manifest == nil {
		return wire.Position{}, nil
	}
	return c.manifest.Position(), slices.Sorted(maps.Keys(c.damaged))
}

func (c *cacheModel) PutChunks(epoch, revision uint64, chunks []wire.ChunkPart) (switched bool, err error) {
	if c.fails != nil {
		return false, c.fails
	}
	for _, part := range chunks {
		i := int(part.Index)
		of := func(m *wire.Manifest) bool {
			return m != nil && m.Epoch == epoch && m.Revision == revision && i < m.Chunks() && m.CheckChunk(i, part.Chunk) == nil
		}
		switch {
		case of(c.incoming):
			c.parts[i] = bytes.Clone(part.Chunk)
			switched = c.finish() || switched
		case of(c.manifest):
			delete(c.damaged, i)
		default:
			err = wire.ErrUnfit
		}
	}
	return switched, err
}

// finish switches to a snapshot that is whole.
func (c *cacheModel) finish() bool {
	m := c.incoming
	if m == nil || len(c.parts) < m.Chunks() || c.keys[m.Epoch] == nil {
		return false
	}
	content := map[wire.Tag]wire.Credential{}
	for _, b := range c.parts {
		chunk := must(wire.ParseChunk(b))
		for i := range chunk.Len() {
			content[chunk.Tag(i)] = *must(chunk.Credential(i))
		}
	}
	since := c.since
	if c.held.Epoch != m.Epoch {
		since = nil
	}
	c.held, c.content, c.manifest, c.chunks, c.since = m.Position(), content, m, c.parts, nil
	c.incoming, c.parts = nil, nil
	clear(c.damaged)
	for _, d := range since {
		if d.From == c.held.Revision && d.FromHash == c.held.Hash {
			c.fold(d)
			c.since = append(c.since, d)
		}
	}
	return true
}

func (c *cacheModel) tags() []wire.Tag {
	return slices.SortedFunc(maps.Keys(c.content), func(a, b wire.Tag) int { return bytes.Compare(a[:], b[:]) })
}

// journalModel is a journal in memory.
type journalModel struct {
	id      wire.JournalID
	first   uint64
	entries []wire.StoredRecord // all there ever were
	fails   error
}

func newJournalModel() *journalModel {
	return &journalModel{id: wire.JournalID(seed(0x90)[:16]), first: 1}
}

func (j *journalModel) append(r wire.Record) {
	last, hash := j.Last()
	r.Number, r.Before = last+1, hash
	b := wire.Marshal(&r)
	j.entries = append(j.entries, wire.StoredRecord{Number: r.Number, Hash: wire.Sum(b), Encoded: b})
}

func (j *journalModel) ID() wire.JournalID { return j.id }
func (j *journalModel) First() uint64      { return j.first }

func (j *journalModel) Last() (uint64, wire.Hash) {
	if len(j.entries) == 0 {
		return 0, wire.Hash{}
	}
	last := j.entries[len(j.entries)-1]
	return last.Number, last.Hash
}

func (j *journalModel) Records(from uint64) iter.Seq2[wire.StoredRecord, error] {
	return func(yield func(wire.StoredRecord, error) bool) {
		if j.fails != nil {
			yield(wire.StoredRecord{}, j.fails)
			return
		}
		for _, e := range j.entries {
			if e.Number >= max(from, j.first) && !yield(e, nil) {
				return
			}
		}
	}
}

func (j *journalModel) Ack(id wire.JournalID, number uint64, hash wire.Hash) error {
	switch {
	case id != j.id || number == 0 || number > uint64(len(j.entries)):
		return wire.ErrUnfit
	case number < j.first:
		return nil
	case j.entries[number-1].Hash != hash:
		return wire.ErrUnfit
	}
	j.first = max(j.first, number/8*8+1) // segments of eight records
	return nil
}
