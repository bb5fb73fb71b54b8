package sim

import (
	"cmp"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// TouchOptions describe the resistive film: how it is mounted and how well it
// measures. A Left above Right mirrors, Swap exchanges the axes.
type TouchOptions struct {
	// Left and Right are the raw values of command D0 at the left and right
	// edge of the screen, Top and Bottom those of 90 at its top and bottom.
	// All zero: 280, 3860, 340, 3860. With Swap, Left and Right are those of
	// 90, Top and Bottom those of D0.
	Left, Right, Top, Bottom int
	Swap                     bool
	// Noise is how many counts a sample is off at most; 3 if 0, none if
	// negative.
	Noise int
	// Settle is by how many percent of the step between two channels the first
	// sample after the switch falls short; 4 if 0, none if negative.
	Settle int
	// Resistance of the contact in ohm: a firm finger has less. 300 if 0.
	Resistance int
}

// maxTouchClock is the clock above which a violation is noted.
const maxTouchClock = 2500 * physic.KiloHertz

// touch is the XPT2046 with its film.
type touch struct {
	board *Board
	fault Fault
	opts  TouchOptions

	// the film
	down   bool
	x, y   float64 // 0 to 1 across the film: left to right, top to bottom
	ghosts ghosts

	// serial interface, see touch_conversion.go
	clock        clock
	controlBits  int    // bits of a control byte so far; 0 while waiting for one
	control      byte   // the control byte
	startBlocked int    // clocks until a start bit counts again
	out          uint32 // what DOUT has still to send, next bit highest
	outBits      int    // clocks until the result is out
	busy         bool   // X, Y or Z is being converted: PENIRQ is low
	pd           byte   // PD1 PD0 of the last control byte
	refSince     time.Time
	lastChannel  byte // channel of the conversion before
	lastValue    float64
}

func newTouch(b *Board, o TouchOptions) *touch {
	if o.Left == 0 && o.Right == 0 && o.Top == 0 && o.Bottom == 0 {
		o.Left, o.Right, o.Top, o.Bottom = 280, 3860, 340, 3860
	}
	o.Noise = max(cmp.Or(o.Noise, 3), 0)
	o.Settle = max(cmp.Or(o.Settle, 4), 0)
	o.Resistance = cmp.Or(o.Resistance, 300)
	t := &touch{board: b, opts: o}
	t.powerUp()
	return t
}

func (t *touch) powerUp() {
	t.controlBits, t.startBlocked, t.out, t.outBits, t.busy, t.pd = 0, 0, 0, 0, false, 0
	t.lastChannel, t.lastValue, t.refSince = 0, 0, time.Time{}
	t.penIRQ()
}

func (t *touch) powerOff() { t.down = false }

func (t *touch) faultChanged() {
	t.ghosts.made = false
	t.penIRQ()
}

// penIRQ drives the line: low while X, Y or Z is converted, and on touch
// unless PD0 of the last control byte switched it off.
func (t *touch) penIRQ() {
	low := t.busy || t.contact().made && t.pd&1 == 0
	t.board.interrupt(lineTouchIRQ, low && !t.fault.Absent)
}

func (t *touch) selected(c clock) {
	t.clock = c
	if c.freq > maxTouchClock {
		t.board.violate("touch", "clocked above %s", maxTouchClock)
	}
	if c.mode != spi.Mode0 {
		t.board.violate("touch", "clocked in %v: mode 0 only, nothing is understood", c.mode)
	}
}

// deselected: DOUT floats, a conversion under way is lost.
func (t *touch) deselected() {
	t.controlBits, t.startBlocked, t.out = 0, 0, 0
	t.endConversion()
}

func (t *touch) shift(w, r []byte) {
	if t.fault.Stuck || t.clock.mode != spi.Mode0 {
		float(r, 0)
		return
	}
	for i, in := range w {
		var got byte
		for n := 7; n >= 0; n-- {
			got = got<<1 | t.bit(in>>n&1)
		}
		if r != nil {
			r[i] = got
		}
	}
}
