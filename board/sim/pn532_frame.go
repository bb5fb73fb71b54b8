package sim

import "encoding/binary"

// Frames on the wire (UM0701-02, 6.2.1).
const (
	tfiToChip = 0xD4
	tfiToHost = 0xD5
	maxFrame  = 265 // TFI and data, in an extended frame
)

type frameKind int

const (
	frameNone frameKind = iota // nothing yet
	frameCommand
	frameACK
	frameNACK
	frameBad // what is no frame: bad length, checksum or TFI
)

var (
	ackFrame   = []byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00}
	errorFrame = []byte{0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00}
)

// frameParser takes a data write apart, byte by byte. It looks for 00 FF, so
// preamble and postamble may have any length; a frame ends with its checksum.
type frameParser struct {
	zero  bool   // the byte before was 00
	begun bool   // 00 FF was there
	got   []byte // since then
	why   string // of frameBad
}

// take returns the data behind TFI with frameCommand. They are the caller's.
func (p *frameParser) take(b byte) (data []byte, kind frameKind) {
	if !p.begun {
		p.begun = p.zero && b == 0xFF
		p.zero = b == 0x00
		return nil, frameNone
	}
	p.got = append(p.got, b)
	data, kind, why := parseFrame(p.got)
	if kind != frameNone {
		*p = frameParser{why: why}
	}
	return data, kind
}

// inside reports whether a frame has begun and is not complete.
func (p *frameParser) inside() bool { return len(p.got) > 0 }

// parseFrame takes what follows 00 FF; why says what is wrong with frameBad.
func parseFrame(got []byte) (data []byte, kind frameKind, why string) {
	if len(got) < 2 {
		return nil, frameNone, ""
	}
	length, body, n := got[:2], got[2:], int(got[0])
	switch {
	case length[0] == 0x00 && length[1] == 0xFF:
		return nil, frameACK, ""
	case length[0] == 0xFF && length[1] == 0x00:
		return nil, frameNACK, ""
	case length[0] == 0xFF && length[1] == 0xFF: // an extended frame
		if len(body) < 3 {
			return nil, frameNone, ""
		}
		length, body = body[:3], body[3:]
		n = int(binary.BigEndian.Uint16(length))
	}
	switch {
	case sum(length) != 0:
		return nil, frameBad, "length checksum"
	case n == 0 || n > maxFrame:
		return nil, frameBad, "length"
	case len(body) < n+1:
		return nil, frameNone, ""
	case sum(body) != 0:
		return nil, frameBad, "data checksum"
	case body[0] != tfiToChip:
		return nil, frameBad, "TFI"
	case n == 1:
		return nil, frameBad, "no command"
	}
	return body[1:n], frameCommand, ""
}

func sum(p []byte) (sum byte) {
	for _, v := range p {
		sum += v
	}
	return sum
}

// encodeResponse wraps a response (command code + 1 and what follows): a normal
// frame up to 255 bytes with TFI, an extended one above or if told to.
func encodeResponse(payload []byte, zeros int, postamble, extended bool) []byte {
	out := make([]byte, zeros, len(payload)+12)
	out = append(out, 0xFF)
	n := len(payload) + 1
	if n <= 255 && !extended {
		out = append(out, byte(n), -byte(n))
	} else {
		out = append(out, 0xFF, 0xFF, byte(n>>8), byte(n), -(byte(n>>8) + byte(n)))
	}
	out = append(append(out, tfiToHost), payload...)
	out = append(out, -(tfiToHost + sum(payload)))
	if postamble {
		out = append(out, 0x00)
	}
	return out
}
