package pn532

import "errors"

// Frames (UM0701-02 §6.2.1): preamble, 00 FF, LEN, LCS, TFI and data, DCS,
// postamble. Pre- and postamble may have any length.
const (
	tfiHost = 0xD4 // host to chip
	tfiChip = 0xD5 // chip to host

	// maxBody is the most bytes of a frame from TFI on; above 255 it is an extended
	// frame.
	maxBody = 265
)

var (
	ackFrame  = [6]byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00}
	nackFrame = [6]byte{0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00}
)

// frameKind is what a frame is.
type frameKind int

const (
	frameACK  frameKind = iota + 1
	frameNACK           // only sent by the host
	frameSyntaxError
	frameInfo
)

var (
	errNoFrame   = errors.New("no frame")
	errTruncated = errors.New("frame cut short")
	errChecksum  = errors.New("frame's checksum is wrong")
	errDirection = errors.New("frame is not from the chip")
)

// parseFrame finds the first frame in b. data is what follows TFI in an information
// frame: the response code and its parameters, at least one byte; it is a part of b.
// It only skips a start code whose length fails its checksum.
func parseFrame(b []byte) (kind frameKind, data []byte, err error) {
	for i := 0; i+4 <= len(b); i++ {
		if b[i] != 0x00 || b[i+1] != 0xFF {
			continue
		}
		rest := b[i+2:]
		switch {
		case rest[0] == 0x00 && rest[1] == 0xFF:
			return frameACK, nil, nil
		case rest[0] == 0xFF && rest[1] == 0x00:
			return frameNACK, nil, nil
		case rest[0] == 0xFF && rest[1] == 0xFF: // extended: LENM LENL LCS
			if len(rest) < 5 {
				return 0, nil, errTruncated
			}
			n := int(rest[2])<<8 | int(rest[3])
			if rest[2]+rest[3]+rest[4] != 0 || n == 0 || n > maxBody {
				continue
			}
			return parseBody(rest[5:], n)
		case rest[0]+rest[1] == 0 && rest[0] != 0:
			return parseBody(rest[2:], int(rest[0]))
		}
	}
	return 0, nil, errNoFrame
}

// parseBody checks n bytes from TFI on and the checksum after them. n > 0.
func parseBody(b []byte, n int) (frameKind, []byte, error) {
	if len(b) < n+1 {
		return 0, nil, errTruncated
	}
	var sum byte
	for _, v := range b[:n+1] {
		sum += v
	}
	switch {
	case sum != 0:
		return 0, nil, errChecksum
	case n == 1 && b[0] == 0x7F:
		return frameSyntaxError, nil, nil
	case n < 2 || b[0] != tfiChip:
		return 0, nil, errDirection
	}
	return frameInfo, b[1:n], nil
}

// appendFrame appends an information frame from the host to the chip, an extended one if it must
// be. body is a command code and its parameters, 1 to maxBody-1 bytes.
func appendFrame(dst []byte, body ...byte) []byte {
	n := len(body) + 1
	dst = append(dst, 0x00, 0x00, 0xFF)
	if n <= 0xFF {
		dst = append(dst, byte(n), -byte(n))
	} else {
		high, low := byte(n>>8), byte(n)
		dst = append(dst, 0xFF, 0xFF, high, low, -(high + low))
	}
	sum := byte(tfiHost)
	for _, v := range body {
		sum += v
	}
	dst = append(append(dst, tfiHost), body...)
	return append(dst, -sum, 0x00)
}
