package wire

import (
	"errors"
	"fmt"
	"net"
)

// MaxPacket is the most bytes of an MQTT packet's remaining length.
const MaxPacket = 1 << 20

// A guard is a connection to a broker that reads the fixed header of each packet
// (MQTT 3.1.1 §2.2) before the MQTT library does, and closes at one that a broker may
// not send to this client. The library would allocate whatever a header claims, up to
// 256 MB, keep messages of QoS 2 without a bound, and panic at a SUBACK with more
// return codes than it asked for.
type guard struct {
	net.Conn
	topics int  // in one SUBSCRIBE
	kind   byte // of the packet, from its first byte: type and flags
	length int  // remaining length so far
	shift  int  // bits of it
	part   guardPart
	err    error // why the connection is closed
}

// Guard returns a connection to a broker that lets through only what a broker may
// send to a client of MQTT 3.1.1 that subscribes to so many topics at once, with QoS
// 1. Any other packet closes it.
func Guard(conn net.Conn, topics int) net.Conn { return &guard{Conn: conn, topics: topics} }

// guardPart is what the next byte belongs to.
type guardPart uint8

const (
	guardKind guardPart = iota
	guardLength
	guardBody
)

// Read reads from the connection. After a refused header every Read fails.
func (g *guard) Read(b []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.Conn.Read(b)
	if g.err = g.scan(b[:n]); g.err != nil {
		g.Conn.Close()
		return 0, g.err
	}
	return n, err
}

// scan follows the packets through b.
func (g *guard) scan(b []byte) error {
	for len(b) > 0 {
		switch g.part {
		case guardKind:
			g.kind, g.length, g.shift, g.part = b[0], 0, 0, guardLength
			b = b[1:]
		case guardLength:
			g.length |= int(b[0]&0x7f) << g.shift
			g.shift += 7
			if b[0]&0x80 != 0 && g.shift > 21 {
				return fmt.Errorf("%w: %#02x, whose length has more than four bytes", ErrPacket, g.kind)
			}
			if b[0]&0x80 == 0 {
				if err := g.check(); err != nil {
					return err
				}
				g.part = guardBody
				if g.length == 0 {
					g.part = guardKind
				}
			}
			b = b[1:]
		case guardBody:
			n := min(g.length, len(b))
			g.length -= n
			b = b[n:]
			if g.length == 0 {
				g.part = guardKind
			}
		}
	}
	return nil
}

// ErrPacket says that a broker sent what it does not send to this client.
var ErrPacket = errors.New("the broker sent an MQTT packet that this client does not take")

// ErrEnded says that a broker ended the connection. Some send DISCONNECT, though MQTT
// 3.1.1 leaves that to clients; the rest just close it.
var ErrEnded = errors.New("the broker has closed the connection: it is stopping, it no longer admits this certificate, or another program has connected with the same one")

// check refuses what a broker does not send to this client.
func (g *guard) check() error {
	const connack, publish, puback, suback, unsuback, pingresp, disconnect = 2, 3, 4, 9, 11, 13, 14
	want := -1
	switch g.kind >> 4 {
	case publish:
		if g.kind>>1&3 <= 1 && g.length <= MaxPacket {
			return nil
		}
	case connack, puback, unsuback:
		want = 2
	case suback:
		want = 2 + g.topics
	case pingresp:
		want = 0
	case disconnect:
		return ErrEnded
	}
	if g.length != want {
		return fmt.Errorf("%w: %#02x with %d bytes", ErrPacket, g.kind, g.length)
	}
	return nil
}
