package site

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// NewEpoch begins an epoch above a number: a new site key, the same salt, all
// tags made anew, and a log that leads from nothing to the credentials there
// are. Whoever has seen the tags and the site key of the last one has nothing of
// it; nobody's PIN is needed.
func (s *Site) NewEpoch(tx *store.Tx, now time.Time, above uint64) (uint64, error) {
	last, err := tx.Epoch()
	if err != nil {
		return 0, err
	}
	epoch := &store.Epoch{Created: now.Unix(), KDF: last.KDF}
	if epoch.Number, err = tx.NextEpoch(now.Unix()); err != nil {
		return 0, err
	}
	epoch.Number = max(epoch.Number, above+1)
	var siteKey [32]byte
	rand.Read(siteKey[:])
	defer clear(siteKey[:])
	epoch.Key = s.vault.Seal(sealedSiteKey, epoch.Number, siteKey[:])
	if err := tx.AddEpoch(epoch); err != nil {
		return 0, err
	}
	credentials, err := tx.Credentials()
	if err != nil {
		return 0, err
	}
	users, err := tx.Users()
	if err != nil {
		return 0, err
	}
	byID := make(map[uint64]*store.User, len(users))
	for _, u := range users {
		byID[u.ID] = u
	}
	key := pin.NewKey(siteKey)
	for _, c := range credentials {
		material, err := s.vault.Unseal(c.Kind.String(), c.ID, c.Material)
		if err != nil {
			return 0, err
		}
		c.Tag, err = key.Tag(c.Kind, material)
		clear(material)
		if err != nil {
			return 0, err
		}
	}
	return epoch.Number, tx.Retag(now.Unix(), credentials, func(c *store.Credential) wire.Credential { return byID[c.User].Wire(c) })
}

// Reissue begins a new epoch for a site that was put back to an older state, as a reader
// shows by a head that bears the site's signature: above what readers have seen, with
// policies above those that they have, and numbers of users and credentials that have not
// been anybody's. Administrators stay signed in: no reader has a say in that.
func (s *Site) Reissue(ctx context.Context, now time.Time, above uint64) (number uint64, err error) {
	return s.reissue(ctx, now, above, func(*store.Tx) error { return nil })
}

// claimInterval is how often a reader's word alone begins an epoch: it costs
// every reader a snapshot.
const claimInterval = time.Hour

// ErrClaimed says that a reader's word began an epoch less than an hour ago.
var ErrClaimed = errors.New("a reader's word began an epoch less than an hour ago")

// ReissueOnClaim is Reissue where nothing but a reader's word says that the site
// was put back: it does not choose the number. Or the error is ErrClaimed.
func (s *Site) ReissueOnClaim(ctx context.Context, at clock.Reading) (number uint64, err error) {
	return s.reissue(ctx, at.Wall, 0, func(tx *store.Tx) error {
		m, err := tx.Clock(at)
		if err != nil {
			return err
		}
		last, err := tx.LastClaim()
		if err == nil && m.Time().Sub(last) < claimInterval {
			return ErrClaimed
		}
		return errors.Join(err, tx.SetLastClaim(m.Time()))
	})
}

func (s *Site) reissue(ctx context.Context, now time.Time, above uint64, first func(*store.Tx) error) (number uint64, err error) {
	err = s.Update(ctx, func(tx *store.Tx) error {
		if err := first(tx); err != nil {
			return err
		}
		if number, err = s.NewEpoch(tx, now, above); err != nil {
			return err
		}
		readers, err := tx.Readers()
		if err != nil {
			return err
		}
		for _, id := range readers {
			p, err := tx.Policy(id)
			if err != nil {
				return err
			}
			if err := tx.SetPolicy(now.Unix(), p); err != nil {
				return err
			}
		}
		if err := tx.SkipIDs(); err != nil {
			return err
		}
		return tx.MarkRestored()
	})
	return number, err
}

// AddAlarm raises an alarm.
func (s *Site) AddAlarm(ctx context.Context, a *store.Alarm) error {
	return s.store.Update(ctx, func(tx *store.Tx) error { return tx.AddAlarm(a) })
}
