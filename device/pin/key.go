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

	// WrappingKey returns the key that wraps the CardKey in the credential of the card
	// with this identifier: HMAC-SHA-256(key, 3 ‖ identifier). The caller wipes it.
	WrappingKey(uid []byte) (*[32]byte, error)
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
	Secretly(func() { copy(tag[:], k.mac(byte(kind), material)) })
	return tag, nil
}

// wrappingKind is the kind byte of a WrappingKey; those of tags are credential kinds.
const wrappingKind = 3

// WrappingKey implements Key. It refuses what is no card's identifier.
func (k *SiteKey) WrappingKey(uid []byte) (*[32]byte, error) {
	if err := CheckCard(uid); err != nil {
		return nil, err
	}
	key := new([32]byte) // allocated outside Secretly, which erases its own
	Secretly(func() { copy(key[:], k.mac(wrappingKind, uid)) })
	return key, nil
}

func (k *SiteKey) mac(kind byte, material []byte) []byte {
	mac := hmac.New(sha256.New, k.key[:])
	mac.Write([]byte{kind})
	mac.Write(material)
	return mac.Sum(nil)
}
