package wire

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// EpochKeys are the keys of an epoch as one reader gets them: in the clear or, for a reader
// with a TPM, wrapped to it.
type EpochKeys struct {
	Number uint64   `cbor:"1,keyasint"`           // rises with each change of what one reader gets
	PIN    []byte   `cbor:"2,keyasint,omitempty"` // 32 bytes: keys the tags of PINs; none: TPM has it, or it is withheld
	Card   []byte   `cbor:"3,keyasint,omitempty"` // 32 bytes: keys the tags of cards, and wraps their keys; none: TPM has it
	TPM    *TPMKeys `cbor:"4,keyasint,omitempty"`
}

// MaxEpochKeys bounds the encoding of EpochKeys, in bytes.
const MaxEpochKeys = 4 << 10

const keySize = 32

// Check refuses keys that no controller gives.
func (k *EpochKeys) Check() error {
	if k.Number == 0 {
		return errors.New("keys without a number")
	}
	if k.TPM != nil {
		if k.PIN != nil || k.Card != nil {
			return errors.New("keys in the clear beside a TPM's")
		}
		return k.TPM.check()
	}
	if len(k.PIN) != 0 && len(k.PIN) != keySize || len(k.Card) != keySize {
		return fmt.Errorf("keys of %d and %d bytes", len(k.PIN), len(k.Card))
	}
	return nil
}

// Wipe erases the keys that are in the clear.
func (k *EpochKeys) Wipe() {
	clear(k.PIN)
	clear(k.Card)
}

// Encode returns the keys as they are stored and sealed, for Unmarshal with MaxEpochKeys.
// The caller wipes them.
func (k *EpochKeys) Encode() []byte {
	b := bytes.NewBuffer(make([]byte, 0, MaxEpochKeys)) // nobody erases the encoder's own buffers
	if err := encoding.MarshalToBuffer(k, b); err != nil {
		panic(fmt.Sprintf("wire: encode the keys of an epoch: %v", err))
	}
	return b.Bytes()
}

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
	plain := keys.Encode()
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
	keys := new(EpochKeys)
	if err = Unmarshal(plain, MaxEpochKeys, keys); err == nil {
		err = keys.Check()
	}
	if err != nil {
		keys.Wipe()
		return nil, fmt.Errorf("key of epoch %d: %w", k.Epoch, err)
	}
	return keys, nil
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
