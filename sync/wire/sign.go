package wire

import (
	"bytes"
	"crypto/ed25519"
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

// A signed message is COSE_Sign1: tag 18, an array of four, the protected
// header {1: -8} (EdDSA), an empty unprotected header, the payload, and a
// signature of 64 bytes (RFC 9052 §4.2, RFC 9053 §2.2).
var envelope = []byte{0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0}

// envelopeOverhead is the most that an envelope adds to its payload: the start
// above, the payload's length, the signature with its length.
const envelopeOverhead = 7 + 5 + 2 + ed25519.SignatureSize

// external is what is signed beside the payload: ["latchkey", 1, kind, site].
func external(kind Kind, site SiteID) []byte {
	return Marshal([]any{"latchkey", 1, string(kind), site[:]})
}

// Sign returns the payload as a signed message of a kind and a site. It refuses
// numbers above MaxNumber, and leaves all other checks to the caller.
func Sign(kind Kind, site SiteID, payload []byte, key ed25519.PrivateKey) ([]byte, error) {
	if err := checkNumbers(payload); errors.Is(err, errTooHigh) {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	message := cose.NewSign1Message()
	message.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	message.Payload = payload
	if err := message.Sign(nil, external(kind, site), signer); err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	b, err := message.MarshalCBOR()
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	return b, nil
}

// verify checks a signed message of at most limit payload bytes and returns its
// payload, which is part of signed. The error wraps ErrEncoding if Sign would not
// write such an envelope, and ErrSignature if the signature is not the key's for
// this kind and site.
func verify(kind Kind, site SiteID, signed []byte, limit int, key ed25519.PublicKey) ([]byte, error) {
	payload, err := Payload(kind, signed, limit)
	if err != nil {
		return nil, err
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("open %s: %w: the key has %d bytes", kind, ErrSignature, len(key))
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmEdDSA, key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", kind, err)
	}
	message := cose.NewSign1Message()
	message.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	message.Payload, message.Signature = payload, signed[len(signed)-ed25519.SignatureSize:]
	if err := message.Verify(external(kind, site), verifier); err != nil {
		return nil, fmt.Errorf("open %s: %w", kind, ErrSignature)
	}
	return payload, nil
}

// A message checks what its encoding cannot: Check returns what is wrong.
type message interface{ Check() error }

// sign checks a message and returns it signed as a kind.
func sign(kind Kind, site SiteID, m message, key ed25519.PrivateKey) ([]byte, error) {
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
func open(kind Kind, site SiteID, signed []byte, key ed25519.PublicKey, m message) error {
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
	if len(signed) > limit+envelopeOverhead {
		return nil, fmt.Errorf("open %s: %w: %d bytes", kind, ErrEncoding, len(signed))
	}
	// An envelope is constant but for two byte strings, so it has one encoding.
	rest, found := bytes.CutPrefix(signed, envelope)
	payload, rest, ok := byteString(rest)
	signature, rest, ok2 := byteString(rest)
	if !found || !ok || !ok2 || len(rest) > 0 || len(payload) > limit || len(signature) != ed25519.SignatureSize {
		return nil, fmt.Errorf("open %s: %w: not a COSE_Sign1 with EdDSA", kind, ErrEncoding)
	}
	return payload, nil
}

// byteString splits a byte string, in its shortest encoding (RFC 8949 §4.2.1), off
// b. What it returns is part of b.
func byteString(b []byte) (content, rest []byte, ok bool) {
	d := strict{rest: b}
	content = d.take(d.head(majorBytes))
	return content, d.rest, !d.wrong
}
