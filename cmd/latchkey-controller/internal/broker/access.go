package broker

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"latchkey/sync/wire"
)

// access decides who may connect and who may use which topic.
type access struct {
	mqtt.HookBase
	o    Options
	told refusals
}

// ID implements mqtt.Hook.
func (a *access) ID() string { return "access by certificate" }

// Provides implements mqtt.Hook.
func (a *access) Provides(b byte) bool {
	return slices.Contains([]byte{mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnSessionEstablished, mqtt.OnACLCheck, mqtt.OnDisconnect}, b)
}

// OnSessionEstablished implements mqtt.Hook: Expel does not find a client that is only just
// being let in.
func (a *access) OnSessionEstablished(client *mqtt.Client, _ packets.Packet) {
	if !a.admits(client) {
		client.Stop(errRevoked)
	}
}

// OnConnect implements mqtt.Hook: no client may be silent for longer than keepAlive.
func (a *access) OnConnect(client *mqtt.Client, p packets.Packet) error {
	if !p.Connect.Clean {
		return errors.New("only clean sessions")
	}
	if client.State.Keepalive == 0 || client.State.Keepalive > keepAlive {
		client.State.Keepalive = keepAlive
	}
	return nil
}

// OnDisconnect implements mqtt.Hook: it logs when two programs with one certificate take
// the connection from each other. Neither would notice.
func (a *access) OnDisconnect(client *mqtt.Client, _ error, _ bool) {
	if errors.Is(client.StopCause(), packets.ErrSessionTakenOver) {
		a.o.Log.Warn("broker: a newer connection with the same certificate has replaced an older one: the program has restarted, or its certificate is in two places", "name", client.ID, "older", client.Net.Remote)
	}
}

// OnConnectAuthenticate implements mqtt.Hook: the client id has to be the name in the
// certificate, and the topic of the will one that the client may publish on.
func (a *access) OnConnectAuthenticate(client *mqtt.Client, p packets.Packet) bool {
	name, _ := certificate(client)
	return name != "" && name == client.ID && a.admits(client) &&
		(!p.Connect.WillFlag || a.may(name, p.Connect.WillTopic, true))
}

// OnACLCheck implements mqtt.Hook.
func (a *access) OnACLCheck(client *mqtt.Client, topic string, write bool) bool {
	name, _ := certificate(client)
	if a.may(name, topic, write) {
		return true
	}
	if a.kind(name) == brokerClient {
		a.told.log(a.o, name, topic, write)
	}
	return false
}

// admits says whether a client's certificate is valid now.
func (a *access) admits(client *mqtt.Client) bool {
	name, serial := certificate(client)
	return name == a.o.Controller || name == a.o.Bridge || a.o.InForce(name, serial)
}

// A kind of client.
type kind int

// The kinds.
const (
	controller   kind = iota // its link with the readers
	bridge                   // its connection on which it shows them to broker clients
	reader                   //
	brokerClient             //
)

// kind returns what a client is by the name in its certificate: only a reader's is the name of
// a reader.
func (a *access) kind(name string) kind {
	switch {
	case name == a.o.Controller:
		return controller
	case name == a.o.Bridge:
		return bridge
	case wire.CheckName(name) == nil:
		return reader
	}
	return brokerClient
}

// certificate returns the name in a client's certificate, and its serial
// number. It was verified in the handshake.
func certificate(client *mqtt.Client) (name, serial string) {
	conn, ok := client.Net.Conn.(*tls.Conn)
	if !ok {
		return "", ""
	}
	chain := conn.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return "", ""
	}
	return chain[0].Subject.CommonName, chain[0].SerialNumber.Text(16)
}

// may says whether a name may publish on a topic, or subscribe to it. Readers
// subscribe to single topics only.
func (a *access) may(name, topic string, write bool) bool {
	switch a.kind(name) {
	case controller:
		return strings.HasPrefix(topic, root(a.o.Site))
	case bridge:
		return a.mayShow(topic, write)
	case brokerClient:
		return a.mayAsk(topic, write)
	}
	_, _, published := channels()
	site, reader, channel, ok := wire.ParseTopic(topic)
	return ok && site == a.o.Site && (reader == "" || reader == name) && slices.Contains(published, channel) == write
}

// channels returns the channels that readers subscribe to, the site's and their own, and
// those that they publish on.
func channels() (site, own, published []wire.Channel) {
	return []wire.Channel{wire.OnCredentials, wire.OnHead},
		[]wire.Channel{wire.OnPolicy, wire.OnKey, wire.OnCommand, wire.OnCard, wire.OnNow, wire.OnReply, wire.OnAck},
		[]wire.Channel{wire.OnState, wire.OnRecords, wire.OnFetch}
}
