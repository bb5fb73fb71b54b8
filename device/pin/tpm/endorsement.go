package tpm

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// A TPM's maker certifies its endorsement key. What is encrypted to that key for the name
// of the parent, an activation, is decrypted only by a TPM that has both: so whoever holds
// nothing but such an activation cannot have made the parent in software.

// endorsementKind is a kind of endorsement keys: TCG EK Credential Profile for TPM Family
// 2.0, "Default EK Templates" and "NV Indices". Keys that a maker has changed by a nonce or
// a template of its own are not supported.
type endorsementKind struct {
	template    tpm2.TPMTPublic
	certificate tpm2.TPMHandle // index
	persistent  tpm2.TPMHandle // where the maker may have put the key (TCG Registry of Reserved TPM 2.0 Handles and Localities)
}

// endorsementKinds returns the kinds, the preferred first: an RSA key takes long to make.
func endorsementKinds() []endorsementKind {
	return []endorsementKind{
		{tpm2.ECCEKTemplate, 0x01C0000A, 0x81010002},
		{tpm2.RSAEKTemplate, 0x01C00002, 0x81010001},
	}
}

// ParseEndorsement parses the certificate of an endorsement key, DER. It does not say who
// has signed it.
func ParseEndorsement(certificate []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("tpm: endorsement key: %w", err)
	}
	if _, err := endorsementArea(c.PublicKey); err != nil {
		return nil, err
	}
	return c, nil
}

// endorsementArea returns the public area of an endorsement key.
func endorsementArea(key crypto.PublicKey) (*tpm2.TPMTPublic, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() == 2048 && key.E == 65537 {
			area := tpm2.RSAEKTemplate
			area.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: key.N.Bytes()})
			return &area, nil
		}
	case *ecdsa.PublicKey:
		if point, err := key.Bytes(); err == nil && key.Curve == elliptic.P256() {
			area := tpm2.ECCEKTemplate
			area.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
				X: tpm2.TPM2BECCParameter{Buffer: point[1 : 1+coordinate]}, Y: tpm2.TPM2BECCParameter{Buffer: point[1+coordinate:]}})
			return &area, nil
		}
	}
	return nil, errors.New("tpm: the endorsement key is neither RSA-2048 nor ECDSA P-256")
}

// activate encrypts the wrapped keys so that only a TPM with this endorsement key and this
// parent can take them.
func activate(keys *wire.TPMKeys, endorsement *x509.Certificate, parent *tpm2.TPMTPublic) error {
	area, err := endorsementArea(endorsement.PublicKey)
	if err != nil {
		return err
	}
	to, err := tpm2.ImportEncapsulationKey(area)
	if err != nil {
		return fmt.Errorf("tpm: endorsement key: %w", err)
	}
	var with [32]byte
	rand.Read(with[:])
	defer clear(with[:])
	keys.Activation = new(wire.Activation)
	keys.Activation.Object, keys.Activation.Secret, err = tpm2.CreateCredential(rand.Reader, to, objectName(parent).Buffer, with[:])
	if err != nil {
		return fmt.Errorf("tpm: activation: %w", err)
	}
	pin.Secretly(func() {
		for _, key := range []*wire.WrappedKey{&keys.PIN, &keys.Card} {
			err = errors.Join(err, encrypt(&with, key))
		}
	})
	return err
}

func encrypt(with *[32]byte, key *wire.WrappedKey) error {
	aead, err := activationAEAD(with)
	if err == nil {
		key.Duplicate = aead.Seal(nil, nil, key.Duplicate, key.Public)
	}
	return err
}

func activationAEAD(key *[32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// An activated decrypts wrapped keys. It asks the TPM for the key to that when it is needed
// first.
type activated struct {
	*conn
	activation *wire.Activation // nil: they are not encrypted
	key        *[32]byte        // nil: not asked for yet
}

func (a *activated) wipe() {
	if a.key != nil {
		clear(a.key[:])
	}
}

// duplicate returns a wrapped key's Duplicate, decrypted.
func (a *activated) duplicate(key *wire.WrappedKey) (duplicate []byte, err error) {
	if a.activation == nil {
		return key.Duplicate, nil
	}
	if a.key == nil {
		if a.key, err = a.conn.activate(a.activation); err != nil {
			return nil, fmt.Errorf("activation: %w", err)
		}
	}
	aead, err := activationAEAD(a.key)
	if err != nil {
		return nil, err
	}
	if duplicate, err = aead.Open(nil, nil, key.Duplicate, key.Public); err != nil {
		return nil, fmt.Errorf("%w: decrypt: %w", ErrForeign, err)
	}
	return duplicate, nil
}

// activate returns the key in an activation. The caller wipes it.
func (c *conn) activate(a *wire.Activation) (*[32]byte, error) {
	kind, certificate, err := c.endorsement()
	if err != nil {
		return nil, err
	}
	if certificate == nil {
		return nil, fmt.Errorf("%w: it has no endorsement certificate", ErrForeign)
	}
	parent, _, err := c.parent()
	if err != nil {
		return nil, fmt.Errorf("parent: %w", err)
	}
	key, name, err := c.endorsementKey(kind, certificate)
	if err != nil {
		return nil, err
	}
	if key != kind.persistent {
		defer c.flush(key)
	}
	with := new([32]byte)
	err = c.withParent(parent, tpm2.TPMCCActivateCredential, func(parent tpm2.AuthHandle) error {
		return c.withPolicy(func(session tpm2.TPMHandle) error {
			_, err := tpm2.PolicySecret{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)}, PolicySession: session}.Execute(c)
			return owned(err)
		}, func(session tpm2.Session) error {
			answer, err := tpm2.ActivateCredential{ActivateHandle: parent, KeyHandle: tpm2.AuthHandle{Handle: key, Name: name, Auth: session},
				CredentialBlob: tpm2.TPM2BIDObject{Buffer: a.Object}, Secret: tpm2.TPM2BEncryptedSecret{Buffer: a.Secret}}.Execute(c)
			if err != nil {
				return err
			}
			defer clear(answer.CertInfo.Buffer)
			if len(answer.CertInfo.Buffer) != len(with) {
				return fmt.Errorf("an answer of %d bytes", len(answer.CertInfo.Buffer))
			}
			copy(with[:], answer.CertInfo.Buffer)
			return nil
		})
	})
	return with, err
}

