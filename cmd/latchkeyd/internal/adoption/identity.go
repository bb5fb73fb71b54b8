// Package adoption makes a reader belong to a site: the reader's own keys, its request,
// and the bundle with which the site's controller answers.
package adoption

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// An Identity is the reader's own keys, made once on the board, which they never leave.
// The certificate request is kept: made again it would have another signature, and so
// another fingerprint.
type Identity struct {
	Signing [32]byte `cbor:"1,keyasint"` // Ed25519 seed
	Sealing [32]byte `cbor:"2,keyasint"` // X25519 private key
	TLS     []byte   `cbor:"3,keyasint"` // ECDSA P-256 private key, PKCS #8, DER
	CSR     []byte   `cbor:"4,keyasint"` // PKCS #10, DER, of the TLS key
}

func newIdentity() (*Identity, error) {
	var id Identity
	rand.Read(id.Signing[:])
	sealing, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	copy(id.Sealing[:], sealing.Bytes())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if id.TLS, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, err
	}
	// The controller names the reader in the certificate, whatever is here.
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "latchkey reader"}}
	if id.CSR, err = x509.CreateCertificateRequest(rand.Reader, template, key); err != nil {
		return nil, err
	}
	return &id, nil
}

// ReadIdentity reads a data directory's identity; the error wraps
// fs.ErrNotExist when there is none yet.
func ReadIdentity(dir string) (*Identity, error) {
	b, err := datadir.ReadSecret(filepath.Join(dir, datadir.Identity), wire.MaxMessage)
	if err != nil {
		return nil, err
	}
	var id Identity
	if err := wire.Unmarshal(b, wire.MaxMessage, &id); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; move it away, run latchkeyd identity, and have the reader adopted anew", datadir.Identity, err)
	}
	return &id, nil
}

// MakeIdentity returns a data directory's identity, and makes it if there is none.
func MakeIdentity(dir string) (*Identity, error) {
	id, err := ReadIdentity(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if id, err = newIdentity(); err != nil {
		return nil, err
	}
	return id, durable.WriteFile(filepath.Join(dir, datadir.Identity), wire.Marshal(id), 0o600)
}

// SigningKey signs what the reader sends.
func (id *Identity) SigningKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(id.Signing[:]) }

// SealingKey opens what is sealed to this reader alone.
func (id *Identity) SealingKey() (*ecdh.PrivateKey, error) {
	return ecdh.X25519().NewPrivateKey(id.Sealing[:])
}

// request returns what the controller answers with a bundle.
func (id *Identity) request(dir string) (*wire.Request, error) {
	sealing, err := id.SealingKey()
	if err != nil {
		return nil, err
	}
	tpm, err := readTPM(dir)
	if err != nil {
		return nil, err
	}
	return &wire.Request{
		TPM:     tpm,
		Signing: [32]byte(id.SigningKey().Public().(ed25519.PublicKey)),
		Sealing: [32]byte(sealing.PublicKey().Bytes()),
		CSR:     id.CSR,
	}, nil
}

// Request returns the signed request for adoption and its fingerprint, which people
// compare on the screen and at the controller. running says that a reader runs on the data
// directory: only then its TPM waits for a first grant.
func (id *Identity) Request(dir string, running bool) (signed []byte, fingerprint string, err error) {
	request, err := id.request(dir)
	if err != nil {
		return nil, "", err
	}
	if request.TPM != nil && !running {
		request.TPM.Nonce = wire.TPMNonce{}
	}
	if signed, err = request.Sign(id.SigningKey()); err != nil {
		return nil, "", err
	}
	return signed, wire.Fingerprint(request.Lasting()), nil
}

// Fingerprint returns the fingerprint of a data directory's request; "" while there are no
// keys.
func Fingerprint(dir string) (string, error) {
	id, err := ReadIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	_, fingerprint, err := id.Request(dir, false)
	return fingerprint, err
}
