package site

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// A UserWrite is a user to be added or changed, with new credentials.
type UserWrite struct {
	User  *store.User
	Was   *store.User // as stored; nil: to be added
	PIN   *NewPIN     // for who has none, without limits; nil: none
	Cards [][]byte    // UIDs
}

// PreparedUsers are users to be added or changed whose tags, sealed secrets and changes of the
// log are computed.
type PreparedUsers struct {
	epoch  uint64 // of the tags
	writes []*store.UserWrite
}

// PrepareUsers computes what WriteUsers writes, outside its transaction, which keeps others from
// writing. It fills in the ids of users to be added. If they are never written, their ids stay
// unused. by is who assigns the credentials.
func (s *Site) PrepareUsers(ctx context.Context, by string, users []UserWrite) (*PreparedUsers, error) {
	added, credentials := 0, 0
	for _, w := range users {
		if w.Was == nil {
			added++
		}
		if credentials += len(w.Cards); w.PIN != nil {
			credentials++
		}
	}
	var epoch *store.Epoch
	var keys *pin.Keys
	var nextUser, nextCredential uint64
	err := s.Update(ctx, func(tx *store.Tx) (err error) {
		if epoch, err = tx.Epoch(); err != nil {
			return err
		}
		if keys, err = s.tagKeys(tx); err != nil {
			return err
		}
		if nextUser, err = tx.ReserveUsers(added); err != nil {
			return err
		}
		nextCredential, err = tx.ReserveCredentials(credentials)
		return err
	})
	if err != nil {
		return nil, err
	}
	p := &PreparedUsers{epoch: epoch.Number}
	for _, w := range users {
		write := &store.UserWrite{User: w.User, Was: w.Was}
		if w.Was == nil {
			w.User.ID = nextUser
			nextUser++
		}
		add := func(kind wire.CredentialKind, material []byte) error {
			tag, err := keys.Tag(kind, material)
			write.Added = append(write.Added, &store.Credential{ID: nextCredential, Kind: kind, By: by, Tag: tag, Material: s.vault.Seal(kind.String(), nextCredential, material)})
			nextCredential++
			return err
		}
		if w.PIN != nil {
			if w.PIN.kdf != epoch.KDF {
				return nil, errKDF
			}
			if err := add(wire.PIN, w.PIN.material); err != nil {
				return nil, err
			}
		}
		for _, uid := range w.Cards {
			if err := add(wire.Card, uid); err != nil {
				return nil, err
			}
		}
		p.writes = append(p.writes, write)
	}
	return p, store.Prepare(p.writes)
}

// ErrOutdated says that what was prepared can no longer be written.
var ErrOutdated = language.Say("the site's keys have just changed, or a PIN or card has just been given to somebody; try again")

// WriteUsers adds and changes users after PrepareUsers. It relies on it that those to be changed
// are still as they were. The error may be ErrOutdated or *OldReaders.
func (s *Site) WriteUsers(tx *store.Tx, now time.Time, p *PreparedUsers) error {
	epoch, err := tx.Epoch()
	if err != nil {
		return err
	}
	if epoch.Number != p.epoch {
		return ErrOutdated
	}
	for _, w := range p.writes {
		if w.Was == nil {
			w.User.Created = now.Unix()
		}
	}
	err = writeUsers(tx, now, p.writes)
	if errors.Is(err, store.ErrTagTaken) {
		return ErrOutdated
	}
	return err
}

// SetUsers updates users who were as in was. If that ends a suspension, all readers must
// understand the credentials.
func SetUsers(tx *store.Tx, now time.Time, was, users []*store.User) error {
	writes := make([]*store.UserWrite, len(users))
	for i, u := range users {
		writes[i] = &store.UserWrite{User: u, Was: was[i]}
	}
	if err := store.Prepare(writes); err != nil {
		return err
	}
	return writeUsers(tx, now, writes)
}

func writeUsers(tx *store.Tx, now time.Time, writes []*store.UserWrite) error {
	var resumed []uint64
	for _, w := range writes {
		if w.Was != nil && w.Was.Suspended && !w.User.Suspended {
			resumed = append(resumed, w.User.ID)
		}
	}
	all, err := tx.CredentialsOfAll(resumed)
	if err != nil {
		return err
	}
	for _, credentials := range all {
		// Readers may have been adopted since that were not told to be too old for them.
		if slices.ContainsFunc(credentials, func(c *store.Credential) bool { return c.Duress || c.Limited() }) {
			if err := allUnderstand(tx, wire.LevelProofs); err != nil {
				return err
			}
			break
		}
	}
	return tx.WriteUsers(now.Unix(), writes)
}
