// Package touch reads touchscreens: resistive ones through an XPT2046 or a compatible chip
// (ADS7846, TSC2046) on SPI ([Dev]), and any that the Linux kernel drives ([Evdev]). Both
// have Read, and Raw and Calibration to find the mapping of a film.
//
// A reading of an XPT2046 is one transfer of about 0.3 ms with two rounds of pressure, X and
// Y, each measured several times. It counts as a touch only if both rounds have the pressure
// of a finger and agree on the position.
//
// Sources: XPT2046 data sheet (control byte, conversion timing, PENIRQ), TI TSC2046 data sheet
// SBAS265 (pressure, settling, 16-clock conversions). Positions and pressure are in counts of
// the 12-bit converter, 0 to 4095; results are in panel pixels.
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

// freq is the highest clock; the port may be slower. The XPT2046's data sheet allows 2.5 MHz
// at 2.7 V.
const freq = 2 * physic.MegaHertz

// Opts says how a touchscreen lies on its panel.
type Opts struct {
	// Size is the panel in pixels, as seen; points are clamped to it.
	Size image.Point
	// Rotation is by how many degrees the picture is turned clockwise on the glass:
	// 0, 90, 180 or 270 ([Affine.Turned]).
	Rotation int
	// Cal maps raw positions to pixels of the picture before Rotation, so it does not
	// depend on that. The zero Affine stretches the whole range of positions over the
	// panel: that of an input device, or of the usual film on an XPT2046, whose command D0
	// runs from 280 at the left to 3860 at the right, and command 90 from 340 at the top
	// to 3860 at the bottom.
	Cal Affine
}

func (o Opts) check() error {
	if o.Size.X <= 0 || o.Size.Y <= 0 {
		return fmt.Errorf("touch: size %v is not a panel's", o.Size)
	}
	return nil
}

// mapping returns the mapping of raw positions to pixels as seen. Where there is no
// calibration, the raw positions of the panel's edges make one.
func (o Opts) mapping(left, right, top, bottom int) Affine {
	upright := o.Size
	if o.Rotation%180 != 0 {
		upright = image.Pt(upright.Y, upright.X)
	}
	if o.Cal == (Affine{}) {
		o.Cal = Edges(upright, left, right, top, bottom)
	}
	return o.Cal.Turned(o.Rotation, upright)
}

// ErrAbsent says that nothing drives the data line: no chip, no power, a broken wire.
var ErrAbsent = errors.New("touch: the controller does not answer: check its power and wiring")

// Dev is a touch controller. It is used by one goroutine at a time; only Counters may be read
// by others.
type Dev struct {
	Counters Counters

	conn spi.Conn
	pen  Pen
	opts Opts
	cal  Affine // to pixels as seen

	w, r  []byte   // one measurement, sent and received
	short [10]byte // a shorter transfer, sent and received

	down   bool        // the last reading was a touch
	last   image.Point // its position
	jump   image.Point // a position too far from last, to be read twice
	jumped bool        // jump is set
}

// Counters are what a touch controller has done since NewSPI.
type Counters struct {
	Transfers atomic.Uint64 // on the bus
	Errors    atomic.Uint64 // of the bus or of the pen line
	Absent    atomic.Uint64 // transfers without an answer
	Unsteady  atomic.Uint64 // readings whose two rounds disagreed
}

// NewSPI connects to the chip, whose bus need not work yet. [Dev.Halt] or [Dev.Refresh] turns
// on a pen interrupt that another program has left off. A missing chip cannot always be told
// from an untouched panel; where it can, Read returns [ErrAbsent].
//
// pen may be nil: then every Read asks the chip. The caller owns port and line and closes
// them.
func NewSPI(p spi.Port, pen Pen, o Opts) (*Dev, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c, err := p.Connect(freq, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("touch: connect: %w", err)
	}
	w := script()
	return &Dev{conn: c, pen: pen, opts: o, cal: o.mapping(280, 3860, 340, 3860), w: w, r: make([]byte, len(w))}, nil
}

// String names the chip and the port.
func (d *Dev) String() string { return fmt.Sprintf("xpt2046{%s}", d.conn) }

// Halt powers the chip down with its pen interrupt on, which is also its state after
// each Read, and forgets a touch that was going on.
func (d *Dev) Halt() error {
	d.down, d.jumped = false, false
	return d.powerDown()
}
