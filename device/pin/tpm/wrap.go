package tpm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// What a controller does, which needs no TPM.

// CheckParent refuses any public area but that of a parent that a reader makes: see
// TPM.Request.
func CheckParent(public []byte) error {
	_, err := parseParent(public)
	return err
}

// Wrap wraps the keys of an epoch to the TPM with this parent, for the index of this grant
// key and ref. With the certificate of the TPM's endorsement key, which the caller has
// checked, they can be taken only by a TPM that has both; without, the board is taken at
// its word. The result lacks the Grant. pin and card remain the caller's, who wipes them.
func Wrap(parent []byte, endorsement *x509.Certificate, grantKey *ecdsa.PublicKey, ref wire.TPMRef, pin, card *[32]byte) (*wire.TPMKeys, error) {
	area, err := parseParent(parent)
	if err != nil {
		return nil, err
	}
	to, err := tpm2.ImportEncapsulationKey(area)
	if err != nil {
		return nil, fmt.Errorf("tpm: parent: %w", err)
	}
	index, err := indexOf(grantKey, &ref)
	if err != nil {
		return nil, err
	}
	keys := &wire.TPMKeys{Ref: ref}
	point, err := grantKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("tpm: grant key: %w", err)
	}
	copy(keys.GrantKey[:], point)
	keys.PIN, err = wrapKey(to, pin, func(unique []byte) *tpm2.TPMTPublic { return pinArea(index, unique) })
	if err != nil {
		return nil, fmt.Errorf("tpm: wrap the PIN key: %w", err)
	}
	keys.Card, err = wrapKey(to, card, cardArea)
	if err != nil {
		return nil, fmt.Errorf("tpm: wrap the card key: %w", err)
	}
	if endorsement != nil {
		err = activate(keys, endorsement, area)
	}
	return keys, err
}

// wrapKey wraps an HMAC key for TPM2_Import with an outer wrapper (Part 1,
// "Duplication").
func wrapKey(to tpm2.LabeledEncapsulationKey, key *[32]byte, area func(unique []byte) *tpm2.TPMTPublic) (wrapped wire.WrappedKey, err error) {
	pin.Secretly(func() {
		var blind [digestBytes]byte // hides the key in the unique field, which is public
		rand.Read(blind[:])
		unique := sha256.Sum256(append(blind[:], key[:]...))
		public := area(bytes.Clone(unique[:]))
		sensitive := tpm2.Marshal(tpm2.TPMTSensitive{SensitiveType: tpm2.TPMAlgKeyedHash,
			SeedValue: tpm2.TPM2BDigest{Buffer: blind[:]},
			Sensitive: tpm2.NewTPMUSensitiveComposite(tpm2.TPMAlgKeyedHash, &tpm2.TPM2BSensitiveData{Buffer: key[:]})})
		wrapped.Public = tpm2.Marshal(*public)
		wrapped.Duplicate, wrapped.Seed, err = tpm2.CreateDuplicate(rand.Reader, to, objectName(public).Buffer, sensitive)
		clear(sensitive)
	})
	return wrapped, err
}

// FirstGrant returns the grant that a TPM takes once, by the session with this nonce, as
// the first content of the index of the key and ref: no count, this limit. There must
// never be two for one ref.
func FirstGrant(key *ecdsa.PrivateKey, ref wire.TPMRef, nonce wire.TPMNonce, limit uint32) (wire.Grant, error) {
	if nonce == (wire.TPMNonce{}) {
		return wire.Grant{}, errors.New("tpm: a first grant without the TPM's nonce")
	}
	return signGrant(key, ref, wire.Grant{Limit: limit, Nonce: nonce})
}

// Refill returns a grant that sets the limit of the index of the key and ref, as often as
// it is written.
func Refill(key *ecdsa.PrivateKey, ref wire.TPMRef, limit uint32) (wire.Grant, error) {
	return signGrant(key, ref, wire.Grant{Limit: limit})
}

func signGrant(key *ecdsa.PrivateKey, ref wire.TPMRef, g wire.Grant) (wire.Grant, error) {
	if g.Limit == 0 {
		return wire.Grant{}, errors.New("tpm: a grant of nothing")
	}
	index, err := indexOf(&key.PublicKey, &ref)
	if err != nil {
		return wire.Grant{}, err
	}
	digest, _, err := index.approval(&ref, &g)
	if err != nil {
		return wire.Grant{}, err
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		return wire.Grant{}, fmt.Errorf("tpm: sign a grant: %w", err)
	}
	r.FillBytes(g.Signature[:32])
	s.FillBytes(g.Signature[32:])
	return g, nil
}
