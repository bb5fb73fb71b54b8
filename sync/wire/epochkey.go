package wire

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// A Key brings one reader the keys of an epoch, sealed to the X25519 key of its request.
// As a message it is signed as KindKey.
type Key struct {
	Reader string `cbor:"1,keyasint"`
	Epoch  uint64 `cbor:"2,keyasint"` // from 1
	Sealed []byte `cbor:"3,keyasint"` // what Seal returns for the EpochKeys
}

const sealedKey = "latchkey key 2"

// SealKey returns the keys of an epoch for the reader whose X25519 key is to.
func SealKey(reader string, epoch uint64, keys *EpochKeys, to *ecdh.PublicKey) (*Key, error) {
	if err := keys.Check(); err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	plain := Marshal(keys)
	defer clear(plain)
	b, err := Seal(to, sealedKey, plain)
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	k := &Key{Reader: reader, Epoch: epoch, Sealed: b}
	return k, k.Check()
}

// Unseal returns the keys. The caller wipes them.
func (k *Key) Unseal(key *ecdh.PrivateKey) (*EpochKeys, error) {
	plain, err := Unseal(key, sealedKey, k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("key of epoch %d: %w", k.Epoch, err)
	}
	defer clear(plain)
	var keys EpochKeys
	if err := Unmarshal(plain, MaxEpochKeys, &keys); err != nil {
		return nil, fmt.Errorf("key of epoch %d: %w", k.Epoch, err)
	}
	return &keys, keys.Check()
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
	if n := len(k.Sealed) - sealOverhead; n <= 0 || n > MaxEpochKeys {
		return fmt.Errorf("sealed keys of %d bytes", len(k.Sealed))
	}
	return CheckName(k.Reader)
}
