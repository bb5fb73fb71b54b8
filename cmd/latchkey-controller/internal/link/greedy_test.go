package link_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"latchkey/sync/wire"
)

// A stolen reader may ask for as much as it likes. Mosquitto 2.0 counts what
// waits for a client until that has acknowledged it, read or not, and does not
// count QoS 0: those are left to its service's bounds, as its configuration
// says.
func TestAReaderThatFetchesAndTakesNothingCostsLittleMemory(t *testing.T) {
	for _, test := range []struct {
		broker, how string
		start       func(*world)
		greedy
	}{
		{"embedded", "reads nothing", (*world).embed, greedy{qos: 1}},
		{"embedded", "reads nothing and says that it has read", (*world).embed, greedy{qos: 1, acks: true}},
		{"embedded", "acknowledges nothing", (*world).embed, greedy{qos: 1, reads: true}},
		{"embedded", "subscribes with QoS 0", (*world).embed, greedy{qos: 0}},
		{"mosquitto", "reads nothing", (*world).mosquitto, greedy{qos: 1}},
		{"mosquitto", "acknowledges nothing", (*world).mosquitto, greedy{qos: 1, reads: true}},
	} {
		t.Run(test.broker+"/"+test.how, func(t *testing.T) { // not side by side: it measures memory
			test.w = newWorld(t)
			test.start(test.w)
			test.run(t)
		})
	}
}

// A greedy reader fetches as fast as it can.
type greedy struct {
	w     *world
	qos   byte
	acks  bool // what it has not read
	reads bool
}

func (g *greedy) run(t *testing.T) {
	w := g.w
	manifest, chunks := snapshotOf(t, 20_000)
	w.addUsers(1)
	thief := w.adopt("back-door", newBoard(t))
	w.serve()
	w.connect(thief)
	thief.disconnect()
	honest := w.reader("front-door")
	w.keep(manifest, chunks)
	log, err := w.site.Log(t.Context(), wire.Position{})
	if err != nil {
		t.Fatal(err)
	}
	fetch := &wire.Fetch{Reader: "back-door", Connection: thief.connection, Want: wire.WantChunks, Position: &log.Position}
	for i := range 64 {
		fetch.Chunks = append(fetch.Chunks, uint32(i))
	}
	before := w.memory()
	rise, sent, conn := 0, 0, net.Conn(nil)
	for asked, deadline := 0, time.Now().Add(20*time.Second); asked < 300 && time.Now().Before(deadline); {
		if conn == nil {
			sent = 0
			if conn = g.connect(thief); conn == nil {
				continue
			}
		}
		fetch.Number++
		signed, err := fetch.Sign(w.site.ID, thief.board.signing)
		if err != nil {
			t.Fatal(err)
		}
		publish := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		publish.TopicName, publish.Payload = thief.topic(wire.OnFetch), signed
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		for id := max(1, sent-8); g.acks && id <= sent; id++ {
			ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			ack.MessageID = uint16(id)
			ack.Write(conn)
		}
		if err := publish.Write(conn); err != nil {
			conn.Close()
			conn = nil
			continue
		}
		asked, sent = asked+1, sent+1
		time.Sleep(5 * time.Millisecond) // else the controller takes only some of them
		if asked%50 == 0 {
			rise = max(rise, w.memory()-before)
		}
	}
	t.Logf("%d fetches, %d MiB", fetch.Number, rise>>20)
	if rise > 90<<20 {
		t.Errorf("the broker's memory rose by %d MiB", rise>>20)
	}
	w.settled(honest) // while the thief is still connected
	w.addUsers(1)
	w.inStep(honest)
	if conn != nil {
		conn.Close()
	}
}

// connect connects and subscribes to replies.
func (g *greedy) connect(m *model) net.Conn {
	conn, err := tls.Dial("tcp", strings.TrimPrefix(g.w.broker, "ssl://"), &tls.Config{Certificates: []tls.Certificate{m.certificate()}, RootCAs: m.roots(), MinVersion: tls.VersionTLS13})
	if err != nil {
		return nil
	}
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	connect.ProtocolName, connect.ProtocolVersion, connect.CleanSession, connect.ClientIdentifier, connect.Keepalive = "MQTT", 4, true, "back-door", 60
	subscribe := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	subscribe.Topics, subscribe.Qoss, subscribe.MessageID = []string{m.topic(wire.OnReply)}, []byte{g.qos}, 65535
	connect.Write(conn)
	packets.ReadPacket(conn)
	subscribe.Write(conn)
	packets.ReadPacket(conn)
	if g.reads {
		go func() {
			b := make([]byte, 1<<16)
			for {
				if _, err := conn.Read(b); err != nil {
					return
				}
			}
		}()
	}
	return conn
}

// memory returns the bytes that the broker's process uses.
func (w *world) memory() int {
	if w.said.pid == 0 {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", w.said.pid))
	if err != nil {
		w.t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		w.t.Fatal(err)
	}
	return resident * os.Getpagesize()
}
