package site

import (
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// tag returns the tag of a credential's material in the newest epoch.
func (s *Site) tag(tx *store.Tx, kind wire.CredentialKind, material []byte) (wire.Tag, error) {
	keys, err := s.tagKeys(tx)
	if err != nil {
		return wire.Tag{}, err
	}
	return keys.Tag(kind, material)
}

// ErrCardTaken says that a card is already assigned.
var ErrCardTaken = errors.New("the card is already assigned")

// addCredential gives a user a credential. by is who assigns it.
func (s *Site) addCredential(tx *store.Tx, now time.Time, by string, u *store.User, kind wire.CredentialKind, material []byte) error {
	return s.storeCredential(tx, now, u, &store.Credential{Kind: kind, By: by}, material)
}

// storeCredential adds a user's credential, without its tag and material.
func (s *Site) storeCredential(tx *store.Tx, now time.Time, u *store.User, c *store.Credential, material []byte) (err error) {
	if c.Tag, err = s.tag(tx, c.Kind, material); err != nil {
		return err
	}
	err = tx.AddCredential(now.Unix(), u, c, func(id uint64) []byte { return s.vault.Seal(c.Kind.String(), id, material) })
	switch {
	case errors.Is(err, store.ErrTagTaken) && c.Kind == wire.PIN:
		return ErrPINTaken
	case errors.Is(err, store.ErrTagTaken):
		return language.Say("the card %s is already assigned; remove it there first", MaskUID(material)).Because(ErrCardTaken)
	}
	return err
}

// removeCredentials removes those of a user's credentials that match selects, and
// returns how many.
func removeCredentials(tx *store.Tx, now time.Time, user uint64, match func(*store.Credential) bool) (n int, err error) {
	credentials, err := tx.CredentialsOf(user)
	if err != nil {
		return 0, err
	}
	for _, c := range credentials {
		if !match(c) {
			continue
		}
		if err := tx.RemoveCredential(now.Unix(), c); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// AddCard gives a user a card. by is who assigns it.
func (s *Site) AddCard(tx *store.Tx, now time.Time, by string, id uint64, uid []byte) error {
	u, err := User(tx, id)
	if err != nil {
		return err
	}
	return s.addCredential(tx, now, by, u, wire.Card, uid)
}

// AddReadCard gives a user a card whose credential gets an id of store.ReserveCredentials.
func (s *Site) AddReadCard(tx *store.Tx, now time.Time, by string, u *store.User, id uint64, uid []byte) error {
	return s.storeCredential(tx, now, u, &store.Credential{ID: id, Kind: wire.Card, By: by}, uid)
}

// CardWithUID returns whose a card is by its UID, or store.ErrNotFound.
func (s *Site) CardWithUID(tx *store.Tx, uid []byte) (*store.Credential, error) {
	owned, err := s.ownedCard(tx, uid)
	if err == nil && owned.credential == nil {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return owned.credential, nil
}

// RemoveCardUID removes a user's card by its UID.
func (s *Site) RemoveCardUID(tx *store.Tx, now time.Time, id uint64, uid []byte) error {
	u, err := User(tx, id)
	if err != nil {
		return err
	}
	tag, err := s.tag(tx, wire.Card, uid)
	if err != nil {
		return err
	}
	n, err := removeCredentials(tx, now, id, func(c *store.Credential) bool { return c.Tag == tag })
	if err == nil && n == 0 {
		return language.Say("%s does not have the card %s", u.Name, MaskUID(uid))
	}
	return err
}

// RemoveCard removes a user's card by its credential's id.
func RemoveCard(tx *store.Tx, now time.Time, id, credential uint64) error {
	if _, err := User(tx, id); err != nil {
		return err
	}
	n, err := removeCredentials(tx, now, id, func(c *store.Credential) bool { return c.ID == credential && c.Kind == wire.Card })
	if err == nil && n == 0 {
		return absent("the card was removed already")
	}
	return err
}

// UIDs returns the masked UIDs of cards by their credentials' ids.
func (s *Site) UIDs(credentials []*store.Credential) (map[uint64]string, error) {
	uids := map[uint64]string{}
	for _, c := range credentials {
		if c.Kind != wire.Card {
			continue
		}
		uid, err := s.vault.Unseal(c.Kind.String(), c.ID, c.Material)
		if err != nil {
			return nil, err
		}
		uids[c.ID] = MaskUID(uid)
		clear(uid)
	}
	return uids, nil
}
