package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
)

// raw is a log handler that escapes nothing.
type raw struct {
	mu    sync.Mutex
	lines []string
}

func (h *raw) Enabled(context.Context, slog.Level) bool { return true }
func (h *raw) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *raw) WithGroup(string) slog.Handler            { return h }

func (h *raw) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf("|%s=%v", a.Key, a.Value)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
	return nil
}

// hostile is a name that must be cut and escaped before it is logged.
var hostile = "evil\nlevel=ERROR msg=forged\x1b[2J\u202e\u2028" + strings.Repeat("x", 60<<10)

// packet is an MQTT packet of a type with its flags (MQTT 3.1.1 §2.2).
func packet(first byte, parts ...any) []byte {
	var body []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			body = append(binary.BigEndian.AppendUint16(body, uint16(len(p))), p...)
		case []byte:
			body = append(body, p...)
		}
	}
	out := []byte{first}
	for n := len(body); ; n >>= 7 {
		if n < 0x80 {
			return append(append(out, byte(n)), body...)
		}
		out = append(out, byte(n&0x7f|0x80))
	}
}

func TestWhatStrangersWriteIntoTheLogIsShortAndPlain(t *testing.T) {
	home, log := newIssuer(t, always[0], always[1]), new(raw)
	server := home.issue("broker.latchkey", x509.ExtKeyUsageServerAuth, always[0], always[1])
	b, err := Start(t.Context(), "127.0.0.1:0", Options{
		Site: "home", Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil }, Authority: home.cert, Controller: "controller.latchkey",
		InForce: func(string, string) bool { return true }, Log: slog.New(log),
	})
	if err != nil {
		t.Fatal(err)
	}
	// A certificate of one authority, shown with that of another one of the same name: the
	// error contains that name.
	authority := func() *issuer {
		i := &issuer{t: t}
		root := i.issue(hostile, 0, always[0], always[1])
		i.key, i.cert = root.PrivateKey.(*ecdsa.PrivateKey), root.Leaf
		return i
	}
	stranger := authority().issue("front-door", x509.ExtKeyUsageClientAuth, always[0], always[1])
	stranger.Certificate = append(stranger.Certificate, authority().cert.Raw)
	reader := home.issue("front-door", x509.ExtKeyUsageClientAuth, always[0], always[1])
	connect := func(id string) packetHeader { return packetHeader{0x10, []any{"MQTT", []byte{4, 2, 0, 60}, id}} }
	topic := strings.ToValidUTF8(hostile[:60<<10], "")
	for _, test := range []struct {
		certificate tls.Certificate
		send        []packetHeader
	}{
		{stranger, nil},
		{reader, []packetHeader{connect(topic)}},
		{reader, []packetHeader{connect("front-door"), {0x82, []any{[]byte{0, 1}, topic, []byte{1}}}}},
		{reader, []packetHeader{connect("front-door"), {0x30, []any{topic, []byte("payload")}}}},
		{reader, []packetHeader{{0x10, []any{"MQTT", []byte{4, 6, 0, 60}, "front-door", topic, "payload"}}}},
		{reader, []packetHeader{connect("front-door"), {0xf0, []any{topic}}}},
	} {
		conn, err := tls.Dial("tcp", b.Addr().String(), &tls.Config{Certificates: []tls.Certificate{test.certificate}, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range test.send {
			conn.Write(packet(p.first, p.parts...))
		}
		conn.Write([]byte{0xe0, 0}) // DISCONNECT
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		for err == nil { // until the broker has closed it
			_, err = conn.Read(make([]byte, 4096))
		}
		if !errors.Is(err, io.EOF) && strings.Contains(err.Error(), "timeout") {
			t.Fatal(err)
		}
		conn.Close()
	}
	if err := b.Close(); err != nil { // it has logged all connections by then
		t.Fatal(err)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	seen := 0
	for _, line := range log.lines {
		if strings.Contains(line, "evil") {
			seen++
		}
		if len(line) > 2000 {
			t.Errorf("%d bytes in one line: %.200q", len(line), line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
			t.Errorf("it is not plain: %.200q", line)
		}
	}
	if seen == 0 {
		t.Errorf("no line is about them: %q", log.lines)
	}
}

type packetHeader struct {
	first byte
	parts []any
}
