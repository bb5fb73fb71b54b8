package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/veraison/go-cose"
)

// Kind is what a signed message is for. It is part of what is signed, so a
// message of one kind can never pass for one of another.
type Kind string

// The kinds of signed messages.
const (
	KindManifest Kind = "manifest"
	KindDelta    Kind = "delta"
	KindPolicy   Kind = "policy"
	KindCommand  Kind = "command"
	KindRequest  Kind = "request"
	KindBundle   Kind = "bundle"
	KindHead     Kind = "head"
	KindKey      Kind = "key"
	KindNow      Kind = "now"
	KindAck      Kind = "ack"
	KindCard     Kind = "card"
	KindState    Kind = "state"   // signed by the reader, as the next two are
	KindRecords  Kind = "records" //
	KindFetch    Kind = "fetch"   //
)

// ErrSignature says that a message is not signed by the key asked for, as the
// kind asked for, for the site asked for.
var ErrSignature = errors.New("signature does not match")

// A KeyError says that a key has not signed a message, about which it says nothing: a key
// in a TPM needs the TPM.
type KeyError struct{ Err error }

func (e *KeyError) Error() string { return e.Err.Error() }
func (e *KeyError) Unwrap() error { return e.Err }

// A signed message is COSE_Sign1: tag 18, an array of four, the protected
// header {1: -8} (EdDSA), an empty unprotected header, the payload, and a
// signature of 64 bytes (RFC 9052 §4.2, RFC 9053 §2.2).
var envelope = []byte{0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0}

// A reader whose keys are in a TPM signs with ECDSA instead: the protected header is
// {1: -7} (ES256), and the signature r ‖ s (RFC 9053 §2.1).
var envelopeES256 = []byte{0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0}

const signatureSize = 64 // of both

// envelopeOverhead is the most that an envelope adds to its payload: the start
// above, the payload's length, the signature with its length.
const envelopeOverhead = 7 + 5 + 2 + signatureSize

// byReader returns whether readers sign messages of this kind. All others are the
// controller's, which signs with EdDSA only.
func (k Kind) byReader() bool {
	switch k {
	case KindRequest, KindState, KindRecords, KindFetch:
		return true
	}
	return false
}

// algorithm returns the one algorithm of a public key's signatures of this kind. A message
// has no say in it.
func (k Kind) algorithm(key crypto.PublicKey) (cose.Algorithm, error) {
	switch key := key.(type) {
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return 0, fmt.Errorf("the key has %d bytes", len(key))
		}
		return cose.AlgorithmEdDSA, nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() && k.byReader() {
			return cose.AlgorithmES256, nil
		}
	}
	return 0, errors.New("not a key for such messages")
}

// external is what is signed beside the payload: ["latchkey", 1, kind, site].
func external(kind Kind, site SiteID) []byte {
	return Marshal([]any{"latchkey", 1, string(kind), site[:]})
}

// Sign returns the payload as a signed message of a kind and a site: with EdDSA for a key
// of Ed25519, with ES256 for one of P-256, which only readers have. It refuses numbers
// above MaxNumber, and leaves all other checks to the caller. The error wraps a KeyError if
// the key fails.
func Sign(kind Kind, site SiteID, payload []byte, key crypto.Signer) ([]byte, error) {
	if err := checkNumbers(payload); errors.Is(err, errTooHigh) {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	algorithm, err := kind.algorithm(key.Public())
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	signer, err := cose.NewSigner(algorithm, key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	message := cose.NewSign1Message()
	message.Headers.Protected.SetAlgorithm(algorithm)
	message.Payload = payload
	if err := message.Sign(rand.Reader, external(kind, site), signer); err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, &KeyError{err})
	}
	b, err := message.MarshalCBOR()
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	return b, nil
}

