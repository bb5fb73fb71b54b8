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
//	        frame belongs to the same append; writeBegins if it is the first frame
//	        of a write, of one append or several; marked if an endMark follows
//	uint32  CRC-32C of these four bytes
//	        the record
//	uint32  CRC-32C of the record
//	byte    endMark
//
// in big-endian order. The length has a checksum of its own, so that a damaged length
// does not look like a frame that was cut short. A frame that was cut short has zeros
// instead of its mark, and no single flipped bit turns them into one. Frames of older
// journals have no mark.
const (
	frameHead   = 8
	frameTail   = 4 + 1 // at most
	moreFollows = 1 << 31
	writeBegins = 1 << 30
	marked      = 1 << 29
	frameFlags  = moreFollows | writeBegins | marked
	endMark     = 0xa5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends to b the frame of an encoded record with these flags.
func appendFrame(b, record []byte, flags uint32) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(record))|flags|marked)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	b = append(b, record...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(record, castagnoli))
	return append(b, endMark)
}

// frameHeadOf reads the head of a frame: the length of its record, the length of what
// follows the record, and the flags.
func frameHeadOf(head []byte) (length, tail int, flags uint32, ok bool) {
	if len(head) < frameHead || crc32.Checksum(head[:4], castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return 0, 0, 0, false
	}
	n := binary.BigEndian.Uint32(head)
	flags = n & frameFlags
	length, tail = int(n&^flags), 4
	if flags&marked != 0 {
		tail = frameTail
	}
	return length, tail, flags, length > 0 && length <= wire.MaxRecord
}

// checkFrame checks a record against what follows it in its frame.
func checkFrame(record, tail []byte) error {
	switch {
	case crc32.Checksum(record, castagnoli) != binary.BigEndian.Uint32(tail):
		return errors.New("checksum of a record does not match")
	case len(tail) == frameTail && tail[4] != endMark:
		return errors.New("the end of a record is not marked")
	}
	return nil
}

// errTorn says that a file ends before its last frame does: a write was cut short.
var errTorn = errors.New("ends in an incomplete frame")

// frames reads frames one after another.
type frames struct {
	r   *bufio.Reader
	end int64 // offset behind the last whole frame
}

// next returns the record of the next frame, in a new buffer. The error is io.EOF at
// the end, errTorn at an incomplete frame, and otherwise says what is damaged.
func (f *frames) next() (record []byte, more bool, err error) {
	var head [frameHead]byte
	switch _, err := io.ReadFull(f.r, head[:]); err {
	case nil:
	case io.ErrUnexpectedEOF:
		return nil, false, errTorn
	default:
		return nil, false, err
	}
	length, tail, flags, ok := frameHeadOf(head[:])
	if !ok {
		return nil, false, errors.New("checksum of a frame's length does not match")
	}
	b := make([]byte, length+tail)
	switch _, err := io.ReadFull(f.r, b); err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		return nil, false, errTorn
	default:
		return nil, false, err
	}
	record = b[:length:length]
	if err := checkFrame(record, b[length:]); err != nil {
		return nil, false, err
	}
	f.end += frameHead + int64(len(b))
	return record, flags&moreFollows != 0, nil
}
