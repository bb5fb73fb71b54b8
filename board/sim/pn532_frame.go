package sim

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

// frameParser takes a data write apart, byte by byte. It hunts for 00 FF, so
// preamble and postamble may have any length, and a frame is there with its
// checksum.
type frameParser struct {
	state  func(p *frameParser, b byte) frameKind
	before byte // the byte before, while hunting; 01 at first
	len    [3]byte
	n      int
	want   int
	data   []byte // TFI and what follows
	why    string // of frameBad
}

// take returns the data behind TFI with frameCommand.
func (p *frameParser) take(b byte) (data []byte, kind frameKind) {
	if p.state == nil {
		p.state, p.before = (*frameParser).hunt, 0x01
	}
	kind = p.state(p, b)
	if kind == frameNone {
		return nil, frameNone
	}
	p.state = nil
	if kind == frameCommand {
		return p.data[1:], kind
	}
	return nil, kind
}

// inside tells whether a frame has begun and is not complete.
func (p *frameParser) inside() bool {
	return p.want > 0 || p.n > 0
}

func (p *frameParser) bad(why string) frameKind {
	p.n, p.want, p.why = 0, 0, why
	return frameBad
}

func (p *frameParser) hunt(b byte) frameKind {
	if p.before == 0x00 && b == 0xFF {
		p.state, p.n = (*frameParser).length, 0
	}
	p.before = b
	return frameNone
}

func (p *frameParser) length(b byte) frameKind {
	p.len[p.n] = b
	if p.n++; p.n < 2 {
		return frameNone
	}
	p.n = 0
	switch l, lcs := p.len[0], p.len[1]; {
	case l == 0x00 && lcs == 0xFF:
		return frameACK
	case l == 0xFF && lcs == 0x00:
		return frameNACK
	case l == 0xFF && lcs == 0xFF:
		p.state = (*frameParser).extended
		return frameNone
	case l+lcs != 0:
		return p.bad("length checksum")
	case l == 0:
		return p.bad("length 0")
	default:
		return p.body(int(l))
	}
}

func (p *frameParser) extended(b byte) frameKind {
	p.len[p.n] = b
	if p.n++; p.n < 3 {
		return frameNone
	}
	p.n = 0
	n := int(p.len[0])<<8 | int(p.len[1])
	switch {
	case p.len[0]+p.len[1]+p.len[2] != 0:
		return p.bad("length checksum")
	case n == 0 || n > maxFrame:
		return p.bad("length")
	}
	return p.body(n)
}

func (p *frameParser) body(n int) frameKind {
	p.state, p.want, p.data = (*frameParser).collect, n+1, make([]byte, 0, n+1)
	return frameNone
}

func (p *frameParser) collect(b byte) frameKind {
	p.data = append(p.data, b)
	if len(p.data) < p.want {
		return frameNone
	}
	p.want = 0
	var sum byte
	for _, v := range p.data {
		sum += v
	}
	p.data = p.data[:len(p.data)-1]
	switch {
	case sum != 0:
		return p.bad("data checksum")
	case p.data[0] != tfiToChip:
		return p.bad("TFI")
	case len(p.data) < 2:
		return p.bad("no command")
	}
	return frameCommand
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
	out = append(out, tfiToHost)
	sum := byte(tfiToHost)
	for _, v := range payload {
		sum += v
	}
	out = append(append(out, payload...), -sum)
	if postamble {
		out = append(out, 0x00)
	}
	return out
}