// verify checks a signed message of at most limit payload bytes and returns its
// payload, which is part of signed. The error wraps ErrEncoding if Sign would not
// write such an envelope, and ErrSignature if the signature is not the key's, by the
// key's algorithm, for this kind and site.
func verify(kind Kind, site SiteID, signed []byte, limit int, key crypto.PublicKey) ([]byte, error) {
	found, payload, err := split(kind, signed, limit)
	if err != nil {
		return nil, err
	}
	algorithm, err := kind.algorithm(key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w: %w", kind, ErrSignature, err)
	}
	if found != algorithm {
		return nil, fmt.Errorf("open %s: %w: signed with %v, and the key is for %v", kind, ErrSignature, found, algorithm)
	}
	verifier, err := cose.NewVerifier(algorithm, key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", kind, err)
	}
	message := cose.NewSign1Message()
	message.Headers.Protected.SetAlgorithm(algorithm)
	message.Payload, message.Signature = payload, signed[len(signed)-signatureSize:]
	if err := message.Verify(external(kind, site), verifier); err != nil {
		return nil, fmt.Errorf("open %s: %w", kind, ErrSignature)
	}
	return payload, nil
}

// A message checks what its encoding cannot: Check returns what is wrong.
type message interface{ Check() error }

// sign checks a message and returns it signed as a kind.
func sign(kind Kind, site SiteID, m message, key crypto.Signer) ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	payload := Marshal(m)
	if len(payload) > kind.limit() {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", kind, len(payload), kind.limit())
	}
	return Sign(kind, site, payload, key)
}

// open checks a signed message of a kind, and decodes it into m.
func open(kind Kind, site SiteID, signed []byte, key crypto.PublicKey, m message) error {
	payload, err := verify(kind, site, signed, kind.limit(), key)
	if err != nil {
		return err
	}
	return parse(kind, payload, m)
}

// parse decodes and checks the payload of a kind.
func parse(kind Kind, payload []byte, m message) error {
	if err := Unmarshal(payload, kind.limit(), m); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if err := m.Check(); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

// CheckPayload refuses a payload that the receiver of a message of this kind would refuse.
func CheckPayload(kind Kind, payload []byte) error {
	m := kind.empty()
	if m == nil {
		return errors.New("not a message of the link")
	}
	return parse(kind, payload, m)
}

// empty returns an empty message of a kind, nil if the link carries no such messages.
func (k Kind) empty() message {
	switch k {
	case KindHead:
		return new(Position)
	case KindKey:
		return new(Key)
	case KindCard:
		return new(CardKeys)
	case KindNow:
		return new(Now)
	case KindAck:
		return new(Ack)
	case KindCommand:
		return new(Command)
	case KindPolicy:
		return new(Policy)
	case KindDelta:
		return new(Delta)
	case KindManifest:
		return new(Manifest)
	case KindState:
		return new(State)
	case KindRecords:
		return new(Records)
	case KindFetch:
		return new(Fetch)
	}
	return nil
}

// limit returns the most bytes of a payload.
func (k Kind) limit() int {
	switch k {
	case KindManifest:
		return MaxManifest
	case KindDelta:
		return MaxDelta
	}
	return MaxMessage
}

// Payload returns the payload of a signed message, as a part of signed, without
// checking the signature. Use it only where the payload names the key, or where a
// trusted hash covers the payload.
func Payload(kind Kind, signed []byte, limit int) ([]byte, error) {
	_, payload, err := split(kind, signed, limit)
	return payload, err
}

// split returns the algorithm that an envelope claims, and its payload.
func split(kind Kind, signed []byte, limit int) (cose.Algorithm, []byte, error) {
	if len(signed) > limit+envelopeOverhead {
		return 0, nil, fmt.Errorf("open %s: %w: %d bytes", kind, ErrEncoding, len(signed))
	}
	// An envelope is constant but for two byte strings, so it has one encoding.
	algorithm := cose.AlgorithmEdDSA
	rest, found := bytes.CutPrefix(signed, envelope)
	if !found && kind.byReader() {
		algorithm = cose.AlgorithmES256
		rest, found = bytes.CutPrefix(signed, envelopeES256)
	}
	payload, rest, ok := byteString(rest)
	signature, rest, ok2 := byteString(rest)
	if !found || !ok || !ok2 || len(rest) > 0 || len(payload) > limit || len(signature) != signatureSize {
		return 0, nil, fmt.Errorf("open %s: %w: not a COSE_Sign1 that this kind has", kind, ErrEncoding)
	}
	return algorithm, payload, nil
}

// byteString splits a byte string, in its shortest encoding (RFC 8949 §4.2.1), off
// b. What it returns is part of b.
func byteString(b []byte) (content, rest []byte, ok bool) {
	d := strict{rest: b}
	content = d.take(d.head(majorBytes))
	return content, d.rest, !d.wrong
}
