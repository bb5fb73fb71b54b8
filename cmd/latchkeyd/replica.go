package main

import (
	"errors"
	"fmt"
	"iter"

	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/journal"
	"latchkey/sync"
	"latchkey/sync/wire"
)

// linkedCache is the cache as the link wants it: with the link's errors.
type linkedCache struct{ *cache.Cache }

// Fault says also that a newer set has no room: what is held is as good as it was.
func (c linkedCache) Fault() error {
	if err := c.Cache.Fault(); err != nil {
		return err
	}
	return c.Cache.Lack()
}

func (c linkedCache) Apply(signed []byte) (applied bool, err error) {
	applied, err = c.Cache.Apply(signed)
	return applied, linkError(err)
}

func (c linkedCache) PutKey(epoch uint64, key *[32]byte) (switched bool, err error) {
	switched, err = c.Cache.PutKey(epoch, key)
	return switched, linkError(err)
}

func (c linkedCache) Begin(manifest []byte) (switched bool, err error) {
	switched, err = c.Cache.Begin(manifest)
	return switched, linkError(err)
}

func (c linkedCache) Resume() (of wire.Place, switched bool, err error) {
	of, switched, err = c.Cache.Resume()
	return of, switched, linkError(err)
}

func (c linkedCache) PutChunks(epoch, revision uint64, chunks []wire.ChunkPart) (switched bool, err error) {
	switched, err = c.Cache.PutChunks(epoch, revision, chunks)
	return switched, linkError(err)
}

// linkedJournal is the journal as the link wants it.
type linkedJournal struct{ *journal.Journal }

func (j linkedJournal) Records(from uint64) iter.Seq2[sync.Entry, error] {
	return func(yield func(sync.Entry, error) bool) {
		for entry, err := range j.Journal.Records(from) {
			if !yield(sync.Entry(entry), err) {
				return
			}
		}
	}
}

func (j linkedJournal) Ack(id wire.JournalID, number uint64, hash wire.Hash) error {
	return linkError(j.Journal.Ack(id, number, hash))
}

// linkError says in the link's words what cache and journal say in theirs.
func linkError(err error) error {
	switch {
	case errors.Is(err, cache.ErrForked):
		return fmt.Errorf("%w: %w", sync.ErrForked, err)
	case errors.Is(err, cache.ErrGap), errors.Is(err, cache.ErrOlder), errors.Is(err, cache.ErrUnasked), errors.Is(err, journal.ErrNotHeld):
		return fmt.Errorf("%w: %w", sync.ErrUnfit, err)
	}
	return err
}

// storePolicy stores a policy that can be put in force; ErrUnfit: it cannot, or
// is not newer than the one held.
func storePolicy(o cache.Options, reader string, signed []byte) (*wire.Policy, error) {
	payload, err := wire.Open(wire.KindPolicy, o.Site, signed, wire.MaxMessage, o.Controller)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sync.ErrUnfit, err)
	}
	policy, err := wire.ParsePolicy(payload)
	if err == nil {
		_, err = device.LoadPolicy(policy)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sync.ErrUnfit, err)
	}
	policy, err = cache.StorePolicy(o, reader, signed)
	return policy, linkError(err)
}
