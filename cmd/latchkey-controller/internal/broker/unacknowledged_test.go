package broker

import (
	"log/slog"
	"net"
	"testing"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// overtaken admits clients, but ends their connections before the CONNACK, as happens
// when another client with the same name connects.
type overtaken struct{ mqtt.HookBase }

func (overtaken) ID() string { return "overtaken" }

func (overtaken) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnSessionEstablish
}

func (overtaken) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

func (overtaken) OnSessionEstablish(client *mqtt.Client, _ packets.Packet) {
	client.Stop(packets.ErrSessionTakenOver)
}

func TestNothingIsKeptOfAConnectionThatEndsBeforeItStands(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	server := mqtt.New(&mqtt.Options{Logger: log})
	defer server.Close()
	u := &unacknowledged{controller: "controller", log: log, of: map[*mqtt.Client]*waiting{}}
	for _, hook := range []mqtt.Hook{&overtaken{}, u} {
		if err := server.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
	theirs, ours := net.Pipe()
	defer theirs.Close()
	go theirs.Write([]byte("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04door")) // CONNECT
	if err := server.EstablishConnection("test", ours); err == nil {
		t.Fatal("the connection stood")
	}
	if len(u.of) != 0 {
		t.Errorf("%d connections that are gone are kept", len(u.of))
	}
}
