package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"testing"

	"github.com/veraison/go-cose"
)

// A tpmSigner signs as a TPM does, but the same each time (RFC 6979).
type tpmSigner struct{ *ecdsa.PrivateKey }

func (s tpmSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(nil, digest, crypto.SHA256)
}

func (s tpmSigner) point(t testing.TB) []byte {
	t.Helper()
	b, err := s.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testTPMSigner is the signing key in the TPM of testTPMRequest: 04 05 … 23.
func testTPMSigner(t testing.TB) tpmSigner {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), fill(0x04, 32))
	if err != nil {
		t.Fatal(err)
	}
	return tpmSigner{key}
}

// signerOf returns the key that signs a request of these fixtures.
func signerOf(t testing.TB, r *Request) crypto.Signer {
	if r.TPM != nil {
		return testTPMSigner(t)
	}
	return testReader
}

// TestAReadersSignatureIsES256AsCOSESaysIt checks each with the COSE library's own verifier.
func TestAReadersSignatureIsES256AsCOSESaysIt(t *testing.T) {
	key := testTPMSigner(t)
	verifier, err := cose.NewVerifier(cose.AlgorithmES256, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for kind, m := range map[Kind]ownMessage{KindState: testState(t), KindRecords: testRecords(), KindFetch: testFetch(WantDeltas)} {
		signed := mustSignBy(t, m, key)
		message := cose.NewSign1Message()
		if err := message.UnmarshalCBOR(signed); err != nil {
			t.Fatal(err)
		}
		if err := message.Verify(external(kind, testSite), verifier); err != nil || len(message.Signature) != 64 {
			t.Errorf("%s: %v", kind, err)
		}
		// A key in memory signs differently each time, and as well.
		again := mustSignBy(t, m, key.PrivateKey)
		if _, err := verify(kind, testSite, again, MaxMessage, key.Public()); err != nil || len(again) != len(signed) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestTheKeyDecidesByWhichAlgorithmAMessageIsChecked(t *testing.T) {
	tpm, file := testTPMSigner(t), testReader
	for kind, m := range map[Kind]ownMessage{KindState: testState(t), KindRecords: testRecords(), KindFetch: testFetch(WantDeltas)} {
		byTPM, byFile := mustSignBy(t, m, tpm), mustSignBy(t, m, file)
		renamed := func(signed, as []byte) []byte { return append(bytes.Clone(as), signed[len(as):]...) }
		own := func(b []byte, key crypto.PublicKey) error {
			_, err := verify(kind, testSite, b, MaxMessage, key)
			return err
		}
		if err := errors.Join(own(byTPM, tpm.Public()), own(byFile, file.Public())); err != nil {
			t.Fatal(err)
		}
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point := tpm.point(t)
		for name, err := range map[string]error{
			"ES256 under a file's key":                 own(byTPM, file.Public()),
			"EdDSA under a TPM's key":                  own(byFile, tpm.Public()),
			"ES256 that says EdDSA, a TPM's key":       own(renamed(byTPM, envelope), tpm.Public()),
			"ES256 that says EdDSA, a file's key":      own(renamed(byTPM, envelope), file.Public()),
			"EdDSA that says ES256, a file's key":      own(renamed(byFile, envelopeES256), file.Public()),
			"EdDSA that says ES256, a TPM's key":       own(renamed(byFile, envelopeES256), tpm.Public()),
			"another TPM's key":                        own(byTPM, other.Public()),
			"a key of P-384":                           own(byTPM, wide.Public()),
			"a point's x as a key of Ed25519":          own(byTPM, ed25519.PublicKey(point[1:33])),
			"a key by value":                           own(byTPM, tpm.PublicKey),
			"no key":                                   own(byTPM, nil),
			"a bit of the payload":                     own(flip(byTPM, 20), tpm.Public()),
			"a bit of r":                               own(flip(byTPM, len(byTPM)-64), tpm.Public()),
			"a bit of s":                               own(flip(byTPM, len(byTPM)-1), tpm.Public()),
			"r and s zero":                             own(append(bytes.Clone(byTPM[:len(byTPM)-64]), make([]byte, 64)...), tpm.Public()),
			"an Ed25519 key and r, s of a neutral key": own(append(bytes.Clone(byFile[:len(byFile)-64]), make([]byte, 64)...), file.Public()),
		} {
			if !errors.Is(err, ErrSignature) {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
	}
}

// TestNothingOfTheControllersIsSignedByES256 signs each kind that is the controller's alone
// as a reader's TPM would.
func TestNothingOfTheControllersIsSignedByES256(t *testing.T) {
	key := testTPMSigner(t)
	for _, kind := range []Kind{KindManifest, KindDelta, KindPolicy, KindCommand, KindBundle, KindHead, KindKey, KindNow, KindAck, KindCard} {
		if _, err := Sign(kind, testSite, Marshal(testHead()), key); err == nil {
			t.Errorf("%s: Sign signs it", kind)
		}
		signed := signedES256(t, kind, testSite, Marshal(testHead()), key)
		if _, err := Payload(kind, signed, MaxMessage); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: Payload: %v", kind, err)
		}
		for name, public := range map[string]crypto.PublicKey{"its key": key.Public(), "the controller's key": testController.Public()} {
			if _, err := verify(kind, testSite, signed, MaxMessage, public); !errors.Is(err, ErrEncoding) {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
		// Nor does a key of P-256 verify the controller's own algorithm.
		if _, err := verify(kind, testSite, mustSign(t, kind, Marshal(testHead())), MaxMessage, key.Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// signedES256 signs what Sign would not: by RFC 9052 §4.4, without the COSE library.
func signedES256(t testing.TB, kind Kind, site SiteID, payload []byte, key tpmSigner) []byte {
	t.Helper()
	digest := sha256.Sum256(Marshal([]any{"Signature1", []byte{0xa1, 0x01, 0x26}, external(kind, site), payload}))
	r, s := rs(t, key, digest[:])
	return bytes.Join([][]byte{envelopeES256, Marshal(payload), Marshal(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))}, nil)
}

func rs(t testing.TB, key tpmSigner, digest []byte) (r, s *big.Int) {
	t.Helper()
	r, s, err := ecdsa.Sign(rand.Reader, key.PrivateKey, digest)
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func TestARequestIsSignedByTheOneKeyInIt(t *testing.T) {
	parse := func(r *Request, key crypto.Signer) error {
		signed, err := r.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := ParseRequest(signed)
		if err == nil && (!got.SameBoard(r) || !got.VerifyingKey().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public())) {
			t.Errorf("%+v", got)
		}
		return err
	}
	tpm, plain := testTPMRequest(t), testRequest(t)
	if err := errors.Join(parse(tpm, testTPMSigner(t)), parse(plain, testReader)); err != nil {
		t.Fatal(err)
	}
	if tpm.SameBoard(plain) || plain.SameBoard(tpm) {
		t.Error("one with a TPM and one without are the same board")
	}
	other := testTPMRequest(t)
	copy(other.TPM.Signing[:], decodeHex(t, testGrantKey))
	if tpm.SameBoard(other) {
		t.Error("two TPMs are the same board")
	}
	both, neither, noPoint, infinity := testTPMRequest(t), testRequest(t), testTPMRequest(t), testTPMRequest(t)
	both.Signing = plain.Signing
	neither.Signing = [32]byte{}
	noPoint.TPM.Signing[64] ^= 1
	infinity.TPM.Signing = [65]byte{}
	hybrid, large := testTPMRequest(t), testTPMRequest(t)
	hybrid.TPM.Signing[0] = 6 + hybrid.TPM.Signing[64]&1
	copy(large.TPM.Signing[1:33], bytes.Repeat([]byte{0xff}, 32))
	for name, err := range map[string]error{
		"a TPM's, signed by a file's key":        parse(tpm, testReader),
		"a file's, signed by a TPM's key":        parse(plain, testTPMSigner(t)),
		"two keys, signed by the TPM's":          parse(both, testTPMSigner(t)),
		"two keys, signed by the file's":         parse(both, testReader),
		"no key":                                 parse(neither, testReader),
		"a point that is not on the curve":       parse(noPoint, testTPMSigner(t)),
		"the point at infinity":                  parse(infinity, testTPMSigner(t)),
		"a hybrid encoding":                      parse(hybrid, testTPMSigner(t)),
		"a coordinate above the field's modulus": parse(large, testTPMSigner(t)),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
