package boardtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// A TPMMaker certifies the endorsement keys of TPMs.
type TPMMaker struct {
	Authority *x509.Certificate
	key       *ecdsa.PrivateKey
}

// NewTPMMaker returns a maker whose authority another one has certified; nil: itself.
func NewTPMMaker(t testing.TB, name string, above *TPMMaker, edit func(*x509.Certificate)) *TPMMaker {
	t.Helper()
	m := new(TPMMaker)
	var err error
	if m.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if edit != nil {
		edit(template)
	}
	signer, issuer := m.key, template
	if above != nil {
		signer, issuer = above.key, above.Authority
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &m.key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if m.Authority, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return m
}

// PEM returns the authority's certificate as a maker publishes it.
func (m *TPMMaker) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Authority.Raw})
}

// Certify returns the certificate of an endorsement key, DER, as TCG's EK Credential Profile
// has it: the subject is empty; maker, model and version are in a critical subject
// alternative name.
func (m *TPMMaker) Certify(t testing.TB, key any, edit func(*x509.Certificate)) []byte {
	t.Helper()
	var set []pkix.RelativeDistinguishedNameSET
	for i, value := range []string{"id:54455354", "model", "id:00010002"} {
		set = append(set, pkix.RelativeDistinguishedNameSET{{Type: asn1.ObjectIdentifier{2, 23, 133, 2, i + 1}, Value: value}})
	}
	name, err := asn1.Marshal(pkix.RDNSequence(set))
	if err != nil {
		t.Fatal(err)
	}
	names, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}}) // directoryName
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), KeyUsage: x509.KeyUsageKeyAgreement, BasicConstraintsValid: true,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{{2, 23, 133, 8, 1}},
		ExtraExtensions:    []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: names}},
		NotBefore:          time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, m.Authority, key, m.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Endorse gives the board's TPM a certificate of its endorsement key by a maker.
func (b *Board) Endorse(t testing.TB, m *TPMMaker) {
	t.Helper()
	var err error
	if b.Endorsement, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	b.Request.TPM.Endorsement = m.Certify(t, &b.Endorsement.PublicKey, nil)
	b.Ask(t, b.Request.TPM.Nonce)
}

// Activate returns keys with each Duplicate in the clear, as the board's TPM does (Part 1,
// "Credential Protection").
func (b *Board) Activate(keys *wire.TPMKeys) (*wire.TPMKeys, error) {
	plain := *keys
	plain.Activation = nil
	if keys.Activation == nil || b.Endorsement == nil {
		return &plain, nil
	}
	point, object := keys.Activation.Secret, keys.Activation.Object
	if len(point) != 68 || len(object) != 34+34 {
		return nil, errors.New("no activation")
	}
	key, err := b.Endorsement.ECDH()
	if err != nil {
		return nil, err
	}
	z, x, err := shared(key, point)
	if err != nil {
		return nil, err
	}
	seed := hash(uint32(1), z, []byte("IDENTITY\x00"), x, key.PublicKey().Bytes()[1:33]) // KDFe
	name := join(uint16(0x000B), hash(b.Request.TPM.Parent))
	mac := hmac.New(sha256.New, kdfa(seed, "INTEGRITY", nil, 256))
	mac.Write(object[34:])
	mac.Write(name)
	if !bytes.Equal(object[:34], join(uint16(32), mac.Sum(nil))) {
		return nil, errors.New("it is for another endorsement key or another parent")
	}
	with, err := decryptCFB(kdfa(seed, "STORAGE", name, 128), object[34:])
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(with[2:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	for _, key := range []*wire.WrappedKey{&plain.PIN, &plain.Card} {
		if key.Duplicate, err = aead.Open(nil, key.Duplicate[:12], key.Duplicate[12:], key.Public); err != nil {
			return nil, err
		}
	}
	return &plain, nil
}
