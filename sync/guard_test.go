package sync

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/eclipse/paho.mqtt.golang/packets"
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
		packet(0x40, 2), packet(0xb0, 2), packet(0xd0, 0), packet(0x32, maxPacket), packet(0xd0, 0),
	} {
		sent = append(sent, p...)
	}
	for name, reader := range map[string]io.Reader{"as it comes": bytes.NewReader(sent), "by halves": iotest.HalfReader(bytes.NewReader(sent)), "byte by byte": iotest.OneByteReader(bytes.NewReader(sent))} {
		s := &stream{Reader: reader}
		got, err := io.ReadAll(&guard{Conn: s})
		if err != nil || !bytes.Equal(got, sent) || s.closed {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(sent), err)
		}
	}
}

func TestWhatNoBrokerMaySendClosesTheConnection(t *testing.T) {
	for name, b := range map[string][]byte{
		"a message of 1 MiB and a byte":   header(0x32, maxPacket+1),
		"a message of 256 MB":             header(0x32, 268435455),
		"a length of five bytes":          {0x32, 0x80, 0x80, 0x80, 0x80, 0x01},
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
			g := &guard{Conn: s}
			got, err := io.ReadAll(g)
			if err == nil || !s.closed || len(got) >= len(sound)+len(b) {
				t.Errorf("%s: %d of %d bytes are passed on, %v", name, len(got), len(sound)+len(b), err)
			}
			if _, again := g.Read(make([]byte, 1)); again != err {
				t.Errorf("%s: then %v", name, again)
			}
		}
	}
}

// A peer over a real connection claims 256 MB. What that costs is counted.
func TestAClaimOf256MBCostsNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, err := packets.ReadPacket(conn); err != nil {
			t.Error(err)
			return
		}
		conn.Write(append([]byte{0x20, 2, 0, 0}, header(0x32, 268435455)...))
		io.Copy(io.Discard, conn)
	}()
	client := must(NewClient(Config{Options: newWorldOptions(), Broker: "tcp://" + listener.Addr().String()}))
	conn, err := client.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := openSession(context.Background(), conn, readerID, must(client.o.Will(1)), client.o.Topics(), func(Message) { t.Error("a message is delivered") })
	if err == nil {
		s.close()
		t.Fatal("a session is opened")
	}
	runtime.ReadMemStats(&after)
	<-served // the connection has ended
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%d bytes are allocated", grown)
	}
}

func FuzzGuard(f *testing.F) {
	f.Add(packet(0x32, 300), uint8(1))
	f.Add(header(0x32, 268435455), uint8(3))
	f.Add(bytes.Repeat(packet(0xd0, 0), 9), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		g := &guard{Conn: &stream{Reader: bytes.NewReader(b)}}
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
			if length > maxPacket || kind>>4 != 3 && length > 3 {
				t.Fatalf("%x of %d bytes is passed on", kind, length)
			}
			if _, err := r.Seek(int64(length), io.SeekCurrent); err != nil || r.Len() == 0 {
				break
			}
		}
	})
}

func TestABrokerIsSpokenToInTheClearOnThisMachineOnly(t *testing.T) {
	for url, want := range map[string]string{
		"ssl://broker.example:8884": "broker.example 8884", "mqtts://broker.example": "broker.example 8883", "tls://[2001:db8::1]": "2001:db8::1 8883",
		"tcp://127.0.0.1": "127.0.0.1 1883", "tcp://localhost:99": "localhost 99", "mqtt://[::1]:5": "::1 5", "tcp://127.9.9.9": "127.9.9.9 1883",
		"tcp://broker.example": "", "tcp://192.0.2.1:1883": "", "mqtt://localhost.example": "", "ws://localhost": "", "broker": "", "": "", "ssl://": "", "tcp://0.0.0.0": "", "ssl://:8883": "", "%": "",
	} {
		e, err := parseBroker(url)
		got := ""
		if err == nil {
			got = e.host + " " + e.port
		}
		if got != want {
			t.Errorf("%s: %q, %v", url, got, err)
		}
		if checked := CheckBroker(url); (checked == nil) != (want != "") {
			t.Errorf("%s: %v", url, checked)
		}
		if err == nil && e.plain != (strings.HasPrefix(url, "tcp") || strings.HasPrefix(url, "mqtt:")) {
			t.Errorf("%s: plain is %t", url, e.plain)
		}
	}
}
