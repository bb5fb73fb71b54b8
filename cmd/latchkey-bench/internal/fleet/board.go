package fleet

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"latchkey/sync/wire"
)

// A board has the keys of a reader. They are derived from one secret of the fleet, so
// that thousands need no file each.
type board struct {
	signing ed25519.PrivateKey
	sealing *ecdh.PrivateKey
	tls     *ecdsa.PrivateKey
}

func newBoard(secret []byte, id string) (*board, error) {
	derive := func(use string) []byte {
		key, err := hkdf.Key(sha256.New, secret, nil, "latchkey fleet "+use+" "+id, 32)
		if err != nil {
			panic(err) // 32 bytes are never too many
		}
		return key
	}
	b := &board{signing: ed25519.NewKeyFromSeed(derive("signing"))}
	var err error
	if b.sealing, err = ecdh.X25519().NewPrivateKey(derive("sealing")); err != nil {
		return nil, err
	}
	b.tls, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), derive("tls"))
	return b, err
}

// request returns the board's signed request for adoption.
func (b *board) request() ([]byte, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, b.tls)
	if err != nil {
		return nil, err
	}
	r := &wire.Request{Signing: [32]byte(b.signing.Public().(ed25519.PublicKey)), Sealing: [32]byte(b.sealing.PublicKey().Bytes()), CSR: csr}
	return r.Sign(b.signing)
}

// Where a fleet keeps its things below its directory.
const (
	secretFile = "fleet.key"
	requests   = "requests"
	bundles    = "bundles"
)

// readerID returns the id of reader i, from 0.
func readerID(i int) string { return fmt.Sprintf("reader-%05d", i) }

// secret reads a fleet's secret, and makes it if there is none.
func secret(dir string) ([]byte, error) {
	path := filepath.Join(dir, secretFile)
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		b = make([]byte, 32)
		rand.Read(b)
		err = os.WriteFile(path, b, 0o600)
	}
	return b, err
}

// writeRequests writes the requests of n boards that have none yet.
func writeRequests(dir string, n int) error {
	key, err := secret(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, requests), 0o700); err != nil {
		return err
	}
	for i := range n {
		path := filepath.Join(dir, requests, readerID(i)+".request")
		if _, err := os.Stat(path); err == nil {
			continue
		}
		b, err := newBoard(key, readerID(i))
		if err != nil {
			return err
		}
		signed, err := b.request()
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, signed, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// openBundle opens the bundle of reader i.
func openBundle(dir string, key []byte, i int) (*board, *wire.Bundle, error) {
	id := readerID(i)
	b, err := newBoard(key, id)
	if err != nil {
		return nil, nil, err
	}
	signed, err := os.ReadFile(filepath.Join(dir, requests, id+".request"))
	if err != nil {
		return nil, nil, err
	}
	request, _, err := wire.ParseRequest(signed)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := os.ReadFile(filepath.Join(dir, bundles, id+".bundle"))
	if err != nil {
		return nil, nil, err
	}
	bundle, err := wire.OpenBundle(sealed, request, b.sealing)
	return b, bundle, err
}
