package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// The SPI ports, one chip each.
const (
	portPanel = "panel"
	portTouch = "touch"
	portNFC   = "nfc"
)

// bufSize is spidev's bufsiz as the kernel sets it: the most bytes in one
// message.
const bufSize = 4096

// chip is a device behind a chip select. The board's lock is held in each
// call.
type chip interface {
	// selected: chip select fell.
	selected(c clock)
	// shift clocks len(w) bytes out and, unless r is nil, as many in. w and r
	// may be the same memory.
	shift(w, r []byte)
	// deselected: chip select rose.
	deselected()
	// powerUp puts the chip into the state after power came on.
	powerUp()
	// faultChanged: the chip's fault has changed.
	faultChanged()
}

// clock is how a chip select window is clocked.
type clock struct {
	mode spi.Mode // Mode0 to Mode3
	freq physic.Frequency
}

// bytes is how long n bytes take on the wire.
func (c clock) bytes(n int) time.Duration {
	return time.Duration(int64(n) * 8 * int64(time.Second) / int64(c.freq/physic.Hertz))
}

// Counters count what passed over a port since the board was made.
type Counters struct {
	Messages  int // Tx and TxPackets: one ioctl each on Linux
	Transfers int // packets within them
	Bytes     int // clocked, in either or both directions
}

// port is what all openings of one SPI port share: the wires and the chip.
type port struct {
	board         *Board
	name          string
	chip          chip
	fault         *Fault
	faults        int        // how many there were: the timers of an older one are void
	recoversUntil time.Time  // until then violations may be the consequence of a fault
	rng           *rand.Rand // of its faults
	mosi          noise
	miso          noise
	counters      Counters
	held          *spidev // whose chip select is still low
	sees          bool    // the chip was there when it fell
}

func newPort(b *Board, name string, seed uint64, c chip, f *Fault) *port {
	p := &port{board: b, name: name, chip: c, fault: f}
	for i, r := range []**rand.Rand{&p.rng, &p.mosi.rng, &p.miso.rng} {
		h := fnv.New64a()
		fmt.Fprint(h, name, i)
		*r = rand.New(rand.NewPCG(seed, h.Sum64()))
	}
	return p
}

// port returns the port "panel", "touch" or "nfc"; the error wraps ENOENT. The
// board's lock is held.
func (b *Board) port(name string) (*port, error) {
	if p := b.ports[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("sim: SPI port %q: %w", name, syscall.ENOENT)
}

// Counters returns the counters of the port "panel", "touch" or "nfc"; zeros
// for any other name.
func (b *Board) Counters(name string) Counters {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.ports[name]; p != nil {
		return p.counters
	}
	return Counters{}
}

// SPI opens the port "panel", "touch" or "nfc".
func (b *Board) SPI(name string) (spi.PortCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, b.errClosed("SPI " + name)
	}
	p, err := b.port(name)
	if err != nil {
		return nil, err
	}
	return &spidev{port: p}, nil
}

// spidev is one opening of a port, and its connection.
type spidev struct {
	port      *port
	connected bool
	closed    bool
	limit     physic.Frequency // from LimitSpeed; 0: none
	freq      physic.Frequency // from Connect, as mode and bits
	mode      spi.Mode
	bits      uint8
}

var (
	_ spi.PortCloser = &spidev{}
	_ spi.Conn       = &spidev{}
	_ conn.Limits    = &spidev{}
)

func (d *spidev) String() string { return "sim-" + d.port.name }

// Close closes the port and its connection.
func (d *spidev) Close() error {
	d.port.board.mu.Lock()
	defer d.port.board.mu.Unlock()
	if d.closed {
		return fmt.Errorf("sim-spi: %w", os.ErrClosed)
	}
	d.closed = true
	d.port.release(d)
	return nil
}

func checkSpeed(f physic.Frequency) error {
	if f > physic.GigaHertz || f < 100*physic.Hertz {
		return fmt.Errorf("sim-spi: invalid speed %s: a port runs at 100Hz to 1GHz", f)
	}
	return nil
}

// LimitSpeed bounds the clock of this opening.
func (d *spidev) LimitSpeed(f physic.Frequency) error {
	if err := checkSpeed(f); err != nil {
		return err
	}
	d.port.board.mu.Lock()
	defer d.port.board.mu.Unlock()
	d.limit = f
	return nil
}

// Connect sets clock, mode and word size. What a Raspberry Pi's controller does
// not have (LSBFirst) or this one does not emulate (HalfDuplex) is EINVAL. Word
// sizes other than 8 are refused by each transfer, as periph passes them with it.
func (d *spidev) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if err := checkSpeed(f); err != nil {
		return nil, err
	}
	if bits < 1 || bits >= 256 {
		return nil, fmt.Errorf("sim-spi: invalid bits %d", bits)
	}
	d.port.board.mu.Lock()
	defer d.port.board.mu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("sim-spi: %w", os.ErrClosed)
	}
	if d.connected {
		return nil, errors.New("sim-spi: Connect() can only be called exactly once")
	}
	d.connected = true
	if mode&^(spi.Mode3|spi.NoCS) != 0 {
		return nil, fmt.Errorf("sim-spi: setting mode %v failed: %w", mode, syscall.EINVAL)
	}
	d.freq, d.mode, d.bits = f, mode, uint8(bits)
	return d, nil
}

func (d *spidev) Duplex() conn.Duplex { return conn.Full }

func (d *spidev) MaxTxSize() int { return bufSize }

// Tx is one message of one transfer, hence one chip select window. w and r
// have the same length, or one is empty; they may be the same memory.
func (d *spidev) Tx(w, r []byte) error { return d.TxPackets([]spi.Packet{{W: w, R: r}}) }

// TxPackets is one message of several transfers. KeepCS joins a packet to the
// next one; on the last it leaves chip select low until this connection's next
// message, or another's on the same port.
func (d *spidev) TxPackets(packets []spi.Packet) error {
	d.port.board.mu.Lock()
	defer d.port.board.mu.Unlock()
	return d.message(packets)
}