// endorsementKey loads the endorsement key of a certificate, unless its maker has put it at
// the persistent handle, and returns its handle and name.
func (c *conn) endorsementKey(kind *endorsementKind, certificate *x509.Certificate) (handle tpm2.TPMHandle, name tpm2.TPM2BName, err error) {
	area, err := endorsementArea(certificate.PublicKey)
	if err != nil {
		return 0, name, err
	}
	want := tpm2.Marshal(*area)
	public, err := c.public(kind.persistent)
	if err != nil {
		return 0, name, err
	}
	if bytes.Equal(public, want) {
		return kind.persistent, objectName(area), nil
	}
	made, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)},
		InPublic: tpm2.New2B(kind.template)}.Execute(c)
	if err != nil {
		return 0, name, owned(err)
	}
	if !bytes.Equal(made.OutPublic.Bytes(), want) {
		c.flush(made.ObjectHandle)
		return 0, name, fmt.Errorf("%w: its endorsement key is not that of its certificate", ErrForeign)
	}
	return made.ObjectHandle, made.Name, nil
}

// endorsement returns the certificate of the TPM's endorsement key; nil: it has none that
// can be used.
func (c *conn) endorsement() (*endorsementKind, *x509.Certificate, error) {
	for _, kind := range endorsementKinds() {
		stored, err := c.readIndex(kind.certificate)
		if err != nil {
			return nil, nil, fmt.Errorf("endorsement certificate: %w", err)
		}
		var der asn1.RawValue // makers pad it
		if _, err := asn1.Unmarshal(stored, &der); err != nil {
			continue
		}
		certificate, err := ParseEndorsement(der.FullBytes)
		if err != nil {
			continue
		}
		if area, err := endorsementArea(certificate.PublicKey); err == nil && area.Type == kind.template.Type {
			return &kind, certificate, nil
		}
	}
	return nil, nil, nil
}

// readIndex returns the content of an index that anybody may read, at most
// wire.MaxEndorsement bytes; nil: there is none.
func (c *conn) readIndex(handle tpm2.TPMHandle) ([]byte, error) {
	answer, err := tpm2.NVReadPublic{NVIndex: handle}.Execute(c)
	if err != nil {
		return nil, unlessRefused(err)
	}
	area, err := answer.NVPublic.Contents()
	if err != nil {
		return nil, err
	}
	if area.DataSize > wire.MaxEndorsement {
		return nil, nil
	}
	most, err := c.property(tpm2.TPMPTNVBufferMax)
	if err != nil {
		return nil, err
	}
	index := tpm2.NamedHandle{Handle: handle, Name: answer.NVName}
	content := make([]byte, 0, area.DataSize)
	for len(content) < int(area.DataSize) {
		size := min(area.DataSize-uint16(len(content)), uint16(min(most, wire.MaxEndorsement)))
		part, err := tpm2.NVRead{AuthHandle: tpm2.AuthHandle{Handle: handle, Name: answer.NVName, Auth: tpm2.PasswordAuth(nil)},
			NVIndex: index, Size: size, Offset: uint16(len(content))}.Execute(c)
		if err != nil {
			return nil, unlessRefused(err)
		}
		if len(part.Data.Buffer) != int(size) || size == 0 {
			return nil, fmt.Errorf("an answer of %d bytes, not %d", len(part.Data.Buffer), size)
		}
		content = append(content, part.Data.Buffer...)
	}
	return content, nil
}

// unlessRefused returns nil for an error by which the TPM has refused a command.
func unlessRefused(err error) error {
	var rc tpm2.TPMRC
	if errors.As(err, &rc) && errors.Is(explain(rc), errRefused) {
		return nil
	}
	return err
}
