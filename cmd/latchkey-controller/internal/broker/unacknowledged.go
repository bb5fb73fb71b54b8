package broker

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"sync"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"latchkey/sync/wire"
)

// unacknowledged limits what the broker keeps for each client until the client
// acknowledges it. A reader that asks for much and acknowledges nothing would use up the
// controller's memory: its connection is closed. An honest reader that was too slow
// connects again and fetches what it missed. The outbox limits what is not even written.
type unacknowledged struct {
	mqtt.HookBase
	controller string
	log        *slog.Logger

	mu sync.Mutex
	of map[*mqtt.Client]*waiting
}

// waiting is what a client was sent and has not acknowledged.
type waiting struct {
	bytes map[uint16]int // by packet identifier
	sum   int
}

// ID implements mqtt.Hook.
func (u *unacknowledged) ID() string { return "limit of unacknowledged messages" }

// Provides implements mqtt.Hook.
func (u *unacknowledged) Provides(b byte) bool {
	return slices.Contains([]byte{mqtt.OnSessionEstablished, mqtt.OnDisconnect, mqtt.OnPublish, mqtt.OnQosPublish, mqtt.OnQosComplete}, b)
}

// OnSessionEstablished implements mqtt.Hook. OnDisconnect is sure to follow it; after
// OnSessionEstablish it is not, if the connection ends before the CONNACK.
func (u *unacknowledged) OnSessionEstablished(client *mqtt.Client, _ packets.Packet) {
	box := client.Net.Conn.(*tls.Conn).NetConn().(*outbox)
	box.identified()
	if client.ID == u.controller {
		box.block()
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.of[client] = &waiting{bytes: map[uint16]int{}}
}

// OnDisconnect implements mqtt.Hook.
func (u *unacknowledged) OnDisconnect(client *mqtt.Client, _ error, _ bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.of, client)
}

// OnPublish implements mqtt.Hook: a message that is longer than its topic allows is
// dropped, and not acknowledged.
func (u *unacknowledged) OnPublish(_ *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	limit := -1
	if _, _, channel, ok := wire.ParseTopic(p.TopicName); ok {
		limit = channel.Limit()
	} else if isShown(p.TopicName) {
		limit = maxTold
	}
	if len(p.Payload) > limit {
		return p, packets.ErrRejectPacket
	}
	return p, nil
}

// OnQosPublish implements mqtt.Hook.
func (u *unacknowledged) OnQosPublish(client *mqtt.Client, p packets.Packet, _ int64, _ int) {
	u.mu.Lock()
	d := u.of[client]
	if d == nil {
		u.mu.Unlock()
		return
	}
	d.sum += len(p.Payload) - d.bytes[p.PacketID] // a message that was dropped did not complete
	d.bytes[p.PacketID] = len(p.Payload)
	tooMuch := d.sum > maxQueued
	if tooMuch {
		delete(u.of, client)
	}
	u.mu.Unlock()
	if tooMuch {
		u.log.Warn("broker: a client does not acknowledge what it is sent; its connection is closed", "name", client.ID)
		client.Stop(errSlow)
	}
}

// OnQosComplete implements mqtt.Hook.
func (u *unacknowledged) OnQosComplete(client *mqtt.Client, p packets.Packet) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d := u.of[client]; d != nil {
		d.sum -= d.bytes[p.PacketID]
		delete(d.bytes, p.PacketID)
	}
}

var errSlow = errors.New("the client does not keep up with what it is sent")
