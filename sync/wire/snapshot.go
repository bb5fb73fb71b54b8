package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// KDF is Argon2id's salt and cost (RFC 9106), the same for a whole site.
type KDF struct {
	Salt    [16]byte `cbor:"1,keyasint"`
	Memory  uint32   `cbor:"2,keyasint"` // KiB, 16 MiB to 64 MiB
	Time    uint32   `cbor:"3,keyasint"` // passes, 2 to 10
	Threads uint8    `cbor:"4,keyasint"` // lanes, 1 to 4
}

// Check refuses costs that would make PINs weak or stall a small board, whoever
// signed them.
func (k *KDF) Check() error {
	if k.Memory < 16<<10 || k.Memory > 64<<10 || k.Time < 2 || k.Time > 10 || k.Threads < 1 || k.Threads > 4 {
		return fmt.Errorf("argon2id with %d KiB, %d passes, %d lanes is outside 16 to 64 MiB, 2 to 10, 1 to 4", k.Memory, k.Time, k.Threads)
	}
	return nil
}

// A Manifest is the signed table of contents of a snapshot, the whole set of
// credentials at a revision. Chunk i starts with the tag FirstTags[16i:], is
// Lengths[2i:] bytes long (big-endian) and has the SHA-256 Hashes[32i:].
type Manifest struct {
	Site      SiteID `cbor:"1,keyasint"`
	Epoch     uint64 `cbor:"2,keyasint"`
	Revision  uint64 `cbor:"3,keyasint"`
	Hash      Hash   `cbor:"4,keyasint"` // h(Revision)
	Count     uint64 `cbor:"5,keyasint"` // credentials
	KDF       KDF    `cbor:"6,keyasint"`
	FirstTags []byte `cbor:"7,keyasint"`
	Lengths   []byte `cbor:"8,keyasint"`
	Hashes    []byte `cbor:"9,keyasint"`
}

// Chunks returns how many chunks the snapshot has.
func (m *Manifest) Chunks() int { return len(m.Lengths) / 2 }

// ChunkLength returns the bytes of chunk i.
func (m *Manifest) ChunkLength(i int) int { return int(binary.BigEndian.Uint16(m.Lengths[2*i:])) }

// CheckChunk says whether b is chunk i.
func (m *Manifest) CheckChunk(i int, b []byte) error {
	if len(b) != m.ChunkLength(i) || Sum(b) != Hash(m.Hashes[32*i:]) {
		return errors.New("its hash does not match")
	}
	return nil
}

// Position returns the position in the log that the snapshot stands at.
func (m *Manifest) Position() Position {
	return Position{Epoch: m.Epoch, Revision: m.Revision, Hash: m.Hash}
}

// Check refuses a manifest whose tables do not fit together.
func (m *Manifest) Check() error {
	n := m.Chunks()
	if len(m.Lengths) != 2*n || len(m.FirstTags) != 16*n || len(m.Hashes) != 32*n || m.Count < uint64(n) || n == 0 && m.Count > 0 {
		return errors.New("its tables do not fit together")
	}
	for i := range n {
		if l := m.ChunkLength(i); l == 0 || l > MaxChunk {
			return fmt.Errorf("chunk %d has %d bytes, at most %d", i, l, MaxChunk)
		}
		if i > 0 && bytes.Compare(m.FirstTags[16*i-16:16*i], m.FirstTags[16*i:16*i+16]) >= 0 {
			return fmt.Errorf("chunk %d is out of order", i)
		}
	}
	return m.KDF.Check()
}

// A Chunk is a run of credentials in the order of their tags: the tags side by
// side, the end of each record in Records (16 bits, big-endian), the records.
type Chunk struct {
	_       struct{} `cbor:",toarray"`
	Tags    []byte
	Ends    []byte
	Records []byte
}

// ParseChunk decodes a chunk whose SHA-256 is the manifest's. The chunk keeps parts
// of b.
func ParseChunk(b []byte) (*Chunk, error) {
	if len(b) > MaxChunk {
		return nil, fmt.Errorf("chunk: %w: %d bytes, at most %d", ErrEncoding, len(b), MaxChunk)
	}
	// Each look-up does this, so nothing is copied or encoded again: an array of three
	// byte strings has one encoding.
	var c Chunk
	rest, ok := bytes.CutPrefix(b, []byte{0x83})
	for _, part := range []*[]byte{&c.Tags, &c.Ends, &c.Records} {
		if ok {
			*part, rest, ok = byteString(rest)
		}
	}
	if !ok || len(rest) > 0 {
		return nil, fmt.Errorf("chunk: %w", ErrEncoding)
	}
	n := c.Len()
	if n == 0 || len(c.Tags) != 16*n || len(c.Ends) != 2*n || c.end(n-1) != len(c.Records) {
		return nil, errors.New("chunk: its tables do not fit together")
	}
	for i := range n {
		if start := c.start(i); start >= c.end(i) {
			return nil, fmt.Errorf("chunk: record %d is empty", i)
		}
		if i > 0 && bytes.Compare(c.Tags[16*i-16:16*i], c.Tags[16*i:16*i+16]) >= 0 {
			return nil, fmt.Errorf("chunk: tag %d is out of order", i)
		}
	}
	return &c, nil
}

