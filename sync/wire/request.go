package wire

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
)

// A Request asks a controller to adopt a reader. It holds public keys only and is
// signed with the first of them, for no site (the zero SiteID).
type Request struct {
	Signing [32]byte `cbor:"1,keyasint"` // Ed25519: verifies the reader's messages
	Sealing [32]byte `cbor:"2,keyasint"` // X25519: to seal what only this board may read
	CSR     []byte   `cbor:"3,keyasint"` // PKCS #10, DER: the reader's TLS key, ECDSA P-256

	TPM *RequestTPM `cbor:"4,keyasint,omitempty"` // nil: the keys of the site go into a file
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
func (r *Request) Sign(key ed25519.PrivateKey) ([]byte, error) {
	return Sign(KindRequest, SiteID{}, Marshal(r), key)
}

// check refuses keys that no board makes.
func (r *Request) check() error {
	err := cmp.Or(checkVerifying(&r.Signing), checkSealing(&r.Sealing))
	if err == nil && r.TPM != nil {
		err = r.TPM.check()
	}
	return err
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
	if _, err := verify(KindRequest, SiteID{}, signed, MaxMessage, r.Signing[:]); err != nil {
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
