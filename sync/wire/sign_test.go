package wire

import (
	"bytes"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/veraison/go-cose"
)

func TestASignedMessageIsOfItsKindSiteAndKeyOnly(t *testing.T) {
	payload := Marshal(testCommand())
	signed := mustSign(t, KindCommand, payload)
	key := publicKey(testController)
	if got, err := verify(KindCommand, testSite, signed, MaxMessage, key); err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("%x, %v", got, err)
	}
	otherSite := testSite
	otherSite[15] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another kind": func() ([]byte, error) { return verify(KindPolicy, testSite, signed, MaxMessage, key) },
		"another site": func() ([]byte, error) { return verify(KindCommand, otherSite, signed, MaxMessage, key) },
		"another key": func() ([]byte, error) {
			return verify(KindCommand, testSite, signed, MaxMessage, publicKey(testReader))
		},
		"no key":          func() ([]byte, error) { return verify(KindCommand, testSite, signed, MaxMessage, nil) },
		"a key cut short": func() ([]byte, error) { return verify(KindCommand, testSite, signed, MaxMessage, key[:31]) },
		"the zero key":    func() ([]byte, error) { return verify(KindCommand, testSite, signed, MaxMessage, make([]byte, 32)) },
		"another's key": func() ([]byte, error) {
			return verify(KindCommand, testSite, signed, MaxMessage, bytes.Repeat([]byte{1}, 32))
		},
		"a bit of payload": func() ([]byte, error) { return verify(KindCommand, testSite, flip(signed, 20), MaxMessage, key) },
		"a bit of the signature": func() ([]byte, error) {
			return verify(KindCommand, testSite, flip(signed, len(signed)-40), MaxMessage, key)
		},
	} {
		if got, err := open(); !errors.Is(err, ErrSignature) || got != nil {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

// TestOnlyOneEnvelopeIsRead signs what other programs might write: all are
// sound COSE, and none is ours.
func TestOnlyOneEnvelopeIsRead(t *testing.T) {
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, testController)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*cose.Sign1Message), after func(*cose.Sign1Message)) []byte {
		m := cose.NewSign1Message()
		m.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
		m.Payload = Marshal(testCommand())
		change(m)
		if err := m.Sign(nil, external(KindCommand, testSite), signer); err != nil {
			t.Fatal(err)
		}
		after(m)
		b, err := m.MarshalCBOR()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	same := func(*cose.Sign1Message) {}
	right := with(same, same)
	read := func(b []byte) error {
		payload, err := Payload(KindCommand, b, MaxMessage)
		opened, errOpen := verify(KindCommand, testSite, b, MaxMessage, publicKey(testController))
		if (err == nil) != (errOpen == nil) || !bytes.Equal(payload, opened) {
			t.Errorf("Payload: %v, Open: %v", err, errOpen)
		}
		return errOpen
	}
	if err := read(right); err != nil {
		t.Fatal(err)
	}
	keyID := func(m *cose.Sign1Message) { m.Headers.Unprotected[cose.HeaderLabelKeyID] = []byte{1} }
	contentType := func(m *cose.Sign1Message) { m.Headers.Protected[cose.HeaderLabelContentType] = int64(60) }
	payloadAt := bytes.Index(right, Marshal(testCommand()))
	envelopes := map[string][]byte{
		"an unprotected header":        with(keyID, same),
		"more in the protected one":    with(contentType, same),
		"a detached payload":           with(same, func(m *cose.Sign1Message) { m.Payload = nil }),
		"a short signature":            with(same, func(m *cose.Sign1Message) { m.Signature = m.Signature[:63] }),
		"a long signature":             with(same, func(m *cose.Sign1Message) { m.Signature = append(m.Signature, 0) }),
		"no tag":                       right[1:],
		"another tag":                  append([]byte{0xd1}, right[1:]...),
		"a longer tag":                 append([]byte{0xd8, 18}, right[1:]...),
		"another algorithm":            append([]byte{0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26}, right[6:]...),
		"no algorithm":                 append([]byte{0xd2, 0x84, 0x41, 0xa0}, right[6:]...),
		"an empty protected header":    append([]byte{0xd2, 0x84, 0x40}, right[6:]...),
		"an array of three":            append([]byte{0xd2, 0x83}, right[2:]...),
		"an array of five":             append(append([]byte{0xd2, 0x85}, right[2:]...), 0),
		"an indefinite array":          append(append([]byte{0xd2, 0x9f}, right[2:]...), 0xff),
		"a longer length of payload":   bytes.Join([][]byte{right[:payloadAt-2], {0x59, 0, right[payloadAt-1]}, right[payloadAt:]}, nil),
		"an indefinite payload":        bytes.Join([][]byte{right[:payloadAt-2], {0x5f}, right[payloadAt-2 : len(right)-66], {0xff}, right[len(right)-66:]}, nil),
		"a longer length, signature":   bytes.Join([][]byte{right[:len(right)-66], {0x59, 0, 64}, right[len(right)-64:]}, nil),
		"a text for the payload":       bytes.Join([][]byte{right[:payloadAt-2], {0x78}, right[payloadAt-1:]}, nil),
		"a tagged payload":             bytes.Join([][]byte{right[:payloadAt-2], {0xd8, 24}, right[payloadAt-2:]}, nil),
		"trailing bytes":               append(bytes.Clone(right), 0),
		"a truncation":                 right[:len(right)-1],
		"the start alone":              bytes.Clone(envelope),
		"nothing":                      nil,
		"no signature":                 append(bytes.Clone(right[:len(right)-66]), 0x40),
		"null for the signature":       append(bytes.Clone(right[:len(right)-66]), 0xf6),
		"undefined for the payload":    bytes.Join([][]byte{envelope, {0xf7}, right[len(right)-66:]}, nil),
		"a number for the payload":     bytes.Join([][]byte{envelope, {0x01}, right[len(right)-66:]}, nil),
		"nested lists for the payload": bytes.Join([][]byte{envelope, bytes.Repeat([]byte{0x81}, 40), {0x01}, right[len(right)-66:]}, nil),
	}
	for name, b := range envelopes {
		if err := read(b); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheEnvelopeCostsNoMoreThanIsAllowedFor(t *testing.T) {
	for _, n := range []int{0, 1, 23, 24, 255, 256, 65535, 65536} {
		payload := make([]byte, n)
		signed, err := Sign(KindManifest, testSite, payload, testController)
		if err != nil {
			t.Fatal(err)
		}
		if len(signed)-n > envelopeOverhead {
			t.Errorf("%d bytes of payload become %d", n, len(signed))
		}
		if got, err := verify(KindManifest, testSite, signed, n, publicKey(testController)); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestARequestIsSignedByTheKeyInIt(t *testing.T) {
	request := testRequest(t)
	signed, err := request.Sign(testReader)
	if err != nil {
		t.Fatal(err)
	}
	got, fingerprint, err := ParseRequest(signed)
	if err != nil || got.Signing != request.Signing || fingerprint != Fingerprint(Marshal(request)) {
		t.Fatalf("%v, %q, %v", got, fingerprint, err)
	}
	other, err := request.Sign(testController)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ParseRequest(other); !errors.Is(err, ErrSignature) {
		t.Errorf("signed by another key: %v", err)
	}
	forSite, err := Sign(KindRequest, testSite, Marshal(request), testReader)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ParseRequest(forSite); !errors.Is(err, ErrSignature) {
		t.Errorf("signed for a site: %v", err)
	}
	for name, csr := range map[string][]byte{"no certificate request": nil, "one with a broken signature": flip(request.CSR, len(request.CSR)-1), "one for an Ed25519 key": ed25519CSR(t)} {
		changed := *request
		changed.CSR = csr
		signed, err := changed.Sign(testReader)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ParseRequest(signed); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestAFingerprintIsEightGroupsOfFourDigits(t *testing.T) {
	if got, want := Fingerprint([]byte("abc")), "BA78 16BF 8F01 CFEA 4141 40DE 5DAE 2223"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func ed25519CSR(t *testing.T) []byte {
	t.Helper()
	csr, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{}, testReader)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}
