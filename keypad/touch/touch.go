// Package touch reads touchscreens: resistive ones through an XPT2046 or a compatible chip
// (ADS7846, TSC2046) on SPI ([Dev]), and any that the Linux kernel drives ([Evdev]). Both
// have Read, and Raw and Calibration to find the mapping of a film.
//
// A reading of an XPT2046 is one transfer of about 0.3 ms with two rounds of pressure, X and
// Y, each measured several times. It counts as a touch only if both rounds have the pressure
// of a finger and agree on the position.
//
// Sources: XPT2046 data sheet (control byte, conversion timing, PENIRQ), TI
// TSC2046 data sheet SBAS265 (pressure, settling, 16-clock conversions).
// Positions and pressure are in counts of the 12-bit converter, 0 to 4095;
// results are in panel pixels.
package touch

import (
	"errors"
	"fmt"
	"image"
	"sync/atomic"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Pen is the pen interrupt line; 1 means touched, whatever the level on the wire.
// *gpiocdev.Line fits.
type Pen interface {
	Value() (int, error)
}

// MaxFreq is the highest clock that the XPT2046's data sheet allows at 2.7 V.
const MaxFreq = 2500 * physic.KiloHertz

// Opts holds what differs between modules. A zero field means that of DefaultOpts.
type Opts struct {
	// Freq is the highest clock, at most MaxFreq.
	Freq physic.Frequency
	// Size is the panel in pixels, as seen; points are clamped to it.
	Size image.Point
	// Rotation is by how many degrees the picture is turned clockwise on the glass:
	// 0, 90, 180 or 270 ([Affine.Turned]).
	Rotation int
	// Cal maps raw positions to pixels of the picture before Rotation, so it does not
	// depend on that. The zero Affine is that of the usual film, stretched over
	// Size: command D0 runs from 280 at the left to 3860 at the right, command 90
	// from 340 at the top to 3860 at the bottom.
	Cal Affine
	// Samples is how many conversions of X and of Y a round makes, of which the
	// median counts; odd, 3 to 15.
	Samples int
	// Settle is how many conversions are dropped after each change of the
	// channel, at least 1; raise it for panels with large filter capacitors
	// (8 us a piece at 2 MHz).
	Settle int
	// MinPressure is the least Z1 + 4095 - Z2 of a touch, in counts. A touch that
	// goes on may fall to three quarters of it.
	MinPressure int
	// MaxResistance is the highest resistance of a touch, in ohm; a finger has some
	// hundred, a drop of water or a crease thousands. A touch that goes on may rise
	// to four thirds of it. The film's X plate is assumed to have 400 ohm.
	MaxResistance int
	// Agree is how far the two rounds may differ in X and in Y, in counts.
	Agree int
	// Jump is how far a touch may move between two readings, in pixels, without a
	// second reading to confirm it.
	Jump int
}

// DefaultOpts fits the common 240x320 modules, upright.
var DefaultOpts = Opts{
	Freq:          2 * physic.MegaHertz,
	Size:          image.Pt(240, 320),
	Samples:       5,
	Settle:        2,
	MinPressure:   400,
	MaxResistance: 2500,
	Agree:         60,
	Jump:          48,
}

// ErrAbsent says that nothing drives the data line: no chip, no power, a broken
// wire.
var ErrAbsent = errors.New("touch: the controller does not answer: check its power and wiring")

// Dev is a touch controller. It is used by one goroutine at a time; only
// Counters may be called by others.
type Dev struct {
	conn spi.Conn
	pen  Pen
	opts Opts

	w, r         []byte   // one transfer, reused
	med          []int    // a channel's samples, reused
	powerDownBuf [6]byte  // of powerDown, sent and received
	refreshBuf   [10]byte // of Refresh, sent and received

	down   bool        // the last reading was a touch
	last   image.Point // its position
	jump   image.Point // a position too far from last, to be read twice
	jumped bool        // jump is set

	count counters
}

// NewSPI connects to the chip, whose bus need not work yet. [Dev.Halt] or
// [Dev.Refresh] turns on a pen interrupt that another program has left off. A
// missing chip cannot always be told from an untouched panel; where it can, Read
// returns [ErrAbsent].
//
// pen may be nil: then every Read asks the chip. The caller owns port and line
// and closes them. o may be nil.
func NewSPI(p spi.Port, pen Pen, o *Opts) (*Dev, error) {
	if o == nil {
		o = &DefaultOpts
	}
	d := &Dev{pen: pen, opts: *o}
	if err := d.opts.complete(); err != nil {
		return nil, err
	}
	c, err := p.Connect(d.opts.Freq, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("touch: connect: %w", err)
	}
	d.conn = c
	d.w = script(d.opts.Samples, d.opts.Settle)
	d.r = make([]byte, len(d.w))
	d.med = make([]int, d.opts.Samples)
	return d, nil
}

// complete fills in defaults and checks ranges.
func (o *Opts) complete() error {
	def := DefaultOpts
	if o.Freq == 0 {
		o.Freq = def.Freq
	}
	if o.Size == (image.Point{}) {
		o.Size = def.Size
	}
	upright := upright(o.Size, o.Rotation)
	if o.Cal == (Affine{}) {
		o.Cal = Edges(upright, 280, 3860, 340, 3860)
	}
	o.Cal = o.Cal.Turned(o.Rotation, upright)
	for _, f := range []struct{ v, def *int }{
		{&o.Samples, &def.Samples}, {&o.Settle, &def.Settle}, {&o.MinPressure, &def.MinPressure},
		{&o.MaxResistance, &def.MaxResistance},
		{&o.Agree, &def.Agree}, {&o.Jump, &def.Jump},
	} {
		if *f.v == 0 {
			*f.v = *f.def
		}
	}
	switch {
	case o.Freq < 0 || o.Freq > MaxFreq:
		return fmt.Errorf("touch: clock %s: the chip takes at most %s", o.Freq, MaxFreq)
	case o.Size.X <= 0 || o.Size.Y <= 0:
		return fmt.Errorf("touch: size %v is not a panel's", o.Size)
	case o.Samples < 3 || o.Samples > 15 || o.Samples%2 == 0:
		return fmt.Errorf("touch: %d samples: use an odd number from 3 to 15", o.Samples)
	case o.Settle < 1 || o.Settle > 250:
		return fmt.Errorf("touch: settle %d: use 1 to 250 conversions", o.Settle)
	case o.MinPressure < 1 || o.MinPressure > full || o.MaxResistance < 1 || o.Agree < 1 || o.Jump < 1:
		return errors.New("touch: MinPressure, MaxResistance, Agree and Jump must be positive, and MinPressure at most 4095")
	}
	return nil
}

// String names the chip and the port.
func (d *Dev) String() string { return fmt.Sprintf("xpt2046{%s}", d.conn) }

// Halt powers the chip down with its pen interrupt on, which is also its state after
// each Read, and forgets a touch that was going on.
func (d *Dev) Halt() error {
	d.down, d.jumped = false, false
	return d.powerDown()
}

// Counters are what a touch controller has done since NewSPI.
type Counters struct {
	Transfers uint64 // on the bus
	Errors    uint64 // of the bus or of the pen line
	Absent    uint64 // transfers without an answer
	Light     uint64 // readings with less pressure than that of a finger
	Unsteady  uint64 // readings whose two rounds disagreed
	Jumps     uint64 // positions too far from the one before
}

type counters struct {
	transfers, errors, absent, light, unsteady, jumps atomic.Uint64
}

// Counters may be called from any goroutine.
func (d *Dev) Counters() Counters {
	return Counters{
		Transfers: d.count.transfers.Load(),
		Errors:    d.count.errors.Load(),
		Absent:    d.count.absent.Load(),
		Light:     d.count.light.Load(),
		Unsteady:  d.count.unsteady.Load(),
		Jumps:     d.count.jumps.Load(),
	}
}
