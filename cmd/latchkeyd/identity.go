package main

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"latchkey/sync/wire"
)

// identity is the reader's own keys, made on the board once and never leaving
// it. The certificate request is kept because its signature, and so the
// fingerprint that people compare, differs each time it is made.
type identity struct {
	Signing [32]byte `cbor:"1,keyasint"` // Ed25519 seed
	Sealing [32]byte `cbor:"2,keyasint"` // X25519 private key
	TLS     []byte   `cbor:"3,keyasint"` // ECDSA P-256 private key, PKCS #8, DER
	CSR     []byte   `cbor:"4,keyasint"` // PKCS #10, DER, of the TLS key
}

// newIdentity makes keys.
func newIdentity() (*identity, error) {
	var id identity
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
	// The controller names the reader in the certificate, whatever stands here.
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "latchkey reader"}}
	if id.CSR, err = x509.CreateCertificateRequest(rand.Reader, template, key); err != nil {
		return nil, err
	}
	return &id, nil
}

// readIdentity reads a data directory's identity; the error wraps
// fs.ErrNotExist when there is none yet.
func readIdentity(dir string) (*identity, error) {
	b, err := readSecret(filepath.Join(dir, identityFile), wire.MaxMessage)
	if err != nil {
		return nil, err
	}
	var id identity
	if err := wire.Unmarshal(b, wire.MaxMessage, &id); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; move it away, run latchkeyd identity, and have the reader adopted anew", identityFile, err)
	}
	return &id, nil
}

// makeIdentity makes a data directory's identity, or finds the one there is.
func makeIdentity(dir string) (*identity, error) {
	id, err := readIdentity(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if id, err = newIdentity(); err != nil {
		return nil, err
	}
	return id, writeFile(dir, identityFile, wire.Marshal(id))
}

func (id *identity) signingKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(id.Signing[:]) }

func (id *identity) sealingKey() (*ecdh.PrivateKey, error) {
	return ecdh.X25519().NewPrivateKey(id.Sealing[:])
}

// request is what a controller is asked with.
func (id *identity) request() (*wire.Request, error) {
	sealing, err := id.sealingKey()
	if err != nil {
		return nil, err
	}
	return &wire.Request{
		Signing: [32]byte(id.signingKey().Public().(ed25519.PublicKey)),
		Sealing: [32]byte(sealing.PublicKey().Bytes()),
		CSR:     id.CSR,
	}, nil
}

// fingerprint is what the screen and the controller show of the identity.
func (id *identity) fingerprint() (string, error) {
	request, err := id.request()
	if err != nil {
		return "", err
	}
	return wire.Fingerprint(wire.Marshal(request)), nil
}

func identityCommand(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("latchkeyd identity", flag.ContinueOnError)
	data := flags.String("data", "", "the reader's data `directory`")
	out := flags.String("out", "", "the request for the controller is written to this `file`")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := parse(flags, args, stderr, 0); err != nil {
		return err
	}
	if *data == "" || *out == "" {
		return usagef("latchkeyd identity needs --data DIR and --out FILE")
	}
	if err := openData(*data); err != nil {
		return err
	}
	file, err := openOut(*out, *data)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	defer file.Close()
	if err := asOwner(*data); err != nil {
		return err
	}
	id, err := makeIdentity(*data)
	if err != nil {
		return err
	}
	request, err := id.request()
	if err != nil {
		return err
	}
	signed, err := request.Sign(id.signingKey())
	if err != nil {
		return err
	}
	if _, err := file.Write(signed); err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	if err := errors.Join(file.Truncate(int64(len(signed))), file.Close()); err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	fingerprint, err := id.fingerprint()
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(stdout, map[string]string{"fingerprint": fingerprint, "request": *out})
	}
	fmt.Fprintf(stdout, "fingerprint  %s\nrequest      %s\n\nGive the request to the controller: latchkey-controller reader add --dir SITE --reader ID --group GROUP --broker URL --request %s --out BUNDLE\n", fingerprint, *out, filepath.Base(*out))
	return nil
}
