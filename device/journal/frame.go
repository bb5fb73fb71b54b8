package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"latchkey/sync/wire"
)

// A frame is
//
//	uint32  length of the record, 1 to wire.MaxRecord; moreFollows if the next
//	        frame belongs to the same append; writeBegins if it is the first of
//	        those, of one append or several, that were written at once
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
	writeBegins = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends the frame of an encoded record, with its flags, to b.
func appendFrame(b, record []byte, flags uint32) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(record))|flags)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	b = append(b, record...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(record, castagnoli))
}

// frameHeadOf reads a frame's head: the length of its record, and its flags.
func frameHeadOf(head []byte) (length int, flags uint32, ok bool) {
	if len(head) < frameHead || crc32.Checksum(head[:4], castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return 0, 0, false
	}
	n := binary.BigEndian.Uint32(head)
	flags = n & (moreFollows | writeBegins)
	length = int(n &^ flags)
	return length, flags, length > 0 && length <= wire.MaxRecord
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
	length, flags, ok := frameHeadOf(head[:])
	if !ok {
		return nil, false, errors.New("checksum of a frame's length does not match")
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
	return record, flags&moreFollows != 0, nil
}
