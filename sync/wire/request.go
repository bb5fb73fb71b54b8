package wire

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
)

// A Request asks a controller to adopt a reader. It holds public keys only and is
// signed with the key that verifies the reader's messages, for no site (the zero SiteID):
// Signing, or Signing of TPM.
type Request struct {
	Signing [32]byte `cbor:"1,keyasint,omitzero"` // Ed25519: verifies the messages of a reader without a TPM
	Sealing [32]byte `cbor:"2,keyasint"`          // X25519: to seal what only this board may read
	CSR     []byte   `cbor:"3,keyasint"`          // PKCS #10, DER: the reader's TLS key, ECDSA P-256

	TPM *RequestTPM `cbor:"4,keyasint,omitempty"` // nil: the keys of the site, and the reader's own, are in files
}

// VerifyingKey returns the key that verifies the reader's messages. The request was checked
// when it was parsed.
func (r *Request) VerifyingKey() crypto.PublicKey {
	if r.TPM == nil {
		return ed25519.PublicKey(r.Signing[:])
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), r.TPM.Signing[:])
	if err != nil {
		return nil // verifies nothing
	}
	return key
}

// SameBoard returns whether both requests are signed with the same key.
func (r *Request) SameBoard(other *Request) bool {
	if r.TPM == nil || other.TPM == nil {
		return r.TPM == other.TPM && r.Signing == other.Signing
	}
	return r.TPM.Signing == other.TPM.Signing
}

// Lasting returns the request's payload without the TPM's nonce: what stays the same when
// the board asks again after a start. Its SHA-256 identifies the request.
func (r *Request) Lasting() []byte {
	lasting := *r
	if r.TPM != nil {
		tpm := *r.TPM
		tpm.Nonce = TPMNonce{}
		lasting.TPM = &tpm
	}
	return Marshal(&lasting)
}

// Sign returns the request as it is written to a file.
func (r *Request) Sign(key crypto.Signer) ([]byte, error) {
	return Sign(KindRequest, SiteID{}, Marshal(r), key)
}

// check refuses keys that no board makes.
func (r *Request) check() error {
	if r.TPM == nil {
		return cmp.Or(checkVerifying(&r.Signing), checkSealing(&r.Sealing))
	}
	if r.Signing != ([32]byte{}) {
		return errors.New("two signing keys: that of a board with a TPM is in the TPM")
	}
	return cmp.Or(r.TPM.check(), checkSealing(&r.Sealing))
}

// ParseRequest checks a signed request and returns it with its fingerprint,
// which the reader's screen shows too.
func ParseRequest(signed []byte) (r *Request, fingerprint string, err error) {
	payload, err := Payload(KindRequest, signed, MaxMessage)
	if err != nil {
		return nil, "", err
	}
	r = new(Request)
	if err := Unmarshal(payload, MaxMessage, r); err != nil {
		return nil, "", fmt.Errorf("request: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, "", fmt.Errorf("request: %w", err)
	}
	if _, err := verify(KindRequest, SiteID{}, signed, MaxMessage, r.VerifyingKey()); err != nil {
		return nil, "", err
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return nil, "", fmt.Errorf("request: %w", err)
	}
	if public, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || public.Curve != elliptic.P256() {
		return nil, "", errors.New("request: the TLS key is not ECDSA P-256")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, "", fmt.Errorf("request: certificate request: %w", err)
	}
	return r, Fingerprint(r.Lasting()), nil
}
