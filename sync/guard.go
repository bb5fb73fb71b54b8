package sync

import (
	"fmt"
	"net"
)

// maxPacket is the most bytes of a packet's remaining length.
const maxPacket = 1 << 20

// A guard is a connection to a broker that reads the fixed header of each
// packet (MQTT 3.1.1 §2.2) before the MQTT library does, and closes when one is
// none that a broker may send to this client: the library allocates whatever a
// header claims, up to 256 MB, keeps messages of QoS 2 for as long as the
// broker likes, and panics at a SUBACK with more return codes than were asked
// for.
type guard struct {
	net.Conn
	kind   byte // of the packet, from its first byte: type and flags
	length int  // remaining length so far
	shift  int  // bits of it
	part   guardPart
	err    error // why the connection is closed
}

// guardPart is what the next byte belongs to.
type guardPart uint8

const (
	guardKind guardPart = iota
	guardLength
	guardBody
)

// Read reads, and fails for good at a header that is not to be read on.
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
			if g.shift > 21 {
				return fmt.Errorf("mqtt packet %#02x: its length has more than four bytes", g.kind)
			}
			g.length |= int(b[0]&0x7f) << g.shift
			g.shift += 7
			if b[0]&0x80 == 0 {
				if err := checkPacket(g.kind, g.length); err != nil {
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

// checkPacket refuses what a broker does not send to a client that subscribes
// to one topic at a time, with QoS 1.
func checkPacket(kind byte, length int) error {
	const connack, publish, puback, suback, unsuback, pingresp = 2, 3, 4, 9, 11, 13
	want := -1
	switch kind >> 4 {
	case publish:
		switch {
		case kind>>1&3 > 1:
			return fmt.Errorf("mqtt packet %#02x: QoS %d was not subscribed to", kind, kind>>1&3)
		case length > maxPacket:
			return fmt.Errorf("mqtt packet %#02x: it claims %d bytes, at most %d", kind, length, maxPacket)
		}
		return nil
	case connack, puback, unsuback:
		want = 2
	case suback:
		want = 3
	case pingresp:
		want = 0
	}
	if length != want {
		return fmt.Errorf("mqtt packet %#02x of %d bytes: not one for this client", kind, length)
	}
	return nil
}
