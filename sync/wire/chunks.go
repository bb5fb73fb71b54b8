package wire

import (
	"encoding/binary"
	"math"
	"slices"
)

// parseChunks decodes a reply of chunks; false if it is not one. A million
// credentials come in such replies, so the chunks are parts of b and nothing is
// encoded again to be compared: only one encoding is accepted here. The caller calls
// check.
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

// LayChunks lays out the reply to a fetch of chunks, in room if that is long enough.
// It returns the encoding of a Reply, complete but for the chunks, and the slices of
// it into which the caller reads the chunks. length returns the bytes of a chunk.
// Chunks beyond MaxReply are left out.
func LayChunks(room []byte, number uint64, chunks []uint32, length func(i uint32) int) (reply []byte, places [][]byte) {
	fit, size := 0, replyStart
	for fit < len(chunks) && size+chunkStart+length(chunks[fit]) <= MaxReply {
		size += chunkStart + length(chunks[fit])
		fit++
	}
	chunks = chunks[:fit]
	b := slices.Grow(room[:0], size)
	b = appendHead(b, majorMap, 2)
	b = appendHead(b, majorNumber, 1)
	b = appendHead(b, majorNumber, number)
	b = appendHead(b, majorNumber, 4)
	b = appendHead(b, majorList, uint64(fit))
	for _, i := range chunks {
		n := length(i)
		b = appendHead(b, majorList, 2)
		b = appendHead(b, majorNumber, uint64(i))
		b = appendHead(b, majorBytes, uint64(n))
		places = append(places, b[len(b):len(b)+n:len(b)+n])
		b = b[:len(b)+n]
	}
	return b, places
}

// The most bytes that a reply of chunks, and each chunk in it, adds to the chunks.
const (
	replyStart = 1 + 1 + 9 + 1 + 2
	chunkStart = 1 + 5 + 3
)

// appendHead appends the shortest head of a major type with an argument.
func appendHead(b []byte, major byte, argument uint64) []byte {
	switch major <<= 5; {
	case argument < 24:
		return append(b, major|byte(argument))
	case argument <= math.MaxUint8:
		return append(b, major|24, byte(argument))
	case argument <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(argument))
	case argument <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(argument))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), argument)
}

// Major types (RFC 8949 §3.1).
const (
	majorNumber = 0
	majorBytes  = 2
	majorList   = 4
	majorMap    = 5
)

// strict decodes deterministic CBOR (RFC 8949 §4.2.1). After an error wrong stays
// true.
type strict struct {
	rest  []byte
	wrong bool
}

// head returns the argument of a head, which must be of the major type and as short
// as possible.
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
