package broker

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"latchkey/sync/wire"
)

// owed bounds what is kept for each reader until it acknowledges: one that asks
// for much and acknowledges nothing would use up the controller's memory. Its
// connection ends; an honest reader that could not follow connects again and
// fetches what it missed. What is not even written, its outbox bounds.
type owed struct {
	mqtt.HookBase
	controller string
	log        *slog.Logger

	mu    sync.Mutex
	debts map[*mqtt.Client]*debt
}

// A debt is what a reader was sent and has not acknowledged.
type debt struct {
	bytes map[uint16]int // by packet identifier
	sum   int
}

// ID implements mqtt.Hook.
func (o *owed) ID() string { return "bound of what is kept" }

// Provides implements mqtt.Hook.
func (o *owed) Provides(b byte) bool {
	switch b {
	case mqtt.OnSessionEstablished, mqtt.OnDisconnect, mqtt.OnPublish, mqtt.OnQosPublish, mqtt.OnQosComplete:
		return true
	}
	return false
}

// OnSessionEstablished implements mqtt.Hook. OnDisconnect follows, which it does
// not where the connection ends before the client is told that it is one.
func (o *owed) OnSessionEstablished(client *mqtt.Client, _ packets.Packet) {
	box := client.Net.Conn.(*tls.Conn).NetConn().(*outbox)
	box.admit()
	if client.ID == o.controller {
		box.wait()
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.debts[client] = &debt{bytes: map[uint16]int{}}
}

// OnDisconnect implements mqtt.Hook.
func (o *owed) OnDisconnect(client *mqtt.Client, _ error, _ bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.debts, client)
}

// OnPublish implements mqtt.Hook: what is longer than its topic allows goes no
// further, and is not acknowledged.
func (o *owed) OnPublish(_ *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	if _, _, channel, ok := wire.ParseTopic(p.TopicName); !ok || len(p.Payload) > channel.Limit() {
		return p, packets.ErrRejectPacket
	}
	return p, nil
}

// OnQosPublish implements mqtt.Hook.
func (o *owed) OnQosPublish(client *mqtt.Client, p packets.Packet, _ int64, _ int) {
	o.mu.Lock()
	d := o.debts[client]
	if d == nil {
		o.mu.Unlock()
		return
	}
	d.sum += len(p.Payload) - d.bytes[p.PacketID] // one that was dropped left its identifier behind
	d.bytes[p.PacketID] = len(p.Payload)
	much := d.sum > maxQueued
	if much {
		delete(o.debts, client)
	}
	o.mu.Unlock()
	if much {
		o.log.Warn("broker: a reader does not acknowledge what it is sent; its connection ends", "reader", client.ID)
		client.Stop(errLags)
	}
}

// OnQosComplete implements mqtt.Hook.
func (o *owed) OnQosComplete(client *mqtt.Client, p packets.Packet) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if d := o.debts[client]; d != nil {
		d.sum -= d.bytes[p.PacketID]
		delete(d.bytes, p.PacketID)
	}
}

var errLags = errors.New("too much waits for it")
