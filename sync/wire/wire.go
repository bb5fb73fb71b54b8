// Package wire is every message that a reader and its controller share, and
// every signed thing that a reader keeps on its disk: credentials, snapshots
// and deltas, policy, commands, records, what the link carries besides, the
// request for an adoption and the bundle that answers it. It is the ground of
// the project and imports nothing of it.
//
// Messages are CBOR in the core deterministic encoding (RFC 8949 §4.2.1),
// signed as COSE_Sign1 (RFC 9052 §4.2) where they cross a border of trust.
// latchkey.cddl (RFC 8610) beside this file describes each of them.
package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Bounds, in bytes unless said otherwise, checked before anything is decoded.
const (
	MaxChunk    = 32 << 10     // one chunk of a snapshot
	MaxManifest = 1<<20 - 4096 // payload of a manifest; leaves room for its envelope in a 1 MiB message
	MaxDelta    = 64 << 10     // a signed delta
	MaxMessage  = 64 << 10     // every other signed message
	MaxRecord   = 4 << 10      // a record in the journal
	MaxBundle   = 256 << 20    // an adoption bundle, snapshot included
	MaxName     = 64           // a name that a person reads: a user, a door, a place
	MaxText     = 200          // what a reader says is wrong with a part of it
	MaxGroups   = 32           // groups of one credential
)

// ErrEncoding says that bytes are not the one deterministic encoding of a
// message of the kind asked for: malformed, a missing or unknown key, an
// indefinite length, a duplicate key, a number longer than it need be.
var ErrEncoding = errors.New("not the deterministic encoding of this message")

// encoding writes a nil slice as an empty one: null would be a second encoding
// of the same list.
var encoding = func() cbor.EncMode {
	options := cbor.CoreDetEncOptions()
	options.NilContainers = cbor.NilContainerAsEmpty
	return must(options.EncMode())
}()

var decoding = must(cbor.DecOptions{
	DupMapKey:         cbor.DupMapKeyEnforcedAPF,
	IndefLength:       cbor.IndefLengthForbidden,
	TagsMd:            cbor.TagsForbidden,
	ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	MaxNestedLevels:   8,
	MaxArrayElements:  1 << 16,
	MaxMapPairs:       64,
	UTF8:              cbor.UTF8RejectInvalid,
	NaN:               cbor.NaNDecodeForbidden,
	Inf:               cbor.InfDecodeForbidden,
	FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
}.DecMode())

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err)
	}
	return mode
}

// Marshal returns the deterministic encoding of a message of this package, for
// comparing and hashing: what is to be kept or sent, Encode, Sign and the messages' own
// methods look at first. It panics on a type that cannot be encoded, which is a fault of
// the program.
func Marshal(message any) []byte {
	b, err := encoding.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("wire: encode %T: %v", message, err))
	}
	return b
}

// Unmarshal decodes b, whole and at most limit bytes long, into message, a
// pointer to a type of this package. It re-encodes what it read and refuses
// every difference, so each message has one encoding, and every number above
// MaxNumber; the error wraps ErrEncoding. On an error message holds nothing that may be used.
func Unmarshal(b []byte, limit int, message any) error {
	if len(b) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrEncoding, len(b), limit)
	}
	if err := checkNumbers(b); err != nil {
		return err
	}
	if err := decoding.Unmarshal(b, message); err != nil {
		return fmt.Errorf("%w: %v", ErrEncoding, err)
	}
	again := expected{b}
	if err := encoding.NewEncoder(&again).Encode(message); err != nil {
		return fmt.Errorf("%w: %v", ErrEncoding, err)
	}
	if len(again.rest) > 0 {
		return ErrEncoding
	}
	return nil
}

// expected is what is still to be written. It takes nothing else, and keeps
// nothing: a message may be as long as a snapshot.
type expected struct{ rest []byte }

func (e *expected) Write(b []byte) (int, error) {
	if !bytes.HasPrefix(e.rest, b) {
		return 0, errors.New("a difference")
	}
	e.rest = e.rest[len(b):]
	return len(b), nil
}

// Next splits the first item off a CBOR sequence (RFC 8742). The item is only
// found to be well formed here; Unmarshal or an Open function decides what it is.
func Next(sequence []byte) (item, rest []byte, err error) {
	var raw cbor.RawMessage
	rest, err = itemDecoding.UnmarshalFirst(sequence, &raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %v", ErrEncoding, err)
	}
	return sequence[:len(sequence)-len(rest)], rest, nil
}

// itemDecoding lets the one tag of COSE_Sign1 pass.
var itemDecoding = must(cbor.DecOptions{
	IndefLength:      cbor.IndefLengthForbidden,
	MaxNestedLevels:  8,
	MaxArrayElements: 1 << 16,
	MaxMapPairs:      64,
}.DecMode())
