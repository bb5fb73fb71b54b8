package sim

import (
	"math/bits"
	"time"

	"periph.io/x/conn/v3/spi"
)

// What the first byte of a chip select window asks for.
const (
	opDataWrite  = 0x01
	opStatusRead = 0x02
	opDataRead   = 0x03
)

// slot is what the next byte in a window means.
type slot int

const (
	slotOp slot = iota
	slotStatus
	slotWrite
	slotRead
	slotNothing
)

type pn532Wire struct {
	clock     clock
	csFell    time.Time     // chip select fell
	onWire    time.Duration // on the wire since, by the clock
	slot      slot
	rx        frameParser
	overread  int  // bytes read past the end of a frame
	filled    int  // bytes of filler so far
	lostWrite bool // bytes of a data write came while asleep
}

// outFrame is a frame that waits to be read. Chip select does not discard it:
// the next byte stays loaded and goes out with the first byte of the next window.
// A window that begins with a data read continues after it, any other leaves it
// loaded (as measured; the manual asks for one window).
type outFrame struct {
	bytes []byte
	pos   int
	ack   bool
}

func (n *pn532) selected(c clock) {
	w := &n.wire
	*w = pn532Wire{clock: c, csFell: time.Now()}
	if c.mode != spi.Mode0 {
		n.board.violate("nfc", "clocked in %v: mode 0 only, nothing is understood", c.mode)
	}
	if n.tooFast() {
		n.board.violate("nfc", "clocked above %s: nothing is understood", maxNFCClock)
	}
}

func (n *pn532) tooFast() bool {
	return n.wire.clock.freq > maxNFCClock
}

// low is how long chip select has been low.
func (n *pn532) low() time.Duration { return time.Since(n.wire.csFell) + n.wire.onWire }

// wakes reports whether chip select has been low for long enough to wake the chip.
func (n *pn532) wakes() bool {
	return n.asleep && n.wakeSPI && !n.off && n.low() >= wakeTime && !n.wire.csFell.Before(n.bootUntil)
}

func (n *pn532) deselected() {
	w := &n.wire
	if n.wakes() {
		n.wake()
	} else if w.lostWrite && !n.off {
		n.board.violate("nfc", "a command while the chip sleeps: lost (chip select low for 2 ms wakes it)")
	}
	if w.slot == slotWrite && w.rx.inside() {
		n.board.violate("nfc", "chip select rose within a frame: lost")
	}
	if f := n.out; f != nil && f.pos >= len(f.bytes) {
		n.wasRead(f, w.overread)
	}
}

func (n *pn532) shift(w, r []byte) {
	for i, in := range w {
		out := byte(0xFF)
		in = bits.Reverse8(in) // least significant bit first
		if n.wakes() {
			n.wake()
			if n.wire.lostWrite && n.opts.TakesWaking {
				n.wire.slot, n.wire.lostWrite = slotWrite, false
			}
		}
		switch {
		case n.off || n.tooFast() || n.wire.clock.mode != spi.Mode0:
		case n.asleep:
			if i == 0 && n.wire.onWire == 0 && in == opDataWrite {
				n.wire.lostWrite = true
			}
		default:
			out = n.exchange(in)
		}
		n.wire.onWire += n.wire.clock.bytes(1)
		if r != nil {
			r[i] = bits.Reverse8(out)
		}
	}
}

// ready is the frame that can be read now; nil if none.
func (n *pn532) ready() *outFrame {
	if n.off || n.asleep || n.fault.Stuck {
		return nil
	}
	return n.out
}

// exchange takes one byte and returns one, for a chip that is awake.
func (n *pn532) exchange(in byte) byte {
	w, f := &n.wire, n.ready()
	switch w.slot {
	case slotOp:
		return n.opcode(in, f)
	case slotStatus:
		w.slot = slotOp // another op-code may follow in the same window
		return bit(f != nil && f.pos < len(f.bytes), 0)
	case slotWrite:
		if data, kind := w.rx.take(in); kind != frameNone {
			n.received(data, kind)
		}
		return 0
	case slotRead:
		if f == nil {
			n.board.violate("nfc", "a data read while nothing is ready")
			return n.filler()
		}
		if f.pos >= len(f.bytes) {
			w.overread++
			return n.filler()
		}
		f.pos++
		return f.bytes[f.pos-1]
	}
	return 0
}

// opcode takes the first byte of a window and returns the byte that is loaded: of a
// frame of which nothing has been read, the status.
func (n *pn532) opcode(in byte, f *outFrame) byte {
	w := &n.wire
	var loaded byte
	if f != nil {
		loaded = 0x01
		if f.pos > 0 && f.pos < len(f.bytes) {
			loaded = f.bytes[f.pos]
		}
	}
	w.slot = slotNothing
	switch in {
	case opStatusRead:
		w.slot = slotStatus
	case opDataWrite:
		w.slot = slotWrite
	case opDataRead:
		w.slot = slotRead
		if f != nil && f.pos > 0 && f.pos < len(f.bytes) {
			f.pos++
		}
	case 0x00: // a byte that only wakes the chip or shows the byte that is loaded
	case bits.Reverse8(opStatusRead), bits.Reverse8(opDataWrite), bits.Reverse8(opDataRead):
		n.board.violate("nfc", "op-code %02X: sent most significant bit first", in)
	default:
		n.board.violate("nfc", "unknown op-code %02X", in)
	}
	return loaded
}

func (n *pn532) filler() byte {
	f := n.opts.Filler
	n.wire.filled++
	return f[(n.wire.filled-1)%len(f)]
}
