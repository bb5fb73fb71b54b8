package link

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

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
	broker, err := wire.ParseBroker("tcp://" + listener.Address())
	if err != nil {
		t.Fatal(err)
	}
	c := &connection{
		o: &Options{Site: &site.Site{Name: "home"}, Cell: store.HomeCell, Name: site.ControllerName}, broker: broker, log: slog.New(slog.DiscardHandler),
		same:   newSameBroker(),
		arrive: func(message) {},
		up: func() {
			t.Error("it goes on without hearing any reader")
			cancel()
		},
	}
	if _, err := c.connect(ctx); err == nil || !strings.Contains(err.Error(), "broker-config") {
		t.Errorf("%v", err)
	}
}
