package fleet

import (
	"maps"
	"slices"
	"sync"

	"latchkey/sync/wire"
)

// credentials are a reader's cache without a disk: the position in the log, which the
// hash of each change leads to, and not the credentials themselves. What it takes and
// refuses is as in device/cache.
type credentials struct {
	mu     sync.Mutex
	held   wire.Position
	before wire.Hash // of the last delta's payload; zero: it was a snapshot
	keys   uint64    // the newest epoch whose keys were stored
	deltas int       // since the snapshot

	incoming *wire.Manifest // a snapshot that is being received; nil: none
	missing  []int          // its chunks

	content  map[wire.Tag]wire.Hash // SHA-256 of each credential; nil: it is not kept
	received map[wire.Tag]wire.Hash // of incoming
}

// mostDeltas is how many deltas a cache keeps; see device/cache.
const mostDeltas = 4096

func (c *credentials) Fault() error { return nil }
func (c *credentials) Lack() error  { return nil }

func (c *credentials) Held() wire.Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

func (c *credentials) WantsSnapshot() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deltas >= mostDeltas
}

func (c *credentials) Apply(delta *wire.VerifiedDelta) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := delta.Delta()
	switch {
	case d.Epoch < c.held.Epoch || d.Epoch == c.held.Epoch && d.To <= c.held.Revision:
		return false, nil
	case d.Epoch > c.held.Epoch || d.From != c.held.Revision || c.deltas >= mostDeltas:
		return false, wire.ErrUnfit
	case d.FromHash != c.held.Hash:
		return false, wire.ErrForked
	case c.before != wire.Hash{} && d.Before != c.before:
		return false, wire.ErrUnfit
	}
	payload, err := wire.Payload(wire.KindDelta, delta.Signed(), wire.MaxMessage)
	if err != nil {
		return false, err
	}
	c.held, c.before = wire.Position{Epoch: d.Epoch, Revision: d.To, Hash: d.ToHash}, wire.Sum(payload)
	c.deltas++
	if c.content != nil {
		for _, change := range d.Changes {
			if change.Credential == nil {
				delete(c.content, change.Tag)
			} else {
				c.content[change.Tag] = wire.Sum(wire.Marshal(change.Credential))
			}
		}
	}
	return true, nil
}

func (c *credentials) PutKey(epoch uint64, _ *wire.EpochKeys) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch < c.held.Epoch || epoch < c.keys {
		return false, wire.ErrUnfit
	}
	c.keys = epoch
	return c.finish(), nil
}

func (c *credentials) Begin(manifest *wire.VerifiedManifest) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := manifest.Manifest()
	at := m.Position()
	if !at.Above(c.held) && (c.held.Above(at) || at == c.held && c.deltas == 0) {
		return false, wire.ErrUnfit
	}
	if c.incoming != nil && c.incoming.Position() == at {
		return false, nil
	}
	c.incoming, c.missing, c.received = m, nil, map[wire.Tag]wire.Hash{}
	for i := range m.Chunks() {
		c.missing = append(c.missing, i)
	}
	return c.finish(), nil
}

// Resume has nothing to do: what was received before a power cut is kept in c.
func (c *credentials) Resume() (wire.Position, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.incoming == nil {
		return wire.Position{}, false, nil
	}
	return c.incoming.Position(), c.finish(), nil
}

func (c *credentials) Missing(limit int) (wire.Position, []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.incoming == nil {
		return wire.Position{}, nil
	}
	return c.incoming.Position(), slices.Clone(c.missing[:min(limit, len(c.missing))])
}

func (c *credentials) PutChunks(epoch, revision uint64, chunks []wire.ChunkPart) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.incoming
	if m == nil || m.Epoch != epoch || m.Revision != revision {
		return false, wire.ErrUnfit
	}
	var wrong error
	for _, part := range chunks {
		at, missing := slices.BinarySearch(c.missing, int(part.Index))
		if int(part.Index) >= m.Chunks() || m.CheckChunk(int(part.Index), part.Chunk) != nil {
			wrong = wire.ErrUnfit
		} else if missing {
			c.missing = slices.Delete(c.missing, at, at+1)
			if c.content != nil {
				if err := c.receive(part.Chunk); err != nil {
					return false, err
				}
			}
		}
	}
	return c.finish(), wrong
}

// finish switches to the snapshot that is received if it is whole and its epoch's keys are
// there.
func (c *credentials) finish() bool {
	m := c.incoming
	if m == nil || len(c.missing) > 0 || m.Epoch > c.keys {
		return false
	}
	c.held, c.before, c.deltas, c.incoming = m.Position(), wire.Hash{}, 0, nil
	if c.content != nil {
		c.content, c.received = c.received, nil
	}
	return true
}

// receive keeps the content of a chunk.
func (c *credentials) receive(encoded []byte) error {
	chunk, err := wire.ParseChunk(encoded)
	if err != nil {
		return err
	}
	for i := range chunk.Len() {
		credential, err := chunk.Credential(i)
		if err != nil {
			return err
		}
		c.received[chunk.Tag(i)] = wire.Sum(wire.Marshal(credential))
	}
	return nil
}

func (c *credentials) copyContent() map[wire.Tag]wire.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.content)
}
