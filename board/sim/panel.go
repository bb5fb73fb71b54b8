package sim

import (
	"cmp"
	"errors"
	"image"
	"time"
)

// panel is a display controller of the MIPI DCS family on the 4-line serial
// interface, with its glass: what its models share.
type panel struct {
	board *Board
	fault Fault
	opts  PanelOptions
	model *panelModel

	// serial interface
	clock     clock
	window    int // counts chip select windows
	cmd       *command
	cmdByte   byte
	got       int // parameters so far
	out       []byte
	reading   bool // an answer is going out
	readAt    int  // the window in which the read command came
	readPixel bool // the answer is pixels

	// waiting times
	resetAt      time.Time // RESX fell
	inReset      bool
	busyUntil    time.Time // commands are lost before it
	busyAfter    string    // the command that asks for the wait
	sleepOutFrom time.Time // SLPOUT is lost before it
	sleepInFrom  time.Time // SLPIN is lost before it

	// registers
	look
	tearing, wrap  bool
	colmod         byte
	extIndex       byte
	csc            byte // ST7796S: the parts of table 2 that are open
	little         bool // pixels come low byte first
	sc, ec, sp, ep int  // window, inclusive
	scrollArgs     [6]byte

	memory
}

// look is the registers that decide what the glass shows of the memory.
type look struct {
	sleeping, on, inverted, idle, partial, scrolling bool

	madctl, lcm                       byte // lcm: LCMCTRL of the ST7789, as bits that differ from its reset value
	gateUp, sourceRight               bool // gates or sources run the other way
	lines                             int  // of the glass that are scanned
	partialFrom, partialTo            int
	scrollTop, scrollRows, scrollFrom int
}

// waits of the data sheets (SWRESET, SLPIN, SLPOUT, reset timing), the same for
// all models.
const (
	commandWait = 5 * time.Millisecond
	sleepWait   = 120 * time.Millisecond
	resetPulse  = 10 * time.Microsecond
)

func newPanel(b *Board, o PanelOptions) *panel {
	if err := errors.Join(o.Check()...); err != nil {
		panic(err)
	}
	m := panelModels()[cmp.Or(o.Model, defaultPanel)]()
	o.MaxWrite, o.ID, o.Glass = cmp.Or(o.MaxWrite, m.maxWrite), cmp.Or(o.ID, m.id), cmp.Or(o.Glass, m.glass)
	p := &panel{board: b, opts: o, model: m}
	p.mem = make([]uint32, p.model.cols*p.model.rows)
	p.powerUp()
	return p
}

func (p *panel) powerUp() {
	for i := range p.mem {
		p.mem[i] = p.board.rng.Uint32() & 0x3FFFF
	}
	p.redraw()
	p.registersReset(0)
	p.busyUntil, p.sleepOutFrom, p.sleepInFrom = time.Time{}, time.Time{}, time.Time{}
	p.cmd, p.reading, p.out = nil, false, nil
}

func (p *panel) faultChanged() { p.redraw() }

// registersReset sets all registers as after SWRESET and RESX, and MADCTL, which
// SWRESET keeps. With MV set in it the address ranges are swapped.
func (p *panel) registersReset(madctl byte) {
	rows := p.model.rows
	p.look = look{sleeping: true, lines: rows, partialTo: rows - 1, scrollRows: rows}
	p.tearing, p.wrap, p.colmod, p.extIndex, p.csc, p.little = false, true, p.model.colmod, 0, 0, false
	p.setMADCTL(madctl)
	p.sc, p.sp, p.ec, p.ep = 0, 0, p.width()-1, p.height()-1
	p.writing, p.pending = false, 0
}

// restart is a reset of the running controller, and the waits that it asks for.
func (p *panel) restart(how string, madctl byte) {
	wasOut := !p.sleeping
	p.registersReset(madctl)
	p.waitAfter(how)
	if wasOut {
		p.sleepOutFrom = time.Now().Add(sleepWait)
	}
}

// reset is the RESX line; active is low.
func (p *panel) reset(active bool) {
	defer p.redraw()
	now := time.Now()
	p.inReset = active
	switch {
	case active:
		p.resetAt = now
	case now.Sub(p.resetAt) < resetPulse:
		p.board.violate("panel", "RESX was low for less than 10 us: not a reset")
	default:
		p.restart("RESX", 0)
		p.cmd, p.reading = nil, false
	}
}

func (p *panel) sleepIn() {
	if p.sleeping {
		return
	}
	p.sleeping = true
	p.waitAfter("SLPIN")
	p.sleepOutFrom = time.Now().Add(sleepWait)
}

func (p *panel) sleepOut() {
	if !p.sleeping {
		return
	}
	p.sleeping = false
	p.waitAfter("SLPOUT")
	p.sleepInFrom = time.Now().Add(sleepWait)
}

func (p *panel) waitAfter(what string) {
	p.busyUntil, p.busyAfter = time.Now().Add(commandWait), what
}

// viewSize is the size of what a viewer sees.
func (p *panel) viewSize() image.Point {
	if p.opts.Rotation == 90 || p.opts.Rotation == 270 {
		return image.Pt(p.model.rows, p.model.cols)
	}
	return image.Pt(p.model.cols, p.model.rows)
}
