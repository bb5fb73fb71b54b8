package pin

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"latchkey/sync/wire"
)

// KeySize is the length of a site key.
const KeySize = 32

// A Key is the site key of one epoch, in memory or in hardware.
type Key interface {
	// Tag returns the first 16 bytes of HMAC-SHA-256(key, kind ‖ material).
	Tag(kind wire.CredentialKind, material []byte) (wire.Tag, error)
}

// A SiteKey is a Key in memory.
type SiteKey struct{ key [KeySize]byte }

// NewKey returns a Key with these bytes.
func NewKey(key [KeySize]byte) *SiteKey { return &SiteKey{key: key} }

// Tag implements Key. It refuses material of a wrong length for its kind.
func (k *SiteKey) Tag(kind wire.CredentialKind, material []byte) (wire.Tag, error) {
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
