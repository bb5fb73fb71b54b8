package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"latchkey/sync/wire"
)

// sector is the number of bytes that a disk writes completely or not at all.
const sector = 512

// mostHole bounds the zeros before what a power cut leaves: whatever is farther behind
// in the allocated room was not written by a journal.
const mostHole = 64 << 10

// mostTail bounds what is read after the last whole append.
const mostTail = 8 << 20

// An ending is what follows the last whole frame of a segment.
type ending uint8

const (
	ended   ending = iota // nothing, or the zeros that were allocated ahead
	torn                  // what a power cut leaves of one write: any of its sectors
	damaged               // anything else
)

// ending classifies what follows the last whole frame of a segment. A write begins only
// once all earlier ones are on the disk, and a segment is never written again after a
// failed write. So each sector of the last write is written or zero, and no other write
// begins after it.
func (s *scanner) ending() (ending, error) {
	info, err := s.file.Stat()
	if err != nil {
		return damaged, err
	}
	from := s.frames.end
	if info.Size()-from > mostTail {
		return damaged, nil
	}
	tail, err := io.ReadAll(io.NewSectionReader(s.file, from, info.Size()-from))
	if err != nil {
		return damaged, err
	}
	written := bytes.TrimRight(tail, "\x00")
	switch {
	case len(written) == 0:
		return ended, nil
	case incomplete(tail), cutShort(tail, len(written), from):
		return torn, nil
	case hole(written, from) && !writeFollows(written) && len(tail)-len(bytes.TrimLeft(tail, "\x00")) <= mostHole:
		return torn, nil
	}
	return damaged, nil
}

// incomplete says whether a file ends within its last frame. Files of older journals,
// which grew with each append, can.
func incomplete(tail []byte) bool {
	if len(tail) < frameHead {
		return true
	}
	length, end, _, ok := frameHeadOf(tail)
	return ok && frameHead+length+end > len(tail)
}

// cutShort says whether the last frame was written up to some byte, with zeros from
// there to the end of the file.
func cutShort(tail []byte, written int, from int64) bool {
	if written <= frameHead {
		return true
	}
	length, end, flags, ok := frameHeadOf(tail)
	if ok && flags&marked == 0 && written > frameHead+length { // its checksum may end in zeros
		written = next(from, written)
	}
	return ok && written < frameHead+length+end
}

// next returns the first offset of a tail, from at on, at which a sector begins.
func next(from int64, at int) int {
	return at + int(-(from+int64(at))&(sector-1))
}

// hole says whether a sector, or the part of it that is in the tail, was not written
// though later ones were.
func hole(written []byte, from int64) bool {
	end := min(next(from, 1), len(written))
	first := written[:end]
	switch {
	case len(bytes.Trim(first, "\x00")) > 0:
	case len(first) >= 4: // a frame's length is not zero
		return true
	default:
		if lostHead(written) {
			return true
		}
	}
	for at := next(from, 1); at < len(written); at += sector {
		if len(bytes.Trim(written[at:min(at+sector, len(written))], "\x00")) == 0 {
			return true
		}
	}
	return false
}

// lostHead says whether some value of the first bytes, which are zeros, makes the head
// of a frame match its checksum: then those bytes were not written.
func lostHead(b []byte) bool {
	if len(b) < frameHead {
		return false
	}
	if _, _, _, ok := frameHeadOf(b); ok {
		return false
	}
	head := bytes.Clone(b[:4])
	for flags := range byte(8) {
		for high := range byte(wire.MaxRecord>>8 + 1) {
			head[0], head[2] = flags<<5, high
			if crc32.Checksum(head, castagnoli) == binary.BigEndian.Uint32(b[4:]) {
				return true
			}
		}
	}
	return false
}

// writeFollows says whether another write begins after the first byte.
func writeFollows(b []byte) bool {
	for at := 1; at < len(b); at++ {
		length, tail, flags, ok := frameHeadOf(b[at:])
		begin, end := at+frameHead, at+frameHead+length+tail
		if ok && flags&writeBegins != 0 && end <= len(b) && checkFrame(b[begin:begin+length], b[begin+length:end]) == nil {
			return true
		}
	}
	return false
}
