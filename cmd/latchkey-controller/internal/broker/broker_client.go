package broker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"

	"latchkey/sync/wire"
)

// A broker client is another program, like Home Assistant, that is shown the readers on topics
// of its own and may ask for doors to be opened there. Package homeassistant says what is
// published. A broker client never sees a topic of readers, nor readers one of these.

// Limits of a broker client, besides those of all clients.
const (
	maxAsked         = 256      // bytes that it may publish at once
	maxAskedPacket   = 64 << 10 // of one packet from it
	maxFilter        = 256      // bytes of a filter
	maxLevels        = 8        // of a filter
	maxSubscriptions = 8 * 1024 // Home Assistant subscribes to five topics of each reader
	asksEach         = 200      // packets a second, or filters in them
	asksAtOnce       = 1000
	maxTold          = 64 << 10 // bytes of a message to it
)

// Topics of broker clients.
const (
	shownRoot = "latchkey-ha/"
	discovery = "homeassistant/"
	birth     = discovery + "status"
	described = discovery + "device/"
)

// shown returns the prefix of the topics on which the readers of a site are shown.
func shown(site string) string { return shownRoot + site + "/" }

// isShown says whether a topic is one of broker clients, of any site.
func isShown(topic string) bool {
	return strings.HasPrefix(topic, shownRoot) || strings.HasPrefix(topic, discovery)
}

// mayShow says whether the controller may publish on a topic, or subscribe to it, to show
// readers there.
func (a *access) mayShow(topic string, write bool) bool {
	return strings.HasPrefix(topic, shown(a.o.Site)) || strings.HasPrefix(topic, described) || topic == birth && !write
}

// mayAsk says whether a broker client may publish on a topic, or subscribe to it.
func (a *access) mayAsk(topic string, write bool) bool {
	rest, ours := strings.CutPrefix(topic, shown(a.o.Site))
	if !write {
		return ours || strings.HasPrefix(topic, discovery)
	}
	reader, what, isCommand := strings.Cut(rest, "/command/")
	return topic == birth || ours && isCommand && wire.CheckName(reader) == nil && wire.CheckName(what) == nil
}

// brokerClients limits what broker clients send.
type brokerClients struct {
	mqtt.HookBase
	access *access
	log    *slog.Logger

	mu      sync.Mutex
	asks    map[string]*rate.Limiter // by name
	refused rate.Sometimes           // what is logged of those refused
}

func newBrokerClients(a *access) *brokerClients {
	return &brokerClients{access: a, log: a.o.Log, asks: map[string]*rate.Limiter{}, refused: rate.Sometimes{First: 10, Interval: time.Minute}}
}

func newAsks() *rate.Limiter { return rate.NewLimiter(asksEach, asksAtOnce) }

// ID implements mqtt.Hook.
func (i *brokerClients) ID() string { return "limits of broker clients" }

// Provides implements mqtt.Hook.
func (i *brokerClients) Provides(b byte) bool {
	return slices.Contains([]byte{mqtt.OnConnect, mqtt.OnPacketRead, mqtt.OnSubscribe, mqtt.OnPublish, mqtt.OnWill}, b)
}

func (i *brokerClients) refuse(name, why string) error {
	i.refused.Do(func() { i.log.Warn("broker: a broker client was refused", "name", name, "why", why) })
	return errors.New(why)
}

// OnConnect implements mqtt.Hook. The name in the certificate is the client id, whatever the
// broker client says: so it has one connection, and takes over nobody else's.
func (i *brokerClients) OnConnect(client *mqtt.Client, p packets.Packet) error {
	name, _ := certificate(client)
	if i.access.kind(name) != brokerClient {
		return nil
	}
	client.ID = name
	switch will := p.Connect.WillTopic; {
	case !i.access.admits(client):
		return i.refuse(name, "it was removed, or has a newer certificate")
	case p.ProtocolVersion != 4:
		return i.refuse(name, "it does not speak MQTT 3.1.1: choose that protocol in its settings")
	case p.Connect.WillFlag && (will != birth || len(p.Connect.WillPayload) > maxAsked):
		return i.refuse(name, "its will is not one on "+birth)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asks[name] == nil {
		i.asks[name] = newAsks()
	}
	return nil
}

// OnPacketRead implements mqtt.Hook: a broker client that sends too fast is read more slowly.
func (i *brokerClients) OnPacketRead(client *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	i.mu.Lock()
	asks := i.asks[client.ID]
	i.mu.Unlock()
	if asks == nil || p.FixedHeader.Type == packets.Puback {
		return p, nil
	}
	if p.FixedHeader.Remaining > maxAskedPacket || asks.WaitN(context.Background(), max(1, len(p.Filters))) != nil {
		i.refuse(client.ID, "it sends too much at once")
		return p, packets.ErrRejectPacket // closes the connection
	}
	return p, nil
}

// OnSubscribe implements mqtt.Hook. A filter without text is refused.
func (i *brokerClients) OnSubscribe(client *mqtt.Client, p packets.Packet) packets.Packet {
	if i.access.kind(client.ID) != brokerClient {
		return p
	}
	p.Filters = slices.Clone(p.Filters)
	room := maxSubscriptions - client.State.Subscriptions.Len()
	for n := range p.Filters {
		filter := &p.Filters[n].Filter
		_, again := client.State.Subscriptions.Get(*filter)
		switch {
		case len(*filter) > maxFilter || strings.Count(*filter, "/") >= maxLevels || !again && room == 0:
			*filter = ""
		case !again:
			room--
		}
	}
	return p
}

// OnPublish implements mqtt.Hook. What a broker client asks for is kept for nobody: a retained
// command is acknowledged, and dropped.
func (i *brokerClients) OnPublish(client *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	if i.access.kind(client.ID) != brokerClient {
		return p, nil
	}
	if len(p.Payload) > maxAsked || p.FixedHeader.Retain && p.TopicName != birth {
		i.refuse(client.ID, "it has sent a command that is retained, or too long: neither is carried out")
		return p, packets.CodeSuccessIgnore
	}
	p.FixedHeader.Retain = false
	return p, nil
}

// OnWill implements mqtt.Hook.
func (i *brokerClients) OnWill(client *mqtt.Client, will mqtt.Will) (mqtt.Will, error) {
	if i.access.kind(client.ID) == brokerClient {
		will.Retain = false
	}
	return will, nil
}
