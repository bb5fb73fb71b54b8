// Package adoption makes a reader belong to a site: the reader's own keys, its request,
// and the bundle with which the site's controller answers.
package adoption

import (
	"context"
	"crypto"
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
	"os"
	"path/filepath"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/durable"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// An Identity is the reader's own keys, made once on the board, which they never leave.
// Those that sign are in the board's TPM, if it has one: then the file has only their
// public keys. The certificate request is kept: made again it would have another signature,
// and so another fingerprint.
type Identity struct {
	Signing [32]byte `cbor:"1,keyasint,omitzero"`  // Ed25519 seed
	Sealing [32]byte `cbor:"2,keyasint"`           // X25519 private key
	TLS     []byte   `cbor:"3,keyasint,omitempty"` // ECDSA P-256 private key, PKCS #8, DER
	CSR     []byte   `cbor:"4,keyasint"`           // PKCS #10, DER, of the TLS key

	// InTPM verifies what the key in the TPM signs, which stands in place of Signing, as
	// another in the TPM stands in place of TLS: P-256, SEC 1 §2.3.3, uncompressed. Zero:
	// these keys are here.
	InTPM [65]byte `cbor:"5,keyasint,omitzero"`
}

// ErrNoTPM says that the reader's own keys are in a TPM of which the config says nothing.
var ErrNoTPM = errors.New("the reader's own keys are in a TPM, and none is named: give --config with key.tpm set; or, without that TPM, run latchkeyd identity --config and have the reader adopted with the new request")

// ErrNotReached says that the request lacks what KeepTPM notes.
var ErrNotReached = errors.New("the reader's own keys are in a TPM, which was not reached yet, or which the config does not name: see latchkeyd check")

// newIdentity makes keys: in the TPM, unless that is nil, and the rest here.
func newIdentity(ctx context.Context, chip *tpm.TPM) (*Identity, error) {
	var id Identity
	sealing, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	copy(id.Sealing[:], sealing.Bytes())
	var key crypto.Signer
	if chip == nil {
		key, err = id.makeHere()
	} else {
		key, err = id.makeInTPM(ctx, chip)
	}
	if err != nil {
		return nil, err
	}
	// The controller names the reader in the certificate, whatever is here.
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "latchkey reader"}}
	if id.CSR, err = x509.CreateCertificateRequest(rand.Reader, template, key); err != nil {
		return nil, err
	}
	return &id, nil
}

// makeHere makes the keys that sign, and returns that of TLS.
func (id *Identity) makeHere() (crypto.Signer, error) {
	rand.Read(id.Signing[:])
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	id.TLS, err = x509.MarshalPKCS8PrivateKey(key)
	return key, err
}

// makeInTPM has the TPM make the keys that sign, unless it has them, and returns that of
// TLS.
func (id *Identity) makeInTPM(ctx context.Context, chip *tpm.TPM) (crypto.Signer, error) {
	signing, err := chip.SigningKey(ctx)
	if err != nil {
		return nil, err
	}
	point, err := signing.Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		return nil, err
	}
	id.InTPM = [65]byte(point)
	return chip.TLSKey(ctx)
}

// fits returns whether these keys are where those of a reader with this TPM, or with none,
// would be made.
func (id *Identity) fits(ctx context.Context, chip *tpm.TPM) (bool, error) {
	if chip == nil || !id.inTPM() {
		return chip == nil && !id.inTPM(), nil
	}
	signing, err := chip.SigningKey(ctx)
	if err != nil {
		return false, err
	}
	tls, err := chip.TLSKey(ctx)
	if err != nil {
		return false, err
	}
	messages, ofTLS, err := id.inChip()
	return err == nil && messages.Equal(signing.Public()) && ofTLS.Equal(tls.Public()), err
}

func (id *Identity) inTPM() bool { return id.InTPM != [65]byte{} }

// inChip returns the public keys of those that are in the TPM.
func (id *Identity) inChip() (messages, tls *ecdsa.PublicKey, err error) {
	if messages, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), id.InTPM[:]); err != nil {
		return nil, nil, err
	}
	csr, err := x509.ParseCertificateRequest(id.CSR)
	if err != nil {
		return nil, nil, err
	}
	tls, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, nil, errors.New("the TLS key is not ECDSA")
	}
	return messages, tls, nil
}

// ReadIdentity reads the identity that a data directory's reader has; the error wraps
// fs.ErrNotExist when there is none yet.
func ReadIdentity(dir string) (*Identity, error) { return readIdentity(dir, datadir.Identity) }

func readIdentity(dir, name string) (*Identity, error) {
	b, err := datadir.ReadSecret(filepath.Join(dir, name), wire.MaxMessage)
	if err != nil {
		return nil, err
	}
	var id Identity
	err = wire.Unmarshal(b, wire.MaxMessage, &id)
	if here := id.Signing != [32]byte{}; err == nil && (here == id.inTPM() || here != (len(id.TLS) > 0)) {
		err = errors.New("its keys are in two places, or in none")
	}
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; move it away, run latchkeyd identity, and have the reader adopted anew", name, err)
	}
	return &id, nil
}

