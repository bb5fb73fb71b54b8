package site

import (
	"context"
	"errors"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// An Audit stands around an act that somebody answers for, in the act's own
// transaction.
type Audit struct {
	By     string                       // who gives what the act gives to users
	Before func(*store.Tx) error        // may refuse the act; nil: nothing does
	After  func(*store.Tx, error) error // notes the act, or that it failed: then nothing else is kept of it
}

// Audited returns the site for acts that are noted: each of its acts and what
// After writes of it are on the disk together, or neither is.
func (s *Site) Audited(a Audit) *Site {
	audited := *s
	audited.audit = a
	return &audited
}

// errAgain ends an attempt at an act that is made again: it was not one.
var errAgain = errors.New("again")

// Update runs an act of the site in a transaction that may write.
func (s *Site) Update(ctx context.Context, act func(*store.Tx) error) error {
	if s.audit.After == nil {
		return s.store.Update(ctx, func(tx *store.Tx) error {
			if err := s.sealedAlike(tx); err != nil {
				return err
			}
			return act(tx)
		})
	}
	var failed error
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		if err := s.sealedAlike(tx); err != nil {
			return err
		}
		failed = tx.Try(func() error {
			if s.audit.Before != nil {
				if err := s.audit.Before(tx); err != nil {
					return err
				}
			}
			return act(tx)
		})
		if errors.Is(failed, errAgain) {
			return failed
		}
		return s.audit.After(tx, failed)
	})
	if err != nil { // nothing is noted, so nothing is told
		return err
	}
	return failed
}

// View runs act in a transaction that only reads, and sees one moment.
func (s *Site) View(ctx context.Context, act func(*store.Tx) error) error {
	return s.store.View(ctx, act)
}

// Seal encrypts a secret that is kept in the site's database, as number id of
// its kind. Unseal opens it.
func (s *Site) Seal(kind string, id int64, secret []byte) []byte {
	return s.vault.Seal(kind, uint64(id), secret)
}

// Unseal decrypts what Seal returned for the same kind and id.
func (s *Site) Unseal(kind string, id int64, sealed []byte) ([]byte, error) {
	return s.vault.Unseal(kind, uint64(id), sealed)
}
