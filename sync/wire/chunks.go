package wire

import "math"

// parseChunks decodes a reply of chunks; false: it is another one, or none. A
// million credentials come in such replies, so the chunks are parts of b, and
// nothing is encoded again to be compared: what follows admits one encoding
// only. The reply is yet to be checked.
func parseChunks(b []byte) (*Reply, bool) {
	d := strict{rest: b}
	if d.head(majorMap) != 2 || d.head(majorNumber) != 1 {
		return nil, false
	}
	r := &Reply{Number: d.head(majorNumber)}
	if d.head(majorNumber) != 4 {
		return nil, false
	}
	n := d.head(majorList)
	if d.wrong || n == 0 || n > MaxFetch {
		return nil, false
	}
	r.Chunks = make([]ChunkPart, n)
	for i := range r.Chunks {
		pair, index := d.head(majorList), d.head(majorNumber)
		chunk := d.take(d.head(majorBytes))
		if pair != 2 || index > math.MaxUint32 {
			return nil, false
		}
		r.Chunks[i] = ChunkPart{Index: uint32(index), Chunk: chunk}
	}
	return r, !d.wrong && len(d.rest) == 0
}

// Major types (RFC 8949 §3.1).
const (
	majorNumber = 0
	majorBytes  = 2
	majorList   = 4
	majorMap    = 5
)

// strict decodes deterministic CBOR (RFC 8949 §4.2.1). Once something was wrong
// nothing is right any more.
type strict struct {
	rest  []byte
	wrong bool
}

// head returns the argument of a head, which has to be of a major type and as
// short as it can be.
func (d *strict) head(major byte) (argument uint64) {
	first := d.take(1)
	if first == nil || first[0]>>5 != major {
		d.wrong = true
		return 0
	}
	info := first[0] & 0x1f
	if info < 24 {
		return uint64(info)
	}
	if info > 27 {
		d.wrong = true
		return 0
	}
	size := 1 << (info - 24)
	for _, c := range d.take(uint64(size)) {
		argument = argument<<8 | uint64(c)
	}
	if least := uint64(1) << (4 * size); size == 1 && argument < 24 || size > 1 && argument < least {
		d.wrong = true
	}
	return argument
}

// take returns the next n bytes; nil if they are not there.
func (d *strict) take(n uint64) []byte {
	if d.wrong || n > uint64(len(d.rest)) {
		d.wrong = true
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}
