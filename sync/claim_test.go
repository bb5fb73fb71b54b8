package sync

import (
	"context"
	"io"
	"log/slog"
	"net"
	"runtime"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// A peer over a real connection claims 256 MB, in a length of four bytes or of
// more: the library stops reading after the fourth. What that costs is counted.
func TestAClaimOf256MBCostsNothing(t *testing.T) {
	for _, claim := range [][]byte{{0x32, 0xff, 0xff, 0xff, 0x7f}, {0x30, 0xff, 0xff, 0xff, 0xff}} {
		costsNothing(t, claim)
	}
}

func costsNothing(t *testing.T, claim []byte) {
	t.Helper()
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
		conn.Write(append([]byte{0x20, 2, 0, 0}, claim...))
		io.Copy(io.Discard, conn)
	}()
	client := must(NewClient(Config{Options: newWorldOptions(), Brokers: []string{"tcp://" + listener.Addr().String()}, Log: slog.New(slog.DiscardHandler)}))
	conn, err := client.open(t.Context(), client.route.bundle[0])
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
