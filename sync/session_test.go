package sync

import (
	"context"
	"net"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// deaf is a connection on which the broker's acknowledgements of publications
// are lost. It reads whole packets.
type deaf struct {
	net.Conn
	ready []byte
}

func (d *deaf) Read(b []byte) (int, error) {
	for len(d.ready) == 0 {
		packet, err := d.packet()
		if err != nil {
			return 0, err
		}
		if puback := byte(4); packet[0]>>4 != puback {
			d.ready = packet
		}
	}
	n := copy(b, d.ready)
	d.ready = d.ready[n:]
	return n, nil
}

// packet reads one packet (MQTT 3.1.1 §2.2).
func (d *deaf) packet() (packet []byte, err error) {
	read := func(n int) (b []byte) {
		b = make([]byte, n)
		for at := 0; at < n && err == nil; {
			var m int
			m, err = d.Conn.Read(b[at:])
			at += m
		}
		packet = append(packet, b...)
		return b
	}
	read(1)
	length := 0
	for shift := 0; err == nil; shift += 7 {
		c := read(1)[0]
		length |= int(c&0x7f) << shift
		if c&0x80 == 0 {
			break
		}
	}
	if err == nil {
		read(length)
	}
	return packet, err
}

func TestABrokerThatAcknowledgesNothingLosesTheConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t)
		whole := false
		w.client.open = func(ctx context.Context, to wire.Broker) (net.Conn, error) {
			conn, err := w.open(ctx, to)
			if err != nil || whole {
				return conn, err
			}
			return &deaf{Conn: conn}, nil
		}
		w.run()
		defer w.stop()
		w.wait(pubackWithin - time.Second)
		// It goes on meanwhile: its state was answered, and its records are there.
		w.inStep()
		if w.tries() != 1 {
			t.Errorf("%d connections", w.tries())
		}
		whole = true
		w.wait(pubackWithin)
		w.journal.append(wire.Record{Kind: wire.DoorOpened})
		w.client.Recorded()
		w.wait(time.Second)
		w.inStep()
		if w.tries() != 2 {
			t.Errorf("%d connections", w.tries())
		}
		w.wait(2 * pubackWithin)
		if w.tries() != 2 {
			t.Errorf("%d connections, though the broker acknowledges", w.tries())
		}
	})
}
