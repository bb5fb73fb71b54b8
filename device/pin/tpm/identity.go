package tpm

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signWithin is how long the TPM may take for one signature.
const signWithin = 8 * time.Second

// identityAreaSize is that of the TPMT_PUBLIC of one of the reader's own keys.
const identityAreaSize = 88

// identityArea is one of the reader's own keys: made in the TPM, which it never leaves, for
// ECDSA with SHA-256, and usable by anybody who has the TPM.
func identityArea(x, y []byte) *tpm2.TPMTPublic {
	return &tpm2.TPMTPublic{
		Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, SignEncrypt: true},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
			CurveID: tpm2.TPMECCNistP256,
			Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA,
				Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})},
		}),
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
			X: tpm2.TPM2BECCParameter{Buffer: x}, Y: tpm2.TPM2BECCParameter{Buffer: y}}),
	}
}

// parseIdentity returns the key with this public area, which must be exactly one of ours.
func parseIdentity(public []byte) (*ecdsa.PublicKey, error) {
	if len(public) != identityAreaSize {
		return nil, fmt.Errorf("a public area of %d bytes, not %d", len(public), identityAreaSize)
	}
	point := public[identityAreaSize-2*(2+coordinate):]
	x, y := point[2:2+coordinate], point[2+coordinate+2:]
	if !bytes.Equal(tpm2.Marshal(*identityArea(bytes.Clone(x), bytes.Clone(y))), public) {
		return nil, errors.New("not the kind of key that a reader makes")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
}

// TLSKey returns the reader's TLS client key, ECDSA P-256, as KnownTLSKey does, but for the
// end of ctx. It makes one if there is none, in place of any other object at its handle.
func (t *TPM) TLSKey(ctx context.Context) (crypto.Signer, error) {
	return t.makeKey(ctx, tlsHandle)
}

// SigningKey returns the key that signs the reader's messages, as TLSKey does.
func (t *TPM) SigningKey(ctx context.Context) (crypto.Signer, error) {
	return t.makeKey(ctx, signingHandle)
}

// KnownTLSKey returns the TLS key with this public key, without asking the TPM. Its Sign
// takes digests of SHA-256, and returns an ASN.1 ECDSA signature (RFC 3279 §2.2.3), or an
// error once ctx has ended or the TPM has not answered for 8 s; ErrIdentity if the TPM's
// key is another one. A signature is one command.
func (t *TPM) KnownTLSKey(ctx context.Context, public *ecdsa.PublicKey) crypto.Signer {
	return &key{t, ctx, tlsHandle, public}
}

// KnownSigningKey returns the key with this public key that signs the reader's messages, as
// KnownTLSKey does.
func (t *TPM) KnownSigningKey(ctx context.Context, public *ecdsa.PublicKey) crypto.Signer {
	return &key{t, ctx, signingHandle, public}
}

func (t *TPM) makeKey(ctx context.Context, at tpm2.TPMHandle) (crypto.Signer, error) {
	k := &key{tpm: t, ctx: context.WithoutCancel(ctx), at: at}
	made := make(chan *ecdsa.PublicKey, 1) // the job may outlast ctx
	err := t.identity.do(ctx, func(c *conn) error {
		public, err := c.identityKey(at)
		made <- public
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tpm: the reader's own key: %w", err)
	}
	k.public = <-made
	return k, nil
}

// identityKey makes sure that one of the reader's own keys is at a handle, and returns it.
func (c *conn) identityKey(at tpm2.TPMHandle) (*ecdsa.PublicKey, error) {
	public, err := c.public(at)
	if err != nil {
		return nil, err
	}
	if key, err := parseIdentity(public); err == nil {
		return key, nil
	}
	parent, _, err := c.parent()
	if err != nil {
		return nil, fmt.Errorf("parent: %w", err)
	}
	var made *tpm2.CreateResponse
	err = c.withParent(parent, tpm2.TPMCCCreate, func(parent tpm2.AuthHandle) (err error) {
		made, err = tpm2.Create{ParentHandle: parent, InPublic: tpm2.New2B(*identityArea(nil, nil))}.Execute(c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	key, err := parseIdentity(made.OutPublic.Bytes())
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	area, err := made.OutPublic.Contents()
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	loaded, err := c.load(parent, made.OutPrivate, area)
	if err != nil {
		return nil, err
	}
	defer c.flush(loaded)
	return key, c.persist(loaded, objectName(area), at)
}

// A key is one of the reader's own keys. It implements crypto.Signer.
type key struct {
	tpm    *TPM
	ctx    context.Context
	at     tpm2.TPMHandle
	public *ecdsa.PublicKey
}

// Public returns the *ecdsa.PublicKey.
func (k *key) Public() crypto.PublicKey { return k.public }

// Sign implements crypto.Signer: see KnownTLSKey. opts may be nil.
func (k *key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if len(digest) != sha256.Size || opts != nil && opts.HashFunc() != crypto.SHA256 {
		return nil, errors.New("tpm: the reader's own keys sign digests of SHA-256 only")
	}
	digest = bytes.Clone(digest) // the job may outlast the caller
	ctx, cancel := context.WithTimeout(k.ctx, signWithin)
	defer cancel()
	signatures := make(chan []byte, 1)
	err := k.tpm.identity.do(ctx, func(c *conn) error {
		signature, err := c.sign(k.at, k.public, digest)
		if err == nil && !ecdsa.VerifyASN1(k.public, digest, signature) {
			err = ErrIdentity
		}
		signatures <- signature
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tpm: sign: %w", err)
	}
	return <-signatures, nil
}

// sign returns the signature of a digest by the key at a handle.
func (c *conn) sign(at tpm2.TPMHandle, public *ecdsa.PublicKey, digest []byte) ([]byte, error) {
	point, err := public.Bytes()
	if err != nil {
		return nil, err
	}
	name := objectName(identityArea(point[1:1+coordinate], point[1+coordinate:]))
	answer, err := tpm2.Sign{
		KeyHandle:  tpm2.AuthHandle{Handle: at, Name: name, Auth: tpm2.PasswordAuth(nil)},
		Digest:     tpm2.TPM2BDigest{Buffer: digest},
		InScheme:   tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull},
	}.Execute(c)
	switch {
	case errors.Is(err, tpm2.TPMRCHandle), errors.Is(err, tpm2.TPMRCKey), errors.Is(err, tpm2.TPMRCScheme),
		errors.Is(err, tpm2.TPMRCAttributes), errors.Is(err, tpm2.TPMRCAuthFail), errors.Is(err, tpm2.TPMRCBadAuth), errors.Is(err, tpm2.TPMRCAuthUnavailable):
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err) // nothing there, or another's
	case err != nil:
		return nil, err
	}
	signature, err := answer.Signature.Signature.ECDSA()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(signature.SignatureR.Buffer))
		b.AddASN1BigInt(new(big.Int).SetBytes(signature.SignatureS.Buffer))
	})
	return b.Bytes()
}
