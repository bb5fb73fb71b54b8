// Package panel drives small colour displays whose controllers follow the MIPI
// Display Command Set (DCS) on four-line SPI: clock, data, chip select and a
// data/command line.
//
// One driver serves every [Model]; what differs between controllers is in a table
// (tables.go). Pixels are RGB565, most significant byte first, as the
// controllers take them. The panel keeps what was written, so only changed
// rectangles need to be sent.
//
// Sources: ILI9341 data sheet V1.11, ST7789V data sheet V1.3, ST7796S data sheet
// V1.0, and the power-on sequences that the Linux kernel's drivers send.
package panel

import (
	"errors"
	"fmt"
	"image"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Line is an output line; 1 is its active state. *gpiocdev.Line fits.
type Line interface {
	SetValue(value int) error
}

// Opts holds what differs between modules with the same driver.
type Opts struct {
	// Model is the display controller; empty means ILI9341.
	Model Model
	// Rotation is by how many degrees the picture is turned clockwise on the glass: 0,
	// 90, 180 or 270. At 90 its origin is the glass's upper right corner, and x runs
	// down the glass; at 90 and 270 width and height change places.
	Rotation int
	// Freq is the highest clock; 0 means that of DefaultOpts. The port may be slower.
	// The ILI9341's data sheet promises 10 MHz (write cycle 100 ns); modules
	// with short wires usually run at 24 to 40 MHz.
	Freq physic.Frequency
	// Invert shows each colour as its complement: for glass, mostly IPS, that would
	// show a negative otherwise.
	Invert bool
	// ReadBack makes Init and Refresh read back settings, to detect that the panel is
	// gone ([ErrAbsent]); for modules whose data output is wired. Reading is slow: the
	// driver lowers the port's clock for it (LimitSpeed, as periph's ports have it) and
	// then sets it to Freq, which must therefore be a clock that the wiring takes.
	ReadBack bool
	// SwapRedBlue is for glass with red and blue the other way round.
	SwapRedBlue bool
}

// DefaultOpts fits the common 2.4 to 3.2 inch ILI9341 modules.
var DefaultOpts = Opts{Model: ILI9341, Freq: 32 * physic.MegaHertz}

// ErrBounds is wrapped by Write when the rectangle or the pixels do not fit.
var ErrBounds = errors.New("outside the panel")

// Dev is a display. It is used by one goroutine at a time; only Counters may be
// called by others.
type Dev struct {
	conn      spi.Conn
	dc, reset Line
	table     *table
	opts      Opts
	size      image.Point
	chunk     int // most pixel bytes in one transfer, even

	port     limiter // for reading back; nil: not wanted
	answered bool    // it was once read back as expected

	buf          [1 + maxParams]byte
	back         [2]byte
	win          image.Rectangle // what CASET and PASET hold, if winSet
	winSet       bool
	asleep       bool
	sleepChanged time.Time // the last SLPIN or SLPOUT

	count counters
}

// NewSPI connects to a display; [Dev.Init] initialises it, now or once its bus
// works. dc is the data/command line (1 = data); reset may be nil (1 = held in
// reset). It does not detect an absent panel: errors are those of the port and the
// options.
//
// The caller keeps port and lines and closes them. o may be nil.
func NewSPI(p spi.Port, dc, reset Line, o *Opts) (*Dev, error) {
	if o == nil {
		o = &DefaultOpts
	}
	if dc == nil {
		return nil, errors.New("panel: no data/command line: the display needs one")
	}
	d := &Dev{dc: dc, reset: reset, opts: *o}
	if d.opts.Model == "" {
		d.opts.Model = ILI9341
	}
	if d.opts.Freq == 0 {
		d.opts.Freq = DefaultOpts.Freq
	}
	if r := d.opts.Rotation; r%90 != 0 || r < 0 || r > 270 {
		return nil, fmt.Errorf("panel: rotation is %d degrees: it must be 0, 90, 180 or 270", r)
	}
	if d.table = tableOf(d.opts.Model); d.table == nil {
		return nil, fmt.Errorf("panel: unknown controller %q", d.opts.Model)
	}
	d.size = d.table.size
	if d.opts.Rotation%180 != 0 {
		d.size.X, d.size.Y = d.size.Y, d.size.X
	}
	c, err := p.Connect(d.opts.Freq, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("panel: connect: %w", err)
	}
	d.conn = c
	if d.opts.ReadBack {
		var ok bool
		if d.port, ok = p.(limiter); !ok {
			return nil, errors.New("panel: read back: this port cannot lower its clock")
		}
	}
	d.chunk = chunkSize(c)
	return d, nil
}

// chunkSize is the port's limit for one transfer, rounded down to whole pixels;
// 4096 bytes, spidev's default, where the port names none.
func chunkSize(c spi.Conn) int {
	n := 0
	if l, ok := c.(conn.Limits); ok {
		n = l.MaxTxSize()
	}
	if n < 2 {
		n = 4096
	}
	return n &^ 1
}

// String names the controller and the port.
func (d *Dev) String() string {
	return fmt.Sprintf("%s{%s, %dx%d}", d.opts.Model, d.conn, d.size.X, d.size.Y)
}

// Size is the visible size in pixels, after rotation.
func (d *Dev) Size() image.Point { return d.size }

// Halt switches the display off and puts it to sleep; what was written stays in
// its memory. [Dev.Wake] brings it back.
func (d *Dev) Halt() error { return d.Sleep() }

// Counters are what a display has done since NewSPI.
type Counters struct {
	Transfers uint64 // on the bus
	Bytes     uint64 // on the bus, commands and parameters included
	Errors    uint64 // of the bus or of a line
	Inits     uint64 // Init
	Refreshes uint64
	Absent    uint64 // how often a panel that once answered did not
	Lost      uint64 // how often it had lost its settings: it was reset, or disturbed
}

type counters struct {
	transfers, bytes, errors, inits, refreshes, absent, lost atomic.Uint64
}

// Counters may be called from any goroutine.
func (d *Dev) Counters() Counters {
	return Counters{
		Transfers: d.count.transfers.Load(),
		Bytes:     d.count.bytes.Load(),
		Errors:    d.count.errors.Load(),
		Inits:     d.count.inits.Load(),
		Refreshes: d.count.refreshes.Load(),
		Absent:    d.count.absent.Load(),
		Lost:      d.count.lost.Load(),
	}
}
