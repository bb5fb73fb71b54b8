package pin

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"latchkey/sync/wire"
)

// KeySize is the length of a site key.
const KeySize = 32

// A Key is the site key of one epoch, wherever it lives.
type Key interface {
	// Tag returns the first 16 bytes of HMAC-SHA-256(key, kind ‖ material).
	Tag(kind wire.CredentialKind, material []byte) (wire.Tag, error)
}

// A SiteKey is a Key in memory.
type SiteKey struct {
	key  [KeySize]byte
	gone bool
}

// NewKey returns a Key of these bytes.
func NewKey(key [KeySize]byte) *SiteKey { return &SiteKey{key: key} }

// OpenKey reads a key file: 32 bytes that nobody but the owner may read. The
// error wraps ErrExposed if others can.
func OpenKey(path string) (*SiteKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("site key: %s is not a file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("site key: %s: %w: have the controller start a new epoch; to go on with this key, if you are sure that nobody read it, run: chmod 600 %s", path, ErrExposed, path)
	}
	if info.Size() != KeySize {
		return nil, fmt.Errorf("site key: %s has %d bytes, not %d: have the reader adopted anew", path, info.Size(), KeySize)
	}
	k := new(SiteKey)
	if _, err := io.ReadFull(f, k.key[:]); err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	return k, nil
}

// ErrExposed says that a key file can be read by others than its owner.
var ErrExposed = errors.New("others can read this key file")

// ErrWiped says that a key was wiped before it was used.
var ErrWiped = errors.New("the site key was wiped")

// WriteKey writes a key to a new file, which only the owner can read, and
// brings it to the disk; the directory's entry is the caller's to sync. A file
// that is there already is an error and stays as it is.
func WriteKey(path string, key *[KeySize]byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("site key: %w", err)
	}
	err = f.Chmod(0o600) // whatever the umask took or left
	if err == nil {
		_, err = f.Write(key[:])
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("site key: %w", err)
	}
	return nil
}

// Tag implements Key. Material of a length that its kind never has is an
// error.
func (k *SiteKey) Tag(kind wire.CredentialKind, material []byte) (wire.Tag, error) {
	if k.gone {
		return wire.Tag{}, ErrWiped
	}
	switch kind {
	case wire.PIN:
		if len(material) != MaterialSize {
			return wire.Tag{}, fmt.Errorf("pin: a PIN's material has %d bytes, not %d", MaterialSize, len(material))
		}
	case wire.Card:
		if err := CheckCard(material); err != nil {
			return wire.Tag{}, err
		}
	default:
		return wire.Tag{}, fmt.Errorf("pin: no tag for %v", kind)
	}
	var tag wire.Tag
	Secretly(func() {
		mac := hmac.New(sha256.New, k.key[:])
		mac.Write([]byte{byte(kind)})
		mac.Write(material)
		copy(tag[:], mac.Sum(nil))
	})
	return tag, nil
}

// Wipe clears the key. Nobody may be using it.
func (k *SiteKey) Wipe() {
	clear(k.key[:])
	k.gone = true
}
