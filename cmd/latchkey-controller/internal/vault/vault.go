// Package vault encrypts the secrets in a site's database: the signing key, the
// certificate authority's key, each epoch's site key, and the material of PINs and cards.
// The key is in a file beside the database. So a copy of the database alone reveals no
// PIN, card or key, and each change to one is part of a transaction of the database.
//
// The encryption is XChaCha20-Poly1305 with a random nonce of 24 bytes. The associated
// data is what a secret is for and whose it is: a ciphertext that is moved elsewhere
// cannot be decrypted.
package vault

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// KeyFile is the name of the key's file in a site's directory.
const KeyFile = "storage.key"

// A Vault encrypts and decrypts with a site's storage key.
type Vault struct{ aead cipher.AEAD }

// Create makes the storage key of a directory, durably, or opens the one that is there.
// If several call it at once, all get the same key.
func Create(dir string) (*Vault, error) {
	if err := CheckPrivate(dir); err != nil {
		return nil, err
	}
	unfinished := filepath.Join(dir, KeyFile+".new-"+rand.Text())
	defer os.Remove(unfinished)
	if err := writeKey(unfinished); err != nil {
		return nil, err
	}
	// A link, unlike a rename, never replaces a key that is in use.
	err := os.Link(unfinished, filepath.Join(dir, KeyFile))
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("make storage key: %w", err)
	}
	return Open(dir)
}

// Open reads the storage key of a directory. It refuses a directory or a key file that
// other users of the machine can read.
func Open(dir string) (*Vault, error) {
	v, key, err := OpenWithKey(dir)
	clear(key)
	return v, err
}

// OpenWithKey is Open, and returns the key too, for a backup. The caller wipes it.
func OpenWithKey(dir string) (v *Vault, key []byte, err error) {
	path := filepath.Join(dir, KeyFile)
	for _, private := range []string{dir, path} {
		if err := CheckPrivate(private); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("read storage key: %w; restore it from a backup: nothing else opens the site's secrets", err)
		} else if err != nil {
			return nil, nil, err
		}
	}
	return read(path)
}

// ReadFile reads a storage key from a file anywhere, which only its owner may read. The caller wipes it.
func ReadFile(path string) (v *Vault, key []byte, err error) {
	if err := CheckPrivate(path); err != nil {
		return nil, nil, err
	}
	return read(path)
}

// Install makes a key the storage key of a directory, durably, unless that has another one.
func Install(dir string, key []byte) error {
	if err := CheckPrivate(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, KeyFile)
	there, err := os.ReadFile(path)
	defer clear(there)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return durable.WriteFile(path, key, 0o600)
	case err != nil:
		return err
	case !bytes.Equal(there, key):
		return fmt.Errorf("%s has another storage key already; choose another directory", dir)
	}
	return nil
}

// writeKey makes a key and writes it to a file, readable by its owner only, durably.
func writeKey(path string) error {
	key := make([]byte, chacha20poly1305.KeySize)
	defer clear(key)
	rand.Read(key)
	if err := durable.WriteFile(path, key, 0o600); err != nil {
		return fmt.Errorf("make storage key: %w", err)
	}
	return nil
}

func read(path string) (v *Vault, key []byte, err error) {
	if key, err = os.ReadFile(path); err != nil {
		return nil, nil, fmt.Errorf("read storage key: %w", err)
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		clear(key)
		return nil, nil, fmt.Errorf("%s is damaged: it holds %d bytes, not %d; restore it from a backup", path, len(key), chacha20poly1305.KeySize)
	}
	return &Vault{aead}, key, nil
}

// CheckPrivate returns an error that says what to do if users other than the owner may
// read or change a file or directory.
func CheckPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	mode := "600"
	if info.IsDir() {
		mode = "700"
	}
	return fmt.Errorf("others can read %s, and with it the site's secrets; run: chmod %s %s", path, mode, path)
}

// Seal encrypts a secret and returns nonce ‖ ciphertext. purpose and id say which secret
// it is.
func (v *Vault) Seal(purpose string, id uint64, secret []byte) []byte {
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(secret)+v.aead.Overhead())
	rand.Read(nonce)
	return v.aead.Seal(nonce, nonce, secret, associated(purpose, id))
}

// Unseal decrypts what Seal returned for the same purpose and id.
func (v *Vault) Unseal(purpose string, id uint64, sealed []byte) ([]byte, error) {
	n := v.aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("decrypt %s %d: %d bytes are too few", purpose, id, len(sealed))
	}
	secret, err := v.aead.Open(nil, sealed[:n], sealed[n:], associated(purpose, id))
	if err != nil {
		return nil, fmt.Errorf("decrypt %s %d: %w; does %s belong to this database?", purpose, id, err, KeyFile)
	}
	return secret, nil
}

// associated returns the associated data of a ciphertext.
func associated(purpose string, id uint64) []byte {
	return wire.Marshal([]any{"latchkey vault 1", purpose, id})
}