// newestIdentity returns the identity that waits for its bundle or, if none does, the one
// that the reader has; the error wraps fs.ErrNotExist when there is none yet.
func newestIdentity(dir string) (*Identity, error) {
	id, err := readIdentity(dir, datadir.NextIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		return ReadIdentity(dir)
	}
	return id, err
}

// MakeIdentity returns the identity with which a data directory's reader is to ask for
// adoption, and makes it if there is none: with keys in the TPM, unless chip is nil. When
// the reader has one whose keys are elsewhere, in files or in another TPM, it keeps that
// until a bundle answers the new one's request.
func MakeIdentity(ctx context.Context, dir string, chip *tpm.TPM) (*Identity, error) {
	unlock, err := datadir.LockKeys(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	next := filepath.Join(dir, datadir.NextIdentity)
	path := filepath.Join(dir, datadir.Identity)
	switch id, err := ReadIdentity(dir); {
	case err == nil:
		if fits, err := id.fits(ctx, chip); fits || err != nil {
			if err == nil {
				err = removeIfThere(next)
			}
			return id, err
		}
		path = next
		id, err := readIdentity(dir, datadir.NextIdentity)
		if err == nil {
			fits, err := id.fits(ctx, chip)
			if fits || err != nil {
				return id, err
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	id, err := newIdentity(ctx, chip)
	if err != nil {
		return nil, err
	}
	return id, durable.WriteFile(path, wire.Marshal(id), 0o600)
}

// IdentityHere is MakeIdentity for a caller who knows of no TPM: it leaves an identity
// alone whose keys are in one, and says so with ErrNoTPM.
func IdentityHere(ctx context.Context, dir string) (*Identity, error) {
	if id, err := newestIdentity(dir); err == nil && id.inTPM() {
		return nil, ErrNoTPM
	}
	return MakeIdentity(ctx, dir, nil)
}

func removeIfThere(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return durable.Remove(path)
}

// useNextIdentity puts the identity that has waited for its bundle in place of the one
// before.
func useNextIdentity(dir string) error {
	if err := os.Rename(filepath.Join(dir, datadir.NextIdentity), filepath.Join(dir, datadir.Identity)); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

// Signers returns what signs the reader's messages, and what proves in TLS who it is. Those
// in the TPM are not asked yet; each of their signatures fails once ctx has ended. chip is
// nil if the config names none.
func (id *Identity) Signers(ctx context.Context, chip *tpm.TPM) (messages, tls crypto.Signer, err error) {
	if !id.inTPM() {
		key, err := x509.ParsePKCS8PrivateKey(id.TLS)
		if err != nil {
			return nil, nil, err
		}
		tls, ok := key.(crypto.Signer)
		if !ok {
			return nil, nil, errors.New("the TLS key does not sign")
		}
		return ed25519.NewKeyFromSeed(id.Signing[:]), tls, nil
	}
	if chip == nil {
		return nil, nil, ErrNoTPM
	}
	verifying, public, err := id.inChip()
	if err != nil {
		return nil, nil, err
	}
	return chip.KnownSigningKey(ctx, verifying), chip.KnownTLSKey(ctx, public), nil
}

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
	request := &wire.Request{Sealing: [32]byte(sealing.PublicKey().Bytes()), CSR: id.CSR}
	if !id.inTPM() {
		request.Signing = [32]byte(ed25519.NewKeyFromSeed(id.Signing[:]).Public().(ed25519.PublicKey))
		return request, nil
	}
	if request.TPM, err = readTPM(dir); err != nil {
		return nil, err
	}
	if request.TPM == nil {
		return nil, ErrNotReached
	}
	request.TPM.Signing = id.InTPM
	return request, nil
}

// Request returns the signed request for adoption and its fingerprint, which people
// compare on the screen and at the controller. running says that a reader runs on the data
// directory: only then its TPM waits for a first grant.
func (id *Identity) Request(ctx context.Context, dir string, running bool, chip *tpm.TPM) (signed []byte, fingerprint string, err error) {
	request, err := id.request(dir)
	if err != nil {
		return nil, "", err
	}
	if request.TPM != nil && !running {
		request.TPM.Nonce = wire.TPMNonce{}
	}
	messages, _, err := id.Signers(ctx, chip)
	if err != nil {
		return nil, "", err
	}
	if signed, err = request.Sign(messages); err != nil {
		return nil, "", err
	}
	return signed, wire.Fingerprint(request.Lasting()), nil
}

// Fingerprint returns the fingerprint of a data directory's newest request; "" while there
// are no keys.
func Fingerprint(dir string) (string, error) {
	id, err := newestIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	request, err := id.request(dir)
	if err != nil {
		return "", err
	}
	return wire.Fingerprint(request.Lasting()), nil
}
