package site

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// NewEpoch begins an epoch with a number greater than above: a new site key, the same
// salt, new tags, and a log that starts from nothing and adds the current
// credentials. The previous site key and tags become useless. Nobody needs to enter
// their PIN again.
func (s *Site) NewEpoch(tx *store.Tx, now time.Time, above uint64) (uint64, error) {
	last, err := tx.Epoch()
	if err != nil {
		return 0, err
	}
	number, err := addEpoch(tx, s.vault, now, above, last.KDF)
	if err != nil {
		return 0, err
	}
	keys, err := s.tagKeys(tx)
	if err != nil {
		return 0, err
	}
	credentials, err := tx.Credentials()
	if err != nil {
		return 0, err
	}
	byID, err := usersByID(tx)
	if err != nil {
		return 0, err
	}
	master, err := s.cardMaster(tx)
	if err != nil {
		return 0, err
	}
	defer master.wipe()
	for some := range slices.Chunk(credentials, retaggedAtOnce) {
		for _, c := range some {
			material, err := s.vault.Unseal(c.Kind.String(), c.ID, c.Material)
			if err != nil {
				return 0, err
			}
			c.Tag, err = keys.Tag(c.Kind, material)
			if err == nil {
				c.CardKey, err = master.wrap(keys, c, material)
			}
			clear(material)
			if err != nil {
				return 0, err
			}
		}
		if err := tx.Retag(now.Unix(), some, byID); err != nil {
			return 0, err
		}
	}
	if err := s.rewrap(tx); err != nil {
		return 0, err
	}
	return number, notePINKeys(tx, "")
}

// retaggedAtOnce is how many credentials of an epoch are computed and then stored: the server ends a
// transaction that computes for as long as all of a million take.
const retaggedAtOnce = 5000

// addEpoch stores an epoch with a number greater than above and a new site key.
func addEpoch(tx *store.Tx, v *vault.Vault, now time.Time, above uint64, kdf wire.KDF) (number uint64, err error) {
	if number, err = tx.NextEpoch(now.Unix()); err != nil {
		return 0, err
	}
	number = max(number, above+1)
	var siteKey [pin.KeySize]byte
	rand.Read(siteKey[:])
	defer clear(siteKey[:])
	return number, tx.AddEpoch(&store.Epoch{Number: number, Created: now.Unix(), KDF: kdf, Key: v.Seal(sealedSiteKey, number, siteKey[:]), Split: true})
}

// Reissue begins a new epoch for a site that was restored to an older state, as a
// reader proves with a head signed by this site, whose position the log lacks. The epoch is above what readers have
// seen, policies get higher revisions, and ids of users and credentials that may have
// been in use are skipped. Administrators stay signed in. The error is ErrNoticed if the log does not lack it any more.
// reader is who has shown the head, for the alarm; "": the broker.
func (s *Site) Reissue(ctx context.Context, now time.Time, position wire.Position, reader string) (number uint64, err error) {
	return s.reissue(ctx, now, position.Epoch, func(tx *store.Tx) error { return lacking(tx, position) }, foreign(now, reader))
}

// foreign raises the alarm of an epoch that begins for what a reader has shown, in the same transaction: without it
// others begin one more, see store.Tx.NoticedRestore.
func foreign(now time.Time, reader string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return tx.AddAlarm(store.NewAlarm(reader, store.LogForeign, now.UnixMilli(),
			language.Say("the database was restored to an older state: it does not know an epoch and revision that its log has had; check the users and readers that were changed since then")))
	}
}

// ErrNoticed says that another one was faster to notice that the database was restored.
var ErrNoticed = errors.New("an epoch has begun for it already")

func lacking(tx *store.Tx, position wire.Position) error {
	is, err := lacks(tx, position)
	if err == nil && !is {
		err = ErrNoticed
	}
	return err
}

// claimInterval is how often a reader's unproven claim may begin an epoch: each costs
// every reader a snapshot.
const claimInterval = time.Hour

// ErrClaimed says that such a claim began an epoch less than claimInterval ago.
var ErrClaimed = errors.New("a reader's claim began an epoch less than an hour ago")

// ReissueOnClaim is Reissue on a reader's unproven claim that the site was restored.
// The reader does not choose the number. The error is ErrClaimed if the last such
// claim is too recent.
func (s *Site) ReissueOnClaim(ctx context.Context, at clock.Reading, position wire.Position, reader string) (number uint64, err error) {
	now := s.Time(at)
	return s.reissue(ctx, now, 0, func(tx *store.Tx) error {
		if err := lacking(tx, position); err != nil {
			return err
		}
		m, err := tx.Clock(at)
		if err != nil {
			return err
		}
		last, err := tx.LastClaim()
		if err == nil && m.Time().Sub(last) < claimInterval {
			return ErrClaimed
		}
		return errors.Join(err, tx.SetLastClaim(m.Time()))
	}, foreign(now, reader))
}

func (s *Site) reissue(ctx context.Context, now time.Time, above uint64, first func(*store.Tx) error, last ...func(*store.Tx) error) (number uint64, err error) {
	err = s.Update(ctx, func(tx *store.Tx) error {
		if err := first(tx); err != nil {
			return err
		}
		if number, err = s.NewEpoch(tx, now, above); err != nil {
			return err
		}
		if err := tx.ForgetModeReaders(); err != nil { // what readers confirmed may be over since
			return err
		}
		readers, err := tx.Readers()
		if err != nil {
			return err
		}
		if err := putModesOf(tx, now, readers, true); err != nil {
			return err
		}
		if err := tx.SkipIDs(); err != nil {
			return err
		}
		if err := tx.MarkRestored(); err != nil {
			return err
		}
		for _, act := range last {
			if err := act(tx); err != nil {
				return err
			}
		}
		return nil
	})
	return number, err
}

// AddAlarm raises an alarm.
func (s *Site) AddAlarm(ctx context.Context, a *store.Alarm) error {
	return s.store.Update(ctx, func(tx *store.Tx) error { return tx.AddAlarm(a) })
}
