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
	// faultChanged: the chip's fault is another one now.
	faultChanged()
}

// clock is how a chip select window is clocked.
type clock struct {
	mode spi.Mode // Mode0 to Mode3
	hz   int64
}

// bytes is how long n bytes take on the wire.
func (c clock) bytes(n int) time.Duration {
	return time.Duration(int64(n) * 8 * int64(time.Second) / c.hz)
}

// Counters count what passed over a port since the board was made.
type Counters struct {
	Messages  int // Tx, TxPackets, Read, Write: one ioctl each on Linux
	Transfers int // packets within them
	Bytes     int // clocked, in either or both directions
}

// portState is what all openings of one port share: the wires.
type portState struct {
	board    *Board
	name     string
	chip     chip
	fault    *Fault
	faults   int        // how many there were: the timers of an older one are void
	excused  time.Time  // until then a fault is why the driver does what it does
	rng      *rand.Rand // of its faults
	mosi     noise
	miso     noise
	counters Counters
	held     *port // whose chip select is still low
	sees     bool  // the chip was there when it fell
}

func newPort(b *Board, name string, c chip, f *Fault) *portState {
	s := &portState{board: b, name: name, chip: c, fault: f}
	for i, r := range []**rand.Rand{&s.rng, &s.mosi.rng, &s.miso.rng} {
		h := fnv.New64a()
		fmt.Fprint(h, name, i)
		*r = rand.New(rand.NewPCG(b.opts.Seed, h.Sum64()))
	}
	return s
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

// SPI opens the port "panel", "touch" or "nfc". It behaves as periph's
// sysfs.SPI over spidev on a Raspberry Pi: Connect works once; a message is at
// most 4,096 bytes; only 8 bits a word, MSB first; an absent chip is no error.
func (b *Board) SPI(name string) (spi.PortCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, b.errClosed("SPI " + name)
	}
	s := b.ports[name]
	if s == nil {
		return nil, fmt.Errorf("sim: SPI port %q: %w", name, syscall.ENOENT)
	}
	return &port{s: s, mu: b}, nil
}

// port is one opening of a port, and its connection. It implements
// spi.PortCloser, spi.Conn, conn.Limits, io.Reader and io.Writer.
type port struct {
	s         *portState
	mu        *Board
	connected bool
	closed    bool
	freqPort  physic.Frequency
	freqConn  physic.Frequency
	mode      spi.Mode
	bits      uint8
	one       [1]spi.Packet
}

var (
	_ spi.PortCloser = &port{}
	_ spi.Conn       = &port{}
	_ conn.Limits    = &port{}
)

func (p *port) String() string { return "sim-" + p.s.name }

// Close closes the port and its connection.
func (p *port) Close() error {
	p.mu.mu.Lock()
	defer p.mu.mu.Unlock()
	if p.closed {
		return fmt.Errorf("sim-spi: %w", os.ErrClosed)
	}
	p.closed = true
	p.s.release(p)
	return nil
}

func checkSpeed(f physic.Frequency) error {
	if f > physic.GigaHertz || f < 100*physic.Hertz {
		return fmt.Errorf("sim-spi: invalid speed %s: a port runs at 100Hz to 1GHz", f)
	}
	return nil
}

// LimitSpeed bounds the clock of this opening.
func (p *port) LimitSpeed(f physic.Frequency) error {
	if err := checkSpeed(f); err != nil {
		return err
	}
	p.mu.mu.Lock()
	defer p.mu.mu.Unlock()
	p.freqPort = f
	return nil
}

// Connect sets clock, mode and word size. LSBFirst is refused with EINVAL, as
// by a Raspberry Pi. Word sizes other than 8 are refused by each transfer, as
// periph passes them with it.
func (p *port) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if err := checkSpeed(f); err != nil {
		return nil, err
	}
	if mode&^(spi.Mode3|spi.HalfDuplex|spi.NoCS|spi.LSBFirst) != 0 {
		return nil, fmt.Errorf("sim-spi: invalid mode %v", mode)
	}
	if bits < 1 || bits >= 256 {
		return nil, fmt.Errorf("sim-spi: invalid bits %d", bits)
	}
	p.mu.mu.Lock()
	defer p.mu.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("sim-spi: %w", os.ErrClosed)
	}
	if p.connected {
		return nil, errors.New("sim-spi: Connect() can only be called exactly once")
	}
	p.connected = true
	if mode&spi.LSBFirst != 0 {
		return nil, fmt.Errorf("sim-spi: setting mode %v failed: %w", mode, syscall.EINVAL)
	}
	p.freqConn, p.mode, p.bits = f, mode, uint8(bits)
	return p, nil
}

// Duplex is Full, or Half if Connect was told HalfDuplex.
func (p *port) Duplex() conn.Duplex {
	if p.mode&spi.HalfDuplex != 0 {
		return conn.Half
	}
	return conn.Full
}

// MaxTxSize is 4096.
func (p *port) MaxTxSize() int { return bufSize }

// Read clocks zeros out and b in.
func (p *port) Read(b []byte) (int, error) {
	if err := p.Tx(nil, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Write clocks b out.
func (p *port) Write(b []byte) (int, error) {
	if err := p.Tx(b, nil); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Tx is one message of one transfer, hence one chip select window. w and r
// have the same length, or one is empty; they may be the same memory. With
// HalfDuplex, w goes out first, then r comes in.
func (p *port) Tx(w, r []byte) error {
	if p.Duplex() == conn.Half && len(w) != 0 && len(r) != 0 {
		return p.TxPackets([]spi.Packet{{W: w, KeepCS: true}, {R: r}})
	}
	p.mu.mu.Lock()
	defer p.mu.mu.Unlock()
	p.one[0] = spi.Packet{W: w, R: r}
	err := p.message(p.one[:])
	p.one[0] = spi.Packet{}
	return err
}

// TxPackets is one message of several transfers. KeepCS joins a packet to the
// next one; on the last it leaves chip select low until this connection's next
// message, or another's on the same port.
func (p *port) TxPackets(packets []spi.Packet) error {
	p.mu.mu.Lock()
	defer p.mu.mu.Unlock()
	return p.message(packets)
}
