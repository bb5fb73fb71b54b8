package sync

import (
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang/packets"

	"latchkey/sync/wire"
)

// A broker ends the connection of a reader whose certificate another program has
// connected with: one of them says DISCONNECT, another just closes.
func TestAConnectionThatTheBrokerEndsIsToldAsWhatItIs(t *testing.T) {
	for name, end := range map[string][]byte{"DISCONNECT": {0xe0, 0}, "a close": nil} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for range 2 { // CONNECT, SUBSCRIBE
				packet, err := mqtt.ReadPacket(conn)
				if err != nil {
					t.Error(err)
					return
				}
				switch packet := packet.(type) {
				case *mqtt.ConnectPacket:
					conn.Write([]byte{0x20, 2, 0, 0})
				case *mqtt.SubscribePacket:
					conn.Write([]byte{0x90, 3, byte(packet.MessageID >> 8), byte(packet.MessageID), qos})
				}
			}
			conn.Write(end)
			conn.(*net.TCPConn).CloseWrite()
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			conn.Read(make([]byte, 1))
		}()
		client := must(NewClient(Config{Options: newWorldOptions(), Brokers: []string{"tcp://" + listener.Addr().String()}, Log: slog.New(slog.DiscardHandler)}))
		conn, err := client.open(t.Context(), client.route.bundle[0])
		if err != nil {
			t.Fatal(err)
		}
		s, err := openSession(t.Context(), conn, readerID, must(client.o.Will(1)), client.o.Topics()[:1], func(Message) {})
		if err == nil {
			err = s.run(t.Context())
			s.close()
		}
		if !errors.Is(err, wire.ErrEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
