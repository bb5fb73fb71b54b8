// Package cache stores on disk what the controller told this reader: the credentials
// of an epoch, as a signed snapshot and the signed deltas after it, and the reader's
// policy. The controller's signature covers every answer.
//
// # On the disk
//
// The disk holds the messages as they came. An epoch is a directory epoch-N in the data
// directory with three files: key, the epoch's keys and their CRC-32C; credentials.cbor, a
// CBOR sequence of the signed manifest and its chunks; deltas.cbor, a CBOR sequence of
// signed deltas. policy.cbor is beside it.
//
//   - A delta is added with one write and one fdatasync.
//   - A snapshot of the same epoch is received in credentials.new, which one rename
//     turns into credentials.cbor. Opening skips the deltas that it contains, so it
//     does not matter when they are removed.
//   - A new epoch is received in the directory epoch-N.new, which one rename turns into
//     epoch-N. The highest N counts; lower ones are removed.
//
// # Trust
//
// Messages are verified before they come here: only a verified delta, manifest or
// policy has such a type of package wire. Opening checks the manifest's signature, the
// hash chain of the deltas, and the last delta's signature, which covers the others. A
// look-up checks the SHA-256 of the chunk or the change that it reads. So a damaged
// disk can make an answer fail (*Damage), but never change it.
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

// Options say where a cache is and whose signature counts.
type Options struct {
	Dir        string            // the data directory
	Site       wire.SiteID       //
	Controller ed25519.PublicKey //
	Highest    wire.Position     // the highest ever applied, from the journal: what ends before it is damaged, not torn
}

// An Epoch is what a tag depends on, besides the PIN or the card.
type Epoch struct {
	Number  uint64
	KDF     wire.KDF
	KeyFile string // path of its keys, for ReadKey
}

// Errors of a look-up; the only other one is *Damage.
var (
	ErrUnknown = errors.New("unknown tag")
	ErrEpoch   = errors.New("the epoch has changed")
	ErrEmpty   = errors.New("no credentials are held")
)

// Damage says that a part of the cache cannot be read, or is not what the controller
// signed.
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

// Cache is the credentials on the disk. Any number of goroutines may look up while
// another writes (Apply, PutKey, Begin, PutChunks, Resume); writers wait for each other.
type Cache struct {
	o       Options
	buffers sync.Pool // of look-ups: *[wire.MaxChunk]byte

	writing  sync.Mutex // one writer at a time; it may read all below
	incoming *incoming  // the snapshot being received; of writers only

	mu     sync.RWMutex // of what follows: look-ups read, the writer changes it
	held   *view        // nil: nothing can be looked up
	fault  error        // why not, or what is wrong with manifest or deltas: *Damage, ErrEmpty
	bad    map[int]*Damage
	noRoom error // the snapshot offered last does not fit the disk; nil: it does
}

// Open opens what is on the disk and writes nothing. It never fails: a cache that is
// missing or damaged answers nothing (see Fault) and waits for a snapshot.
func Open(o Options) *Cache {
	c := &Cache{o: o, fault: ErrEmpty, bad: map[int]*Damage{}}
	c.buffers.New = func() any { return new([wire.MaxChunk]byte) }
	epoch, err := newestEpoch(o.Dir, "")
	var v *view
	if err == nil && epoch != 0 {
		durable.Tidy(c.dir(epoch)) // what it cannot remove only costs room
		v, err = openView(&c.o, epoch)
	}
	if err != nil || v != nil {
		c.hold(v, err)
	}
	return c
}

// hold makes an opened view what is held; nil: err says why there is none.
func (c *Cache) hold(v *view, err error) {
	c.held, c.fault = v, nil
	switch {
	case err != nil:
		c.fault = &Damage{-1, err}
	case v.damage != nil:
		c.fault = &Damage{-1, v.damage}
	}
	if v != nil {
		c.reached()
	}
}

// Close closes the files once look-ups under way have ended. Afterwards nothing is held.
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

// Held returns the position in the log that look-ups answer for, the zero wire.Position
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

// Epoch returns the epoch that is held. The error wraps ErrEmpty if nothing can be
// looked up.
func (c *Cache) Epoch() (Epoch, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.held == nil {
		return Epoch{}, c.empty()
	}
	m := c.held.manifest
	return Epoch{m.Epoch, m.KDF, filepath.Join(c.held.dir, keyFile)}, nil
}

// WantsSnapshot says that the cache needs a snapshot, or would be better off with one:
// nothing can be looked up, manifest or deltas were damaged while they were held, or
// there are 4,096 deltas or 1 MiB of them.
func (c *Cache) WantsSnapshot() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v := c.held
	return v == nil || c.fault != nil && v.damage == nil || len(v.deltas) >= wantDeltas || v.end >= wantBytes
}

// From wantDeltas or wantBytes on a snapshot is wanted; above mostDeltas or mostBytes no
// delta is applied.
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

// damaged remembers what is damaged, unless the view is no longer held.
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

// Missing returns the numbers of up to limit chunks that are wanted, in ascending order,
// and of which snapshot: the one being received or, if there is none, the damaged
// chunks of the one held.
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
