package wire

import (
	"crypto/ecdh"
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
	return k, k.check()
}

// Unseal returns the site key. The caller wipes it.
func (k *Key) Unseal(key *ecdh.PrivateKey) (*[32]byte, error) {
	b, err := Unseal(key, sealedKey, k.Sealed[:])
	if err != nil {
		return nil, fmt.Errorf("key of epoch %d: %w", k.Epoch, err)
	}
	return (*[32]byte)(b), nil
}

// ParseKey decodes and checks the payload of a key that Open returned.
func ParseKey(payload []byte) (*Key, error) {
	var k Key
	if err := Unmarshal(payload, MaxMessage, &k); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if err := k.check(); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return &k, nil
}

func (k *Key) check() error {
	if k.Epoch == 0 {
		return errors.New("no epoch")
	}
	return CheckName(k.Reader)
}
