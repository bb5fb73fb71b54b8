package wire

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
)

// Want is what a reader fetches.
type Want string

// What a reader fetches.
const (
	WantDeltas   Want = "deltas"   // those after Position
	WantSnapshot Want = "snapshot" // the manifest of the newest one
	WantChunks   Want = "chunks"   // Chunks of the snapshot at Position
)

// MaxFetch is the most chunks of one fetch.
const MaxFetch = 64

// A Fetch asks the controller for what a reader is missing. It is signed by
// the reader, as KindFetch, and answered by a Reply.
type Fetch struct {
	Reader     string    `cbor:"1,keyasint"`
	Connection uint64    `cbor:"2,keyasint"` // the number of the reader's connection
	Number     uint64    `cbor:"3,keyasint"` // counts the fetches of a connection from 1
	Want       Want      `cbor:"4,keyasint"`
	Position   *Position `cbor:"5,keyasint,omitempty"` // of deltas and snapshot: what is held, if anything is
	Chunks     []uint32  `cbor:"6,keyasint,omitempty"` // numbers, in ascending order
}

// Sign checks the fetch and returns it signed.
func (f *Fetch) Sign(site SiteID, key crypto.Signer) ([]byte, error) {
	return sign(KindFetch, site, f, key)
}

// OpenFetch checks a signed fetch and returns it.
func OpenFetch(site SiteID, signed []byte, key crypto.PublicKey) (*Fetch, error) {
	var f Fetch
	if err := open(KindFetch, site, signed, key, &f); err != nil {
		return nil, err
	}
	return &f, nil
}

// Check refuses a fetch that cannot be answered.
func (f *Fetch) Check() error {
	if err := CheckName(f.Reader); err != nil {
		return err
	}
	if f.Connection == 0 || f.Number == 0 {
		return errors.New("no connection or number")
	}
	if f.Position != nil {
		if err := f.Position.Check(); err != nil {
			return err
		}
	}
	switch f.Want {
	case WantSnapshot:
	case WantDeltas, WantChunks:
		if f.Position == nil {
			return fmt.Errorf("%s without a position", f.Want)
		}
	default:
		return fmt.Errorf("cannot fetch %.32q", f.Want)
	}
	if (f.Want == WantChunks) != (len(f.Chunks) > 0) || len(f.Chunks) > MaxFetch {
		return fmt.Errorf("%s with %d chunks", f.Want, len(f.Chunks))
	}
	return checkRising(f.Chunks)
}

func checkRising(chunks []uint32) error {
	for i := 1; i < len(chunks); i++ {
		if chunks[i-1] >= chunks[i] {
			return fmt.Errorf("chunk %d is out of order", chunks[i])
		}
	}
	return nil
}

// A Reply answers a Fetch. It is not signed: the deltas and the manifest in it
// are, and the manifest has the hashes of the chunks. It carries one of Deltas,
// Manifest and Chunks, as much as fits, or none if the controller no longer has
// what was asked for.
type Reply struct {
	Number   uint64      `cbor:"1,keyasint"`           // of the fetch
	Deltas   [][]byte    `cbor:"2,keyasint,omitempty"` // signed, each following the one before
	Manifest []byte      `cbor:"3,keyasint,omitempty"` // signed
	Chunks   []ChunkPart `cbor:"4,keyasint,omitempty"` // in ascending order
}

// A ChunkPart is one chunk of a snapshot with its number.
type ChunkPart struct {
	_     struct{} `cbor:",toarray"`
	Index uint32
	Chunk []byte
}

// MaxReply is the most bytes of a reply: with its topic it fits a packet of 1
// MiB.
const MaxReply = 1<<20 - 512

// maxReplyDeltas bounds the deltas of one reply.
const maxReplyDeltas = 256

// Encode checks the reply and returns it as it is sent.
func (r *Reply) Encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("reply: %w", err)
	}
	b, err := Encode(r)
	if err != nil {
		return nil, fmt.Errorf("reply: %w", err)
	}
	if len(b) > MaxReply {
		return nil, fmt.Errorf("reply: %d bytes, at most %d", len(b), MaxReply)
	}
	return b, nil
}

// ParseReply decodes a reply, which may keep parts of b, and checks its form. The
// caller verifies what it carries.
func ParseReply(b []byte) (*Reply, error) {
	r, ok := parseChunks(b)
	if !ok || len(b) > MaxReply {
		r = new(Reply)
		if err := Unmarshal(b, MaxReply, r); err != nil {
			return nil, fmt.Errorf("reply: %w", err)
		}
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("reply: %w", err)
	}
	return r, nil
}

func (r *Reply) check() error {
	parts := 0
	for _, there := range []bool{len(r.Deltas) > 0, len(r.Manifest) > 0, len(r.Chunks) > 0} {
		if there {
			parts++
		}
	}
	switch {
	case r.Number == 0:
		return errors.New("no number")
	case r.Number > MaxNumber: // parseChunks does not check it
		return errTooHigh
	case parts > 1:
		return errors.New("carries more than one of deltas, manifest and chunks")
	case len(r.Deltas) > maxReplyDeltas || len(r.Chunks) > MaxFetch:
		return fmt.Errorf("%d deltas and %d chunks are more than %d and %d", len(r.Deltas), len(r.Chunks), maxReplyDeltas, MaxFetch)
	}
	if slices.ContainsFunc(r.Deltas, func(b []byte) bool { return len(b) == 0 || len(b) > MaxDelta }) {
		return fmt.Errorf("a delta is empty or above %d bytes", MaxDelta)
	}
	numbers := make([]uint32, len(r.Chunks))
	for i, c := range r.Chunks {
		if len(c.Chunk) == 0 || len(c.Chunk) > MaxChunk {
			return fmt.Errorf("chunk %d has %d bytes, at most %d", c.Index, len(c.Chunk), MaxChunk)
		}
		numbers[i] = c.Index
	}
	return checkRising(numbers)
}
