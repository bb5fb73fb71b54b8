// Package wire defines every message between a reader and its controller, and every
// signed thing on a reader's disk: credentials, snapshots and deltas, policy,
// commands, records, the link's other messages, and the request for an adoption with
// the bundle that answers it. It imports no other package of the project.
//
// Messages are CBOR in the core deterministic encoding (RFC 8949 §4.2.1), signed as
// COSE_Sign1 (RFC 9052 §4.2) where they cross a trust boundary.
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
	MaxText     = 200          // what is wrong with a part of a reader
	MaxGroups   = 32           // groups of one credential
)

// ErrEncoding says that bytes are not the deterministic encoding of a message of this
// kind: they are malformed, lack a key or have an unknown or duplicate one, or encode
// something longer than necessary.
var ErrEncoding = errors.New("not the deterministic encoding of this message")

// encoding writes a nil slice as an empty one: null would be a second encoding
// of the same list.
var encoding = func() cbor.UserBufferEncMode {
	options := cbor.CoreDetEncOptions()
	options.NilContainers = cbor.NilContainerAsEmpty
	return must(options.UserBufferEncMode())
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

// Bytes is a byte string of a type that can be compared.
type Bytes = cbor.ByteString

// Marshal returns the deterministic encoding of a message of this package, to compare
// or hash it. It checks nothing: use Encode, Sign and the messages' own methods for
// what is stored or sent. It panics on a type that cannot be encoded.
func Marshal(message any) []byte {
	b, err := encoding.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("wire: encode %T: %v", message, err))
	}
	return b
}

// Unmarshal decodes the whole of b, at most limit bytes, into message, a pointer to a
// type of this package. It refuses numbers above MaxNumber and whatever differs from
// the deterministic encoding of what it read. Its errors wrap ErrEncoding; after one,
// message must not be used.
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
	again := bytes.NewBuffer(make([]byte, 0, len(b))) // nobody erases the encoder's own buffers
	defer func() { clear(again.Bytes()) }()
	if err := encoding.MarshalToBuffer(message, again); err != nil {
		return fmt.Errorf("%w: %v", ErrEncoding, err)
	}
	if !bytes.Equal(again.Bytes(), b) {
		return ErrEncoding
	}
	return nil
}

// Next splits the first item off a CBOR sequence (RFC 8742). It checks only that the
// item is well formed.
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
