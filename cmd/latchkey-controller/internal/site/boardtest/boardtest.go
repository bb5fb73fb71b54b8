// Package boardtest makes the boards that tests adopt as readers.
package boardtest

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"latchkey/sync/wire"
)

// A Board has the keys of a reader, and its request for adoption.
type Board struct {
	Signing crypto.Signer // Ed25519, or P-256 if there is a TPM
	Sealing *ecdh.PrivateKey
	TLS     *ecdsa.PrivateKey
	Request *wire.Request
	Signed  []byte           // the request, as latchkeyd identity writes it
	Parent  *ecdh.PrivateKey // in its TPM; nil: it has none

	Endorsement *ecdsa.PrivateKey // of its TPM; nil: it has no certificate
}

// New returns a new board.
func New(t testing.TB) *Board {
	t.Helper()
	b := new(Board)
	verifying, signing, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b.Signing = signing
	if b.Sealing, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if b.TLS, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, b.TLS)
	if err != nil {
		t.Fatal(err)
	}
	b.Request = &wire.Request{Signing: [32]byte(verifying), Sealing: [32]byte(b.Sealing.PublicKey().Bytes()), CSR: csr}
	if b.Signed, err = b.Request.Sign(b.Signing); err != nil {
		t.Fatal(err)
	}
	return b
}

// Fingerprint is what the board's screen shows of its request.
func (b *Board) Fingerprint() string { return wire.Fingerprint(b.Request.Lasting()) }
