package site

import (
	"bytes"
	"errors"
	"io/fs"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// Reseal encrypts everything that the site keeps encrypted with a new storage key:
// who has the old one, from a backup that went astray, opens nothing that is
// written from now on. password is the kind as which Seal sealed administrators'
// passwords. PromoteStorageKey must follow the transaction.
//
// The order of the steps makes it whole at each moment: the new key is on the
// disk, all is encrypted with it in one transaction, it takes the old one's
// place. Open finishes what was cut short after the second. The site, and all
// others of this directory that are open, must be opened anew after it; until
// then they write nothing.
func (s *Site) Reseal(tx *store.Tx, password string) error {
	next, err := vault.Next(s.dir) // nobody else writes now, so nobody else changes the key
	if err != nil {
		return err
	}
	return tx.Reseal(func(kind string, id uint64, sealed []byte) ([]byte, error) {
		secret, err := s.vault.Unseal(kind, id, sealed)
		if err != nil {
			return nil, err
		}
		defer clear(secret)
		return next.Seal(kind, id, secret), nil
	}, store.Kinds{Signing: sealedSigning, Authority: sealedAuthority, SiteKey: sealedSiteKey, Password: password})
}

// PromoteStorageKey puts the key of a Reseal that is on the disk in the old one's
// place.
func (s *Site) PromoteStorageKey() error { return vault.Promote(s.dir) }

// settle returns the storage key that a site's row is encrypted with: the one in
// force, or the next one, which is promoted then.
func currentStorageKey(dir string, row *store.Site, v *vault.Vault) (*vault.Vault, error) {
	if opensSigning(v, row.Signing) {
		return v, nil
	}
	next, err := vault.OpenNext(dir)
	if errors.Is(err, fs.ErrNotExist) {
		// Another process may have promoted it since the key was read.
		return vault.Open(dir)
	}
	if err != nil || !opensSigning(next, row.Signing) {
		return v, err
	}
	return next, vault.Promote(dir)
}

// opensSigning says whether a site's signing key is encrypted with a storage key.
func opensSigning(v *vault.Vault, sealed []byte) bool {
	seed, err := v.Unseal(sealedSigning, 0, sealed)
	clear(seed)
	return err == nil
}

// errResealed says that the storage key was changed while the site was open.
var errResealed = errors.New("the site's storage key was changed at this moment; try again")

// sealedAlike refuses to write what nobody could open again.
func (s *Site) checkStorageKey(tx *store.Tx) error {
	row, err := tx.Site()
	if err == nil && !bytes.Equal(row.Signing, s.sealed) {
		err = errResealed
	}
	return err
}
