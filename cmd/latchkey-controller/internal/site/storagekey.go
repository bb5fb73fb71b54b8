package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// Reseal re-encrypts all of the site's secrets with a new storage key. password is the
// kind with which Seal sealed administrators' passwords. Call PromoteStorageKey after
// the transaction; if the program ends before that, the next Open does. Other open
// instances of the site cannot write until they are reopened.
func (s *Site) Reseal(tx *store.Tx, password string) error {
	next, err := vault.Next(s.dir) // the transaction keeps others from changing the key
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
	}, store.Kinds{Signing: sealedSigning, Authority: sealedAuthority, SiteKey: sealedSiteKey, CardMaster: sealedCardMaster, GrantKey: sealedGrantKey, Password: password, Webhook: SealedWebhook, Mail: SealedMail, OIDC: SealedOIDC})
}

// PromoteStorageKey replaces the storage key with the new one of Reseal.
func (s *Site) PromoteStorageKey() error { return vault.Promote(s.dir) }

// currentStorageKey returns the storage key that encrypts a site's row: the current
// one, or the next one, which it promotes.
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

// opensSigning says whether a storage key decrypts a site's signing key.
func opensSigning(v *vault.Vault, sealed []byte) bool {
	seed, err := v.Unseal(sealedSigning, 0, sealed)
	clear(seed)
	return err == nil
}

// errResealed says that the storage key changed while the site was open.
var errResealed = errors.New("the site's storage key has just changed; try again")

// StorageKeyFile is the file with the storage key.
func (s *Site) StorageKeyFile() string { return filepath.Join(s.dir, vault.KeyFile) }

// A ResealedError says that the storage key was changed, in the directory of another controller, while the site was open.
type ResealedError struct{ Dir string }

func (e *ResealedError) Error() string {
	return fmt.Sprintf("the site's storage key was changed in the directory of another controller; copy its %s to %s, and start this controller again", vault.KeyFile, e.Dir)
}

// StorageKeyChanged returns a ResealedError if the storage key was changed since the site was opened.
func (s *Site) StorageKeyChanged(ctx context.Context) error {
	err := s.View(ctx, s.checkStorageKey)
	if errors.Is(err, errResealed) {
		err = &ResealedError{s.dir}
	}
	return err
}

// checkStorageKey refuses to write what the current storage key could not decrypt, and to a database
// that the site has left.
func (s *Site) checkStorageKey(tx *store.Tx) error {
	signing, err := tx.SealedSigning()
	if err == nil && !bytes.Equal(signing, s.sealed) {
		err = errResealed
	}
	return err
}
