package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
)

// stream is a connection that only has something to read.
type stream struct {
	net.Conn
	io.Reader
	closed bool
}

func (s *stream) Read(b []byte) (int, error) { return s.Reader.Read(b) }
func (s *stream) Close() error               { s.closed = true; return nil }

// header is a fixed header with any remaining length, in a given number of
// bytes at least.
func header(kind byte, length uint64) []byte {
	return append([]byte{kind}, binary.AppendUvarint(nil, length)...)
}

func packet(kind byte, length int) []byte {
	return append(header(kind, uint64(length)), make([]byte, length)...)
}

func TestWhatABrokerMaySendPasses(t *testing.T) {
	var sent []byte
	for _, p := range [][]byte{
		packet(0x20, 2), packet(0x90, 3), packet(0x30, 5), packet(0x31, 127), packet(0x32, 128), packet(0x3a, 16384),
		packet(0x40, 2), packet(0xb0, 2), packet(0xd0, 0), packet(0x32, MaxPacket), packet(0xd0, 0),
	} {
		sent = append(sent, p...)
	}
	for name, reader := range map[string]io.Reader{"as it comes": bytes.NewReader(sent), "by halves": iotest.HalfReader(bytes.NewReader(sent)), "byte by byte": iotest.OneByteReader(bytes.NewReader(sent))} {
		s := &stream{Reader: reader}
		got, err := io.ReadAll(&guard{Conn: s, topics: 1})
		if err != nil || !bytes.Equal(got, sent) || s.closed {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(sent), err)
		}
	}
}

func TestWhatNoBrokerMaySendClosesTheConnection(t *testing.T) {
	for name, b := range map[string][]byte{
		"a message of 1 MiB and a byte":   header(0x32, MaxPacket+1),
		"a message of 256 MB":             header(0x32, 268435455),
		"a length of five bytes":          {0x32, 0x80, 0x80, 0x80, 0x80, 0x01},
		"a fourth byte that goes on":      {0x30, 0xff, 0xff, 0xff, 0xff},
		"an end of the connection":        packet(0xe0, 0),
		"a length without an end":         bytes.Repeat([]byte{0x80}, 9),
		"a message of QoS 2":              packet(0x34, 10),
		"a message of QoS 3":              packet(0x36, 10),
		"two return codes for a topic":    packet(0x90, 4),
		"no return code":                  packet(0x90, 2),
		"a long connection answer":        header(0x20, 1000000),
		"a long answer to a message":      header(0x40, 1000000),
		"a long answer to a ping":         header(0xd0, 1),
		"a step of QoS 2":                 packet(0x50, 2),
		"a release of QoS 2":              packet(0x62, 2),
		"what only clients send":          header(0x10, 20),
		"an unsubscription":               header(0xa2, 20),
		"a type that there is not":        header(0x00, 2),
		"the other type that there's not": header(0xf0, 2),
	} {
		sound := packet(0x32, 300)
		for _, reader := range []io.Reader{bytes.NewReader(append(bytes.Clone(sound), b...)), iotest.OneByteReader(bytes.NewReader(append(bytes.Clone(sound), b...)))} {
			s := &stream{Reader: reader}
			g := &guard{Conn: s, topics: 1}
			got, err := io.ReadAll(g)
			if err == nil || !s.closed || len(got) >= len(sound)+len(b) {
				t.Errorf("%s: %d of %d bytes are passed on, %v", name, len(got), len(sound)+len(b), err)
			}
			if ended := b[0] == 0xe0; errors.Is(err, ErrEnded) != ended || errors.Is(err, ErrPacket) == ended {
				t.Errorf("%s is told as %v", name, err)
			}
			if _, again := g.Read(make([]byte, 1)); again != err {
				t.Errorf("%s: then %v", name, again)
			}
		}
	}
}

func FuzzGuard(f *testing.F) {
	f.Add(packet(0x32, 300), uint8(1))
	f.Add(header(0x32, 268435455), uint8(3))
	f.Add(bytes.Repeat(packet(0xd0, 0), 9), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		g := &guard{topics: 1, Conn: &stream{Reader: bytes.NewReader(b)}}
		passed := 0
		for chunk := make([]byte, int(size)+1); ; {
			n, err := g.Read(chunk)
			if passed += n; err != nil {
				break
			}
		}
		// What was passed on holds no packet that is too long.
		r := bytes.NewReader(b[:passed])
		for r.Len() > 0 {
			kind, _ := r.ReadByte()
			length, err := binary.ReadUvarint(r)
			if err != nil {
				break
			}
			if length > MaxPacket || kind>>4 != 3 && length > 3 {
				t.Fatalf("%x of %d bytes is passed on", kind, length)
			}
			if _, err := r.Seek(int64(length), io.SeekCurrent); err != nil || r.Len() == 0 {
				break
			}
		}
	})
}
