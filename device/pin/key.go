package pin

import (
	"cmp"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"latchkey/sync/wire"
)

// KeySize is the length of a site key, and of the two keys that it yields.
const KeySize = 32

// EpochKeys returns the keys that an epoch's site key yields: HKDF-SHA-256 (RFC 5869)
// without salt, info "latchkey PIN key 1" and "latchkey card key 1". The caller wipes
// them.
func EpochKeys(siteKey *[KeySize]byte) (*wire.EpochKeys, error) {
	keys := &wire.EpochKeys{PIN: make([]byte, KeySize), Card: make([]byte, KeySize)} // allocated outside Secretly, which erases its own
	var failed error
	Secretly(func() {
		pin, err := hkdf.Key(sha256.New, siteKey[:], nil, "latchkey PIN key 1", KeySize)
		card, err2 := hkdf.Key(sha256.New, siteKey[:], nil, "latchkey card key 1", KeySize)
		copy(keys.PIN, pin)
		copy(keys.Card, card)
		failed = cmp.Or(err, err2)
	})
	if failed != nil {
		return nil, failed
	}
	return keys, nil
}

// Keys are the PIN key and the card key of an epoch, in memory.
type Keys struct {
	pin, card [KeySize]byte
	withheld  bool // there is no PIN key
}

// ErrWithheld says that the reader has no PIN key: the site gives it only to readers with
// a TPM.
var ErrWithheld = errors.New("pin: the site gives the PIN key only to readers with a TPM")

// NewKeys returns the keys of an epoch that are in the clear.
func NewKeys(of *wire.EpochKeys) (*Keys, error) {
	k := &Keys{withheld: len(of.PIN) == 0}
	if len(of.Card) != KeySize || !k.withheld && len(of.PIN) != KeySize {
		return nil, fmt.Errorf("pin: keys of %d and %d bytes", len(of.PIN), len(of.Card))
	}
	copy(k.pin[:], of.PIN)
	copy(k.card[:], of.Card)
	return k, nil
}

// Tag returns the first 16 bytes of HMAC-SHA-256(key, kind ‖ material), the key being the
// kind's. It refuses material of a wrong length for its kind.
func (k *Keys) Tag(kind wire.CredentialKind, material []byte) (wire.Tag, error) {
	key := &k.card
	switch kind {
	case wire.PIN:
		if k.withheld {
			return wire.Tag{}, ErrWithheld
		}
		if len(material) != MaterialSize {
			return wire.Tag{}, fmt.Errorf("pin: a PIN's material has %d bytes, not %d", MaterialSize, len(material))
		}
		key = &k.pin
	case wire.Card:
		if err := CheckCard(material); err != nil {
			return wire.Tag{}, err
		}
	default:
		return wire.Tag{}, fmt.Errorf("pin: no tag for %v", kind)
	}
	var tag wire.Tag
	Secretly(func() { copy(tag[:], mac(key, byte(kind), material)) })
	return tag, nil
}

// wrappingKind is the kind byte of a WrappingKey; those of tags are credential kinds.
const wrappingKind = 3

// WrappingKey returns the key that wraps the CardKey in the credential of the card with
// this identifier: HMAC-SHA-256(card key, 3 ‖ identifier). It refuses what is no card's
// identifier. The caller wipes it.
func (k *Keys) WrappingKey(uid []byte) (*[32]byte, error) {
	if err := CheckCard(uid); err != nil {
		return nil, err
	}
	key := new([32]byte) // allocated outside Secretly, which erases its own
	Secretly(func() { copy(key[:], mac(&k.card, wrappingKind, uid)) })
	return key, nil
}

func mac(key *[KeySize]byte, kind byte, material []byte) []byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte{kind})
	mac.Write(material)
	return mac.Sum(nil)
}
