package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"latchkey/sync/wire"
)

// sector is what a disk writes whole, or not at all.
const sector = 512

// mostHole bounds what a power cut leaves out before it leaves anything: what stands
// farther behind in the room ahead was not written by a journal.
const mostHole = 64 << 10

// mostTail bounds what is looked at behind the last whole append.
const mostTail = 8 << 20

// An ending is what stands behind the last whole frame of a segment.
type ending uint8

const (
	ended   ending = iota // nothing, or zeros: a segment has room that was allocated ahead
	torn                  // what a power cut leaves of one write: some of its sectors, in any order
	damaged               // anything else
)

// ending looks at a segment from the end of its last whole frame on. A write is
// begun only once all before are on the disk, and after one that failed a segment is
// never written again: so the sectors of one write are there or are zeros, and no
// other one has begun behind them.
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

// incomplete says whether a file ends within its last frame, as one that grew with
// each append did.
func incomplete(tail []byte) bool {
	if len(tail) < frameHead {
		return true
	}
	length, end, _, ok := frameHeadOf(tail)
	return ok && frameHead+length+end > len(tail)
}

// cutShort says whether the last frame was written up to some byte, and is zeros from
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

// next returns where the first sector begins at or behind offset at of a tail.
func next(from int64, at int) int {
	return at + int(-(from+int64(at))&(sector-1))
}

// hole says whether a sector, or its part from the beginning of the tail on, was
// not written though later ones were.
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

// lostHead says whether a frame's head fits its checksum once the first bytes,
// which are zeros, are taken for lost.
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

// writeFollows says whether another write begins behind the first byte.
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
