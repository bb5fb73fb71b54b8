package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestAPacketThatABrokerDoesNotSendEndsTheConnection(t *testing.T) {
	length := func(n int) []byte {
		var b []byte
		for {
			c := byte(n & 0x7f)
			if n >>= 7; n > 0 {
				b = append(b, c|0x80)
				continue
			}
			return append(b, c)
		}
	}
	of := func(kind byte, n int) []byte {
		return slices.Concat([]byte{kind}, length(n), make([]byte, n))
	}
	packet := func(n int) []byte { return of(0x30, n) }
	for name, test := range map[string]struct {
		in   []byte
		fine int // bytes before the one that is refused; -1: all are fine
	}{
		"small ones":        {slices.Concat(packet(0), packet(1), packet(200), packet(70000)), -1},
		"a mebibyte":        {packet(maxPacket), -1},
		"one more":          {packet(maxPacket + 1), 4},
		"256 MB":            {append([]byte{0x30}, 0xff, 0xff, 0xff, 0x7f), 4},
		"an endless length": {[]byte{0x30, 0xff, 0xff, 0xff, 0xff, 1}, 4},
		"after a good one":  {append(packet(5), 0x30, 0xff, 0xff, 0xff, 0x7f), 11},

		"all answers":                {slices.Concat(of(0x20, 2), of(0x90, 6), of(0x40, 2), of(0xd0, 0), of(0x3b, 9)), -1},
		"a return code too many":     {of(0x90, 7), 2},
		"a return code too few":      {of(0x90, 5), 2},
		"a message of QoS 2":         {of(0x34, 9), 2},
		"a step of QoS 2":            {of(0x62, 2), 2},
		"a long connection answer":   {of(0x20, 3), 2},
		"a long answer to a message": {of(0x40, 4), 2},
		"a long answer to a ping":    {of(0xd0, 1), 2},
		"what only clients send":     {of(0x82, 9), 2},
		"what there is in MQTT 5":    {of(0xe0, 0), 2},
	} {
		rapid.Check(t, func(r *rapid.T) {
			size := rapid.IntRange(1, 1<<16).Draw(r, "bytes a read")
			conn := &bounded{Conn: &scripted{in: bytes.NewReader(test.in), size: size}}
			got, err := io.ReadAll(conn)
			if test.fine < 0 && (err != nil || !bytes.Equal(got, test.in)) {
				r.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
			if test.fine >= 0 && (!errors.Is(err, errPacket) || len(got) > test.fine || !conn.Conn.(*scripted).closed) {
				r.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		})
	}
}

// A scripted connection brings bytes, so many a read.
type scripted struct {
	net.Conn
	in     io.Reader
	size   int
	closed bool
}

func (s *scripted) Read(b []byte) (int, error) { return s.in.Read(b[:min(len(b), s.size)]) }

func (s *scripted) Close() error {
	s.closed = true
	return nil
}

// strict lets anybody connect and nobody read what readers say.
type strict struct{ mqtt.HookBase }

func (*strict) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}
func (*strict) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }
func (*strict) OnACLCheck(_ *mqtt.Client, topic string, _ bool) bool {
	return strings.HasSuffix(topic, "/head")
}

func TestABrokerThatDoesNotKnowTheControllerIsNamed(t *testing.T) {
	server := mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(new(strict), nil); err != nil {
		t.Fatal(err)
	}
	listener := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	if err := server.AddListener(listener); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	e := &edge{
		o: &Options{Site: &site.Site{Name: "home"}, Broker: "tcp://" + listener.Address(), Name: site.ControllerName}, log: slog.New(slog.DiscardHandler),
		arrive: func(message) {},
		up: func() {
			t.Error("it goes on without hearing any reader")
			cancel()
		},
	}
	if _, err := e.connect(ctx); err == nil || !strings.Contains(err.Error(), "broker-config") {
		t.Errorf("%v", err)
	}
}
