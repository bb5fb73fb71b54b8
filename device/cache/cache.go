// Package cache is what the controller told this reader, on its disk: the
// credentials of an epoch, as a signed snapshot and the signed deltas after it,
// and the reader's policy. Nothing it answers is without the controller's
// signature.
package cache

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"latchkey/sync/wire"
)

// A Place is a place in the credential log. Epoch 0 is none.
type Place struct {
	Epoch    uint64
	Revision uint64
	Hash     wire.Hash // h(Revision)
}

// Options say where a cache lies and whose signature counts.
type Options struct {
	Dir        string            // the data directory
	Site       wire.SiteID       //
	Controller ed25519.PublicKey //
	Highest    Place             // the highest ever applied, as the journal says: what ends before it is damaged, not torn
}

// An Epoch is what tags are made with.
type Epoch struct {
	Number  uint64
	KDF     wire.KDF
	KeyFile string // path of the site key, for pin.OpenKey
}

// Errors of a look-up. Any other error is of this reader's disk.
var (
	ErrUnknown = errors.New("unknown tag")
	ErrEpoch   = errors.New("the epoch has changed")
	ErrEmpty   = errors.New("no credentials are held")
)

// Errors of Apply.
var (
	ErrGap    = errors.New("does not follow what is held: fetch")
	ErrForked = errors.New("another history than what is held: a snapshot is needed")
)

// ErrOlder says that what came is older than what is held.
var ErrOlder = errors.New("older than what is held")

// Damage says that a part of the cache does not bear the controller's
// signature, or cannot be read.
type Damage struct {
	Chunk int // of the snapshot held; -1: manifest or deltas
	Err   error
}

func (d *Damage) Error() string { return fmt.Sprintf("chunk %d: %v", d.Chunk, d.Err) }

// Unwrap returns what is wrong.
func (d *Damage) Unwrap() error { return d.Err }

// Cache is the credentials on the disk. One goroutine may write (Apply,
// PutKey, Begin, PutChunk) while any number look up.
type Cache struct{}

// Open opens what is on the disk, writing nothing. It never fails: a cache
// that is not there, or damaged, is one that answers nothing (see Fault) and
// waits for a snapshot.
func Open(o Options) *Cache { return &Cache{} }

// Close lets go of the files; look-ups under way end first.
func (c *Cache) Close() error { return nil }

// Held returns the place in the log that look-ups answer for.
func (c *Cache) Held() Place { return Place{} }

// Behind says whether less is held than that.
func (c *Cache) Behind(epoch, revision uint64) bool { return true }

// Fault returns what is wrong with what is held: ErrEmpty, a *Damage, or nil.
func (c *Cache) Fault() error { return ErrEmpty }

// Epoch returns what tags are made with; the error is ErrEmpty if nothing is
// held.
func (c *Cache) Epoch() (Epoch, error) { return Epoch{}, ErrEmpty }

// Lookup returns the credential of a tag that was made with an epoch's key.
// Errors: ErrUnknown, ErrEpoch, ErrEmpty, *Damage.
func (c *Cache) Lookup(epoch uint64, tag wire.Tag) (*wire.Credential, error) { return nil, ErrEmpty }

// Apply checks a signed delta and applies it durably: one write and one
// fdatasync. It says false, without error, of one that brings nothing new.
// Errors: ErrGap, ErrForked, wire.ErrSignature, wire.ErrEncoding, or the
// disk's.
func (c *Cache) Apply(signed []byte) (applied bool, err error) { return false, ErrGap }

// WantsSnapshot says that there are so many deltas that a snapshot is better.
func (c *Cache) WantsSnapshot() bool { return false }

// PutKey stores the site key of a new epoch. It is switched to as soon as its
// snapshot is complete: switched says that it was now.
func (c *Cache) PutKey(epoch uint64, key *[32]byte) (switched bool, err error) { return false, nil }

// Begin checks a signed manifest and prepares to receive its chunks beside
// what is held; chunks that were received before a restart are kept. ErrOlder:
// it is not newer than what is held, and that is whole.
func (c *Cache) Begin(signedManifest []byte) (switched bool, err error) { return false, nil }

// Missing returns up to limit numbers of chunks that are wanted, and of which
// snapshot: those of the one being received, or the damaged ones of that held.
func (c *Cache) Missing(limit int) (of Place, chunks []int) { return Place{}, nil }

// PutChunk stores a chunk of the snapshot being received, or puts one right of
// the snapshot held. switched says that it was the last, and what is held has
// changed.
func (c *Cache) PutChunk(epoch, revision uint64, i int, chunk []byte) (switched bool, err error) {
	return false, nil
}

// Scrub reads everything held, one chunk every so often, and calls damaged for
// each that is. It returns nil at the end, or the context's error.
func (c *Cache) Scrub(ctx context.Context, every time.Duration, damaged func(*Damage)) error {
	return nil
}

// Install makes the epoch of an adoption bundle what the data directory holds,
// and removes every other epoch. Of the same site it keeps what is there if
// that is whole, and newer or equal. It can be done twice. No Cache may be open
// there.
func Install(o Options, bundle *wire.Bundle) error { return nil }

// LoadPolicy reads the policy of a reader. The error wraps fs.ErrNotExist when
// there is none.
func LoadPolicy(o Options, reader string) (*wire.Policy, error) { return nil, nil }

// StorePolicy checks a signed policy and stores it durably. ErrOlder: one of a
// higher revision, or of the same and another content, is held.
func StorePolicy(o Options, reader string, signed []byte) (*wire.Policy, error) { return nil, nil }
