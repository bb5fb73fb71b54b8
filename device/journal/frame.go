package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"latchkey/sync/wire"
)

// A frame is
//
//	uint32  length of the record, 1 to wire.MaxRecord; moreFollows if the next
//	        frame belongs to the same append
//	uint32  CRC-32C of these four bytes
//	        the record
//	uint32  CRC-32C of the record
//
// in big-endian order. The length has a checksum of its own so that a damaged
// one is not taken for the length of a frame that was not written to its end.
const (
	frameHead   = 8
	frameTail   = 4
	moreFollows = 1 << 31
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends the frame of an encoded record to b.
func appendFrame(b, record []byte, more bool) []byte {
	length := uint32(len(record))
	if more {
		length |= moreFollows
	}
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, length)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	b = append(b, record...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(record, castagnoli))
}

// errTorn says that a file ends before its last frame does: what a write that
// was cut short leaves.
var errTorn = errors.New("ends in an incomplete frame")

// frames reads frames one after another.
type frames struct {
	r   *bufio.Reader
	end int64 // offset behind the last whole frame
}

// next returns the record of the next frame in a buffer of its own. The error
// is io.EOF behind the last whole frame, errTorn if an incomplete one follows
// it, and otherwise says what is damaged.
func (f *frames) next() (record []byte, more bool, err error) {
	var head [frameHead]byte
	switch _, err := io.ReadFull(f.r, head[:]); err {
	case nil:
	case io.ErrUnexpectedEOF:
		return nil, false, errTorn
	default:
		return nil, false, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if crc32.Checksum(head[:4], castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, false, errors.New("checksum of a frame's length does not match")
	}
	more, length = length&moreFollows != 0, length&^moreFollows
	if length == 0 || length > wire.MaxRecord {
		return nil, false, fmt.Errorf("frame of %d bytes", length)
	}
	b := make([]byte, length+frameTail)
	switch _, err := io.ReadFull(f.r, b); err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		return nil, false, errTorn
	default:
		return nil, false, err
	}
	record = b[:length:length]
	if crc32.Checksum(record, castagnoli) != binary.BigEndian.Uint32(b[length:]) {
		return nil, false, errors.New("checksum of a record does not match")
	}
	f.end += frameHead + int64(len(b))
	return record, more, nil
}
