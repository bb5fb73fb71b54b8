// Package pn532 drives NXP's PN532 NFC controller over SPI, as far as a reader of ISO/IEC 14443
// type A cards needs it: it finds the card on the antenna and exchanges APDUs with it.
//
// The chip runs firmware of its own on a module that people plug in and wire. It may be
// missing, asleep, in the middle of an earlier answer, or reset without the driver noticing.
// [Dev.Poll] recovers from all of that by itself; where it cannot, its error stays the same for
// as long as the fault lasts.
//
// Sources: NXP UM0701-02 (PN532 user manual, firmware 1.6), NXP AN10609 (PN532 C106 application
// note: mode 0 only, low-battery start), PN532/C1 data sheet. Numbers are hexadecimal where
// they are the chip's.
package pn532

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Input is the interrupt line (P70_IRQ); 1 is active: a frame is ready. *gpiocdev.Line fits.
type Input interface {
	Value() (int, error)
}

// Output is the reset line (RSTPD_N); 1 holds the chip in reset. *gpiocdev.Line fits.
type Output interface {
	SetValue(value int) error
}

// freq is the highest clock; the port may be slower. The chip takes at most 5 MHz.
const freq = physic.MegaHertz

// The errors of Poll if only the chip is at fault.
var (
	// ErrAbsent: nothing answers.
	ErrAbsent = errors.New("pn532: no answer: check power, wiring and that the module is switched to SPI")
	// ErrConfused: the chip starts and then fails, again and again.
	ErrConfused = errors.New("pn532: the chip starts but does not work: check its supply and wiring")
	// ErrNotPN532: something else answers.
	ErrNotPN532 = errors.New("pn532: the chip is no PN532: check which module is wired")
	// ErrTarget: the answer about a card cannot come from a card, or its UID is incomplete.
	ErrTarget = errors.New("pn532: malformed target data")
)

// state is what the driver knows about the chip.
//
//	       Poll: start                 a poll fails
//	unknown ----------> ready --------------------------> lost
//	   |   \              ^                                |
//	   |    \ fails       | start                          | start, at once
//	   |     v            |                                v
//	   |      absent -----+   (waits 0.25 s to 3 s)     ready, or absent
//	   +--- Halt from anywhere
type state int

const (
	unknown state = iota // nothing was sent yet, or since Halt
	ready                // configured and answering
	lost                 // was ready and failed: start it at once
	absent               // a start failed: start it when the wait is over
)

// Dev is a PN532. It is used by one goroutine at a time; only Counters may be read by others.
type Dev struct {
	Counters Counters

	conn  spi.Conn
	irq   Input
	reset Output

	state   state
	version Version
	irqDead bool          // the line was inactive although the chip had a frame
	cause   error         // absent: why
	retry   time.Time     // absent: when to start next
	pause   time.Duration // absent: how long this wait is

	wakeUp     chan struct{} // the interrupt line became active
	falseCalls int           // interrupts in a row without a frame
	heard      bool          // the last frame that was waited for was announced by wakeUp
	searching  time.Time     // since when the chip has searched; zero if it does not
	selected   bool          // a card is
	noisy      time.Time     // until then a card must be found twice

	body, command, frame []byte // being sent
	idle                 [1 + maxBody + overhead]byte
	txBuf, rxBuf         [1 + maxBody + overhead]byte
}

// Counters are what the driver has done since NewSPI.
type Counters struct {
	Transfers atomic.Uint64 // on the bus
	Errors    atomic.Uint64 // of the bus or of a line
	Retries   atomic.Uint64 // commands sent again, and responses asked for again
	Garbled   atomic.Uint64 // frames that could not be read, and malformed targets
	Starts    atomic.Uint64 // attempts to wake and configure the chip
	Losses    atomic.Uint64 // how often a chip that had worked failed
}

// NewSPI connects to the port and sends nothing yet: the first Poll starts the chip and finds
// out whether there is one. reset may be nil. The caller owns port and line and closes them.
func NewSPI(p spi.Port, reset Output) (*Dev, error) {
	c, err := p.Connect(freq, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("pn532: connect: %w", err)
	}
	// The buffers never grow: that would leave a copy of what they held.
	const size = 1 + maxBody + overhead
	return &Dev{
		conn: c, reset: reset, wakeUp: make(chan struct{}, 1),
		body: make([]byte, 0, size), command: make([]byte, 0, size), frame: make([]byte, 0, size),
	}, nil
}

// UseInterrupt gives the driver the interrupt line, before the first Poll. [Dev.Interrupt] is to
// be called with each of its changes. The caller owns the line and closes it.
func (d *Dev) UseInterrupt(line Input) { d.irq = line }

// String names the chip and the port, and the firmware once it is known.
func (d *Dev) String() string {
	if d.version == (Version{}) {
		return fmt.Sprintf("pn532{%s}", d.conn)
	}
	return fmt.Sprintf("pn532{%s, %s}", d.conn, d.version)
}
