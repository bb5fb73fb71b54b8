// Package cache is what the controller told this reader, on its disk: the
// credentials of an epoch, as a signed snapshot and the signed deltas after it,
// and the reader's policy. Nothing it answers is without the controller's
// signature.
//
// # On the disk
//
// What is on the wire is what is on the disk. An epoch is a directory epoch-N
// in the data directory with three files: key, the site key and its CRC-32C;
// credentials.cbor, a CBOR sequence of the signed manifest and its chunks;
// deltas.cbor, a CBOR sequence of signed deltas. policy.cbor lies beside it.
//
//   - A delta is added with one write and one fdatasync.
//   - A snapshot of the same epoch arrives as credentials.new beside
//     credentials.cbor and takes its place by one rename. Deltas that it
//     contains are passed over when the cache is opened, so it does not matter
//     when they are removed.
//   - A new epoch arrives as the directory epoch-N.new, and becomes epoch-N by
//     one rename. The highest N is the one that counts; lower ones are removed.
//
// # Trust
//
// What is stored was verified when it arrived: a delta, a manifest and a policy
// come as the types of package wire that only a verified message can become.
// Opening checks the manifest's signature, the chain of the deltas by hash, and
// the last one's signature, which covers those before it. A look-up checks the
// SHA-256 of the chunk, or of the change, that it read against what was signed.
// So a damaged disk can make an answer fail (*Damage), and never change it.
package cache

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// Options say where a cache lies and whose signature counts.
type Options struct {
	Dir        string            // the data directory
	Site       wire.SiteID       //
	Controller ed25519.PublicKey //
	Highest    wire.Position     // the highest ever applied, as the journal says: what ends before it is damaged, not torn
}

// An Epoch is what tags are made with.
type Epoch struct {
	Number  uint64
	KDF     wire.KDF
	KeyFile string // path of the site key, for ReadKey
}

// Errors of a look-up; the only other one is *Damage.
var (
	ErrUnknown = errors.New("unknown tag")
	ErrEpoch   = errors.New("the epoch has changed")
	ErrEmpty   = errors.New("no credentials are held")
)

// Damage says that a part of the cache does not bear the controller's
// signature, or cannot be read.
type Damage struct {
	Chunk int // of the snapshot held; -1: manifest or deltas
	Err   error
}

func (d *Damage) Error() string {
	if d.Chunk < 0 {
		return fmt.Sprintf("credentials are damaged: %v", d.Err)
	}
	return fmt.Sprintf("credentials are damaged: chunk %d: %v", d.Chunk, d.Err)
}

// Unwrap returns what is wrong.
func (d *Damage) Unwrap() error { return d.Err }

// Cache is the credentials on the disk. Any number of goroutines may look up
// while another writes (Apply, PutKey, Begin, PutChunks, Resume); writers wait
// for each other.
type Cache struct {
	o       Options
	buffers sync.Pool // of look-ups: *[wire.MaxChunk]byte

	writing  sync.Mutex // one writer at a time; it may read all below
	incoming *incoming  // the snapshot being received; of writers only

	mu    sync.RWMutex // of what follows: look-ups read, the writer changes it
	held  *view        // nil: nothing can be looked up
	fault error        // why nothing can, or what is wrong with manifest or deltas: *Damage, ErrEmpty
	bad   map[int]*Damage
	lack  *NoRoomError // of the snapshot that was offered last; nil: there was room
}

// Open opens what is on the disk, writing nothing. It never fails: a cache
// that is not there, or damaged, is one that answers nothing (see Fault) and
// waits for a snapshot.
func Open(o Options) *Cache {
	c := &Cache{o: o, fault: ErrEmpty, bad: map[int]*Damage{}}
	c.buffers.New = func() any { return new([wire.MaxChunk]byte) }
	epoch, err := newestEpoch(o.Dir)
	if err == nil && epoch != 0 {
		durable.Tidy(c.dir(epoch)) // what stays costs room and no more
		c.held, err = openView(&c.o, epoch)
	}
	switch {
	case err != nil:
		c.fault = &Damage{-1, err}
	case c.held != nil && c.held.spoilt != nil:
		c.fault = &Damage{-1, c.held.spoilt}
	case c.held != nil:
		c.fault = nil
		c.settle()
	}
	return c
}

// Close lets go of the files; look-ups under way end first. Afterwards nothing
// is held.
func (c *Cache) Close() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.abandon()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil {
		c.held.release()
	}
	c.held, c.fault = nil, ErrEmpty
	return nil
}

// Held returns the position in the log that look-ups answer for; the zero wire.Position
// if there is none.
func (c *Cache) Held() wire.Position {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.held == nil {
		return wire.Position{}
	}
	return c.held.position()
}

// Fault returns what is known to be wrong with what is held: ErrEmpty, a
// *Damage (of chunks the first), or nil.
func (c *Cache) Fault() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.fault != nil {
		return c.fault
	}
	if len(c.bad) > 0 {
		return c.bad[slices.Min(slices.Collect(maps.Keys(c.bad)))]
	}
	return nil
}

// Epoch returns what tags are made with. The error wraps ErrEmpty if nothing
// can be looked up.
func (c *Cache) Epoch() (Epoch, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.held == nil {
		return Epoch{}, c.empty()
	}
	m := c.held.manifest
	return Epoch{m.Epoch, m.KDF, filepath.Join(c.held.dir, keyFile)}, nil
}

// WantsSnapshot says that only a snapshot helps, or that one is better than
// what is held: nothing can be looked up, manifest or deltas were damaged while
// they were held, or there are 4,096 deltas or 1 MiB of them. A cache that is
// behind wants deltas if the controller has them.
func (c *Cache) WantsSnapshot() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v := c.held
	return v == nil || c.fault != nil && v.spoilt == nil || len(v.deltas) >= wantDeltas || v.end >= wantBytes
}

// Above these a snapshot is wanted; above those no delta is taken any more.
const (
	wantDeltas, wantBytes = 4096, 1 << 20
	mostDeltas, mostBytes = 4 * wantDeltas, 4 * wantBytes
)

func (c *Cache) empty() error {
	if c.fault == ErrEmpty {
		return ErrEmpty
	}
	return fmt.Errorf("%w: %w", ErrEmpty, c.fault)
}

// damaged remembers that a chunk of a view is.
func (c *Cache) damaged(v *view, d *Damage) *Damage {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == v {
		if d.Chunk >= 0 {
			c.bad[d.Chunk] = d
		} else {
			c.fault = d
		}
	}
	return d
}

// Missing returns up to limit numbers of chunks that are wanted, ascending, and
// of which snapshot: those of the one being received or, if none is, the
// damaged ones of the one held.
func (c *Cache) Missing(limit int) (of wire.Position, chunks []int) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if in := c.incoming; in != nil {
		return in.manifest.Position(), in.missing(limit)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.held == nil {
		return wire.Position{}, nil
	}
	chunks = slices.Sorted(maps.Keys(c.bad))
	return c.held.manifest.Position(), chunks[:min(limit, len(chunks))]
}