// Len returns the number of credentials in the chunk.
func (c *Chunk) Len() int { return len(c.Ends) / 2 }

// Tag returns the tag of credential i.
func (c *Chunk) Tag(i int) Tag { return Tag(c.Tags[16*i:]) }

// Find returns the index of a tag in the chunk.
func (c *Chunk) Find(tag Tag) (i int, found bool) {
	return sort.Find(c.Len(), func(i int) int { return bytes.Compare(tag[:], c.Tags[16*i:16*i+16]) })
}

// Credential decodes and checks credential i.
func (c *Chunk) Credential(i int) (*Credential, error) {
	var credential Credential
	if err := Unmarshal(c.Records[c.start(i):c.end(i)], MaxChunk, &credential); err != nil {
		return nil, fmt.Errorf("chunk: record %d: %w", i, err)
	}
	if err := credential.Check(); err != nil {
		return nil, fmt.Errorf("chunk: record %d: %w", i, err)
	}
	return &credential, nil
}

func (c *Chunk) end(i int) int { return int(binary.BigEndian.Uint16(c.Ends[2*i:])) }

func (c *Chunk) start(i int) int {
	if i == 0 {
		return 0
	}
	return c.end(i - 1)
}

// An Entry is one credential of a snapshot with its tag.
type Entry struct {
	Tag        Tag
	Credential Credential
}

// chunkAim is the most bytes of a chunk with more than one credential: a look-up
// reads and hashes them in some ten microseconds.
const chunkAim = 8 << 10

// WriteSnapshot returns a snapshot as it is sent and stored: a CBOR sequence of the
// signed manifest and its chunks. It takes Site, Epoch, Revision, Hash and KDF from
// m, fills in the rest, and sorts entries in place. Two entries with the same tag are
// an error.
func WriteSnapshot(m *Manifest, entries []Entry, key ed25519.PrivateKey) ([]byte, error) {
	slices.SortFunc(entries, func(a, b Entry) int { return bytes.Compare(a.Tag[:], b.Tag[:]) })
	m.Count = uint64(len(entries))
	m.FirstTags, m.Lengths, m.Hashes = []byte{}, []byte{}, []byte{}
	var chunks bytes.Buffer
	var open Chunk
	closeChunk := func() {
		encoded := Marshal(&open)
		hash := Sum(encoded)
		m.FirstTags = append(m.FirstTags, open.Tags[:16]...)
		m.Lengths = binary.BigEndian.AppendUint16(m.Lengths, uint16(len(encoded)))
		m.Hashes = append(m.Hashes, hash[:]...)
		chunks.Write(encoded)
		open = Chunk{}
	}
	for i := range entries {
		entry := &entries[i]
		if i > 0 && entries[i-1].Tag == entry.Tag {
			return nil, fmt.Errorf("snapshot: credentials %d and %d have one tag", entries[i-1].Credential.ID, entry.Credential.ID)
		}
		if err := entry.Credential.Check(); err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		record, err := Encode(&entry.Credential)
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		if size := len(open.Tags) + len(open.Ends) + len(open.Records); size > 0 && size+18+len(record) > chunkAim-16 {
			closeChunk()
		}
		open.Tags = append(open.Tags, entry.Tag[:]...)
		open.Records = append(open.Records, record...)
		open.Ends = binary.BigEndian.AppendUint16(open.Ends, uint16(len(open.Records)))
	}
	if len(open.Tags) > 0 {
		closeChunk()
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	payload := Marshal(m)
	if len(payload) > MaxManifest {
		return nil, fmt.Errorf("snapshot: %d credentials are more than one manifest names", m.Count)
	}
	signed, err := Sign(KindManifest, m.Site, payload, key)
	if err != nil {
		return nil, err
	}
	return append(signed, chunks.Bytes()...), nil
}
