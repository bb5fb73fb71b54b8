// Package pn532 drives NXP's PN532 NFC controller over SPI, as far as a reader
// of ISO/IEC 14443 type A cards needs it: which card lies on the antenna.
//
// The chip is a computer of its own, and boards with it are plugged, wired and
// disturbed by hand: it may be missing, asleep, in the middle of an old answer,
// or reset behind the driver's back. [Dev.Poll] copes with all of that by itself
// and says, where it cannot, by an error that stays the same as long as the
// fault does.
//
// Sources: NXP UM0701-02 (PN532 user manual, firmware 1.6), NXP AN10609
// (PN532 C106 application note: mode 0 only, low-battery start), PN532/C1 data
// sheet. Numbers are hexadecimal where they are the chip's.
package pn532

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Input is the interrupt line (P70_IRQ); 1 is active: a frame waits.
// *gpiocdev.Line fits.
type Input interface {
	Value() (int, error)
}

// Output is the reset line (RSTPD_N); 1 holds the chip in reset.
// *gpiocdev.Line fits.
type Output interface {
	SetValue(value int) error
}

// MaxFreq is the chip's highest SPI clock.
const MaxFreq = 5 * physic.MegaHertz

// Opts holds what differs between boards. A zero field means the default's.
type Opts struct {
	// Freq is the highest clock, at most MaxFreq.
	Freq physic.Frequency
	// Retries is how often InListPassiveTarget tries again on an empty field
	// (MxRtyPassiveActivation), 1 to 0x20.
	Retries byte
}

// DefaultOpts fits the common modules.
var DefaultOpts = Opts{Freq: physic.MegaHertz, Retries: 2}

// The errors that Poll ends with where nothing but the chip is at fault.
var (
	// ErrAbsent: nothing answers.
	ErrAbsent = errors.New("pn532: no answer: check power, wiring and that the module is switched to SPI")
	// ErrConfused: the chip starts and then fails, again and again.
	ErrConfused = errors.New("pn532: the chip starts but does not work: check its supply and wiring")
	// ErrNotPN532: something else answers.
	ErrNotPN532 = errors.New("pn532: the chip says it is no PN532")
	// ErrTarget: the answer about a card is not one that a card can cause, or
	// its UID is not complete.
	ErrTarget = errors.New("pn532: malformed target data")
)

// state is what the driver believes of the chip.
//
//	       Poll: start                 listing fails
//	unknown ----------> ready --------------------------> lost
//	   |   \              ^                                |
//	   |    \ fails       | start                          | start, at once
//	   |     v            |                                v
//	   |      absent -----+   (waits 0.25 s to 3 s)     ready, or absent
//	   +--- Halt from anywhere
type state int

const (
	unknown state = iota // nothing was sent yet, or Halt was called
	ready                // configured and answering
	lost                 // was ready and failed: to be started at once
	absent               // a start failed: to be started when its wait is over
)

// Dev is a PN532. It is used by one goroutine at a time; only Counters may be
// called beside it.
type Dev struct {
	conn  spi.Conn
	irq   Input
	reset Output
	opts  Opts

	state   state
	version Version
	irqDead bool          // the line told nothing while the chip had a frame
	cause   error         // absent: why
	retry   time.Time     // absent: when to start next
	pause   time.Duration // absent: how long this wait is

	listTime time.Duration // after which InListPassiveTarget answers, as learnt
	waited   time.Duration // of the last waitReady
	late     bool          // it looked more than once
	noisy    time.Time     // until then a card is listed twice before it is believed

	command, frame []byte // being sent
	idle           [1 + maxBody + overhead]byte
	txBuf, rxBuf   [1 + maxBody + overhead]byte

	count counters
}

// Counters are what a chip's driver has done since NewSPI.
type Counters struct {
	Transfers uint64 // on the bus
	Errors    uint64 // of the bus or of a line
	Retries   uint64 // commands sent again and responses asked for again
	Garbled   uint64 // frames that could not be read, and malformed targets
	Starts    uint64 // times the chip was woken and configured, or that was tried
	Losses    uint64 // times a chip that had worked did not any more
}

type counters struct {
	transfers, errors, retries, garbled, starts, losses atomic.Uint64
}

// Counters may be called from any goroutine.
func (d *Dev) Counters() Counters {
	return Counters{
		Transfers: d.count.transfers.Load(),
		Errors:    d.count.errors.Load(),
		Retries:   d.count.retries.Load(),
		Garbled:   d.count.garbled.Load(),
		Starts:    d.count.starts.Load(),
		Losses:    d.count.losses.Load(),
	}
}

// NewSPI connects to the port and sends nothing yet: the first Poll starts the
// chip, and whether there is one is Poll's to say. irq and reset may be nil, each
// by itself. The caller keeps port and lines and closes them. o may be nil.
func NewSPI(p spi.Port, irq Input, reset Output, o *Opts) (*Dev, error) {
	if o == nil {
		o = &DefaultOpts
	}
	d := &Dev{irq: irq, reset: reset, opts: *o, listTime: 20 * time.Millisecond}
	if d.opts.Freq == 0 {
		d.opts.Freq = DefaultOpts.Freq
	}
	if d.opts.Retries == 0 {
		d.opts.Retries = DefaultOpts.Retries
	}
	if d.opts.Freq < 0 || d.opts.Freq > MaxFreq {
		return nil, fmt.Errorf("pn532: clock %s: the chip takes at most %s", d.opts.Freq, MaxFreq)
	}
	if d.opts.Retries > 0x20 {
		return nil, fmt.Errorf("pn532: %d retries: use at most 32, or a search without a card does not end", d.opts.Retries)
	}
	c, err := p.Connect(d.opts.Freq, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("pn532: connect: %w", err)
	}
	d.conn = c
	return d, nil
}

// String names the chip and the port, and the firmware once it is known.
func (d *Dev) String() string {
	if d.version == (Version{}) {
		return fmt.Sprintf("pn532{%s}", d.conn)
	}
	return fmt.Sprintf("pn532{%s, %s}", d.conn, d.version)
}
