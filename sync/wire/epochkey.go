package wire

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// A Key brings one reader the site key of an epoch, sealed to the X25519 key
// of its request. As a message it is signed as KindKey.
type Key struct {
	Reader string   `cbor:"1,keyasint"`
	Epoch  uint64   `cbor:"2,keyasint"` // from 1
	Sealed [80]byte `cbor:"3,keyasint"` // what Seal returns for the 32 bytes of the key
}

const sealedKey = "latchkey key 1"

// SealKey returns the site key of an epoch for the reader whose X25519 key is
// to.
func SealKey(reader string, epoch uint64, siteKey *[32]byte, to *ecdh.PublicKey) (*Key, error) {
	b, err := Seal(to, sealedKey, siteKey[:])
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	k := &Key{Reader: reader, Epoch: epoch, Sealed: [80]byte(b)}
	return k, k.Check()
}

// Unseal returns the site key. The caller wipes it.
func (k *Key) Unseal(key *ecdh.PrivateKey) (*[32]byte, error) {
	b, err := Unseal(key, sealedKey, k.Sealed[:])
	if err != nil {
		return nil, fmt.Errorf("key of epoch %d: %w", k.Epoch, err)
	}
	return (*[32]byte)(b), nil
}

// OpenKey checks a signed key and returns it, still sealed.
func OpenKey(site SiteID, signed []byte, key ed25519.PublicKey) (*Key, error) {
	var k Key
	if err := open(KindKey, site, signed, key, &k); err != nil {
		return nil, err
	}
	return &k, nil
}

// Check refuses a key of no epoch or no reader.
func (k *Key) Check() error {
	if k.Epoch == 0 {
		return errors.New("no epoch")
	}
	return CheckName(k.Reader)
}
