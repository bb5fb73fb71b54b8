// Package panel drives small colour displays whose controllers follow the MIPI Display
// Command Set (DCS) on four-line SPI: clock, data, chip select and a data/command line.
//
// One driver serves every [Model]; what differs between controllers is in a table
// (tables.go). Pixels are RGB565, most significant byte first. The panel keeps what was
// written, so only changed rectangles need to be sent.
//
// Sources: ILI9341 data sheet V1.11, ST7789V data sheet V1.3, ST7796S data sheet V1.0, and
// the power-on sequences that the Linux kernel's drivers send.
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
	// Model is the display controller, one of [Models]; empty means the first.
	Model Model
	// Rotation is by how many degrees the picture is turned clockwise on the glass: 0,
	// 90, 180 or 270. At 90 its origin is the glass's upper right corner, and x runs
	// down the glass; at 90 and 270 width and height change places.
	Rotation int
	// Invert shows each colour as its complement: for glass, mostly IPS, that would
	// show a negative otherwise.
	Invert bool
	// SwapRedBlue is for glass with red and blue the other way round.
	SwapRedBlue bool
	// ReadBack makes Init and Refresh read back settings, to detect that the panel is
	// gone ([ErrAbsent]); for modules whose data output is wired. The port must have
	// LimitSpeed, as periph's ports do: the driver lowers the clock to read.
	ReadBack bool
}

// freq is the highest clock; the port may be slower. The ILI9341's data sheet promises
// 10 MHz (write cycle 100 ns); modules with short wires run at 24 to 40 MHz.
const freq = 32 * physic.MegaHertz

// ErrBounds is wrapped by Write when the rectangle or the pixels do not fit.
var ErrBounds = errors.New("outside the panel")

// Dev is a display. It is used by one goroutine at a time; only Counters may be read
// by others.
type Dev struct {
	Counters Counters

	conn      spi.Conn
	dc, reset Line
	table     *table
	opts      Opts
	size      image.Point
	chunk     int // most pixel bytes in one transfer, even

	port     limiter // for reading back; nil: not wanted
	answered bool    // it was once read back as expected

	buf      [1 + maxParams]byte
	back     [2]byte
	win      image.Rectangle // what CASET and PASET hold; empty: unknown
	sleepOut time.Time       // the SLPOUT of Init
}

// Counters are what a display has done since NewSPI.
type Counters struct {
	Transfers atomic.Uint64 // on the bus
	Bytes     atomic.Uint64 // on the bus, commands and parameters included
	Errors    atomic.Uint64 // of the bus or of a line
	Inits     atomic.Uint64
	Absent    atomic.Uint64 // how often a panel that once answered did not
	Lost      atomic.Uint64 // how often it had lost its settings: it was reset, or disturbed
}

// NewSPI connects to a display; [Dev.Init] initialises it, now or once its bus works. dc is
// the data/command line (1 = data); reset may be nil (1 = held in reset). Errors are those
// of the port and the options: an absent panel is not detected. The caller keeps port and
// lines and closes them.
func NewSPI(p spi.Port, dc, reset Line, o Opts) (*Dev, error) {
	d := &Dev{dc: dc, reset: reset, opts: o, table: tableOf(o.Model)}
	if dc == nil {
		return nil, errors.New("panel: no data/command line: the display needs one")
	}
	if r := o.Rotation; r%90 != 0 || r < 0 || r > 270 {
		return nil, fmt.Errorf("panel: rotation is %d degrees: it must be 0, 90, 180 or 270", r)
	}
	if d.table == nil {
		return nil, fmt.Errorf("panel: unknown controller %q", o.Model)
	}
	d.size = d.table.size
	if o.Rotation%180 != 0 {
		d.size.X, d.size.Y = d.size.Y, d.size.X
	}
	var err error
	if d.conn, err = p.Connect(freq, spi.Mode0, 8); err != nil {
		return nil, fmt.Errorf("panel: connect: %w", err)
	}
	if o.ReadBack {
		var ok bool
		if d.port, ok = p.(limiter); !ok {
			return nil, errors.New("panel: read back: this port cannot lower its clock")
		}
	}
	d.chunk = chunkSize(d.conn)
	return d, nil
}

// chunkSize is the port's limit for one transfer, rounded down to whole pixels; 4096 bytes,
// spidev's default, where the port names none.
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
	return fmt.Sprintf("%s{%s, %dx%d}", d.table.model, d.conn, d.size.X, d.size.Y)
}

// Size is the visible size in pixels, after rotation.
func (d *Dev) Size() image.Point { return d.size }
