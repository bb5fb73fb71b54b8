package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
)

// A RequestTPM is the TPM 2.0 of a board that asks for adoption.
type RequestTPM struct {
	Parent   []byte `cbor:"1,keyasint"` // TPMT_PUBLIC of the key in the TPM to which keys for the board are wrapped
	Revision uint32 `cbor:"2,keyasint"` // TPM_PT_REVISION: of the specification, times 100

	// Nonce is what the TPM wants in the first Grant; the zero value: it asks for none now.
	// It lives as long as the reader's program, and is no part of the request's fingerprint.
	Nonce TPMNonce `cbor:"3,keyasint,omitzero"`

	// Signing verifies the reader's messages: ECDSA P-256, SEC 1 §2.3.3, uncompressed. Its
	// private key is in the TPM, as that of the certificate request is.
	Signing [65]byte `cbor:"4,keyasint"`

	// Endorsement is the X.509 certificate of the TPM's endorsement key, by its maker, DER;
	// none: the TPM has none that the reader can use.
	Endorsement []byte `cbor:"5,keyasint,omitempty"`
}

// MaxEndorsement bounds the certificate of an endorsement key, in bytes.
const MaxEndorsement = 4 << 10

// A TPMNonce is the nonce of a policy session in a TPM.
type TPMNonce [32]byte

// TPMKeys are the keys of an epoch for a reader with a TPM, and how many PINs it may check
// with them. The TPM counts each use of the PIN key in an index of its own, up to a limit
// that only a Grant raises.
type TPMKeys struct {
	GrantKey [65]byte   `cbor:"1,keyasint"` // ECDSA P-256, the site's, verifies grants: SEC 1 §2.3.3, uncompressed
	Ref      TPMRef     `cbor:"2,keyasint"`
	PIN      WrappedKey `cbor:"3,keyasint"`
	Card     WrappedKey `cbor:"4,keyasint"`
	Grant    Grant      `cbor:"5,keyasint"` // the newest

	// Activation holds the key under which each Duplicate is encrypted; nil: none is, as the
	// controller takes the board at its word that the parent is in a TPM.
	Activation *Activation `cbor:"6,keyasint,omitempty"`
}

// A TPMRef names one index: 32 random bytes, of which the policies of the index and of the
// PIN key depend. No two first grants have the same.
type TPMRef [32]byte

// A WrappedKey is a key for a TPM, as TPM2_Import takes it: wrapped to its new parent, with
// an outer wrapper and no inner one (TPM 2.0 Library, Part 1, "Duplication").
type WrappedKey struct {
	Public    []byte `cbor:"1,keyasint"` // TPMT_PUBLIC
	Duplicate []byte `cbor:"2,keyasint"` // the buffer of TPM2B_PRIVATE; with an Activation, encrypted
	Seed      []byte `cbor:"3,keyasint"` // the buffer of TPM2B_ENCRYPTED_SECRET
}

// An Activation is a 32-byte key that a TPM yields only if it has both the endorsement key
// to which it is encrypted and the parent (Part 1, "Credential Protection"): what
// TPM2_ActivateCredential takes.
type Activation struct {
	Object []byte `cbor:"1,keyasint"` // the buffer of TPM2B_ID_OBJECT
	Secret []byte `cbor:"2,keyasint"` // the buffer of TPM2B_ENCRYPTED_SECRET
}

// A Grant lets a TPM check PINs until its count has reached Limit.
type Grant struct {
	Limit     uint32   `cbor:"1,keyasint"`
	Nonce     TPMNonce `cbor:"2,keyasint,omitzero"` // of a first grant, which starts the count at 0
	Signature [64]byte `cbor:"3,keyasint"`          // r ‖ s, of the grant key over what TPM2_PolicySigned checks
}

// A Budget is how many PINs a reader's TPM has checked, and how many it will.
type Budget struct {
	Spent uint32 `cbor:"1,keyasint"`
	Limit uint32 `cbor:"2,keyasint"`
}

// Left returns how many more PINs the TPM checks.
func (b Budget) Left() uint32 { return b.Limit - min(b.Spent, b.Limit) }

// maxTPM bounds a public area, and each part of a wrapped key and of an activation, in
// bytes: none has more than 256, that of an RSA endorsement key.
const maxTPM = 384

func (k *TPMKeys) check() error {
	if k.Ref == (TPMRef{}) {
		return errors.New("no reference")
	}
	if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.GrantKey[:]); err != nil {
		return fmt.Errorf("grant key: %w", err)
	}
	if k.Grant.Limit == 0 {
		return errors.New("a grant of nothing")
	}
	for _, key := range []*WrappedKey{&k.PIN, &k.Card} {
		for _, part := range [][]byte{key.Public, key.Duplicate, key.Seed} {
			if len(part) == 0 || len(part) > maxTPM {
				return fmt.Errorf("a wrapped key with a part of %d bytes", len(part))
			}
		}
	}
	if a := k.Activation; a != nil && (len(a.Object) == 0 || len(a.Object) > maxTPM || len(a.Secret) == 0 || len(a.Secret) > maxTPM) {
		return fmt.Errorf("an activation of %d and %d bytes", len(a.Object), len(a.Secret))
	}
	return nil
}

func (t *RequestTPM) check() error {
	if len(t.Parent) == 0 || len(t.Parent) > maxTPM {
		return fmt.Errorf("TPM: a parent of %d bytes", len(t.Parent))
	}
	if len(t.Endorsement) > MaxEndorsement {
		return fmt.Errorf("TPM: an endorsement certificate of %d bytes, at most %d", len(t.Endorsement), MaxEndorsement)
	}
	if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), t.Signing[:]); err != nil {
		return fmt.Errorf("TPM: signing key: %w", err)
	}
	return nil
}
