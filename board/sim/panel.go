package sim

import (
	"fmt"
	"image"
	"time"

	"periph.io/x/conn/v3/physic"
)

// panel is a display controller of the MIPI DCS family on the 4-line serial
// interface with its glass: what its models share.
type panel struct {
	board *Board
	fault Fault
	opts  PanelOptions
	model *panelModel

	// the wire
	clock     clock
	window    int // counts chip select windows
	cmd       *command
	cmdByte   byte
	got       int // parameters so far
	out       []byte
	reading   bool // an answer is going out
	readAt    int  // the window in which the read command came
	readPixel bool // the answer is pixels

	// time
	resetAt      time.Time // RESX fell
	inReset      bool
	busyUntil    time.Time // commands are lost before it
	busyAfter    string    // the command that asks for the wait
	sleepOutFrom time.Time // SLPOUT is lost before it
	sleepInFrom  time.Time // SLPIN is lost before it

	// registers
	sleeping, on, inverted, idle, partial, scrolling, tearing, wrap bool
	madctl, colmod, extIndex                                        byte
	lcm                                                             byte // ST7789: LCMCTRL, as what it changes
	csc                                                             byte // ST7796S: the parts of table 2 that are open
	little                                                          bool // pixels come low byte first
	gateUp, sourceRight                                             bool // the glass is scanned the other way
	lines                                                           int  // of the glass that are driven
	sc, ec, sp, ep                                                  int  // window, inclusive
	partialFrom, partialTo                                          int
	scrollTop, scrollRows, scrollFrom                               int
	scrollArgs                                                      [6]byte

	memory
}

// waits of the data sheets (SWRESET, SLPIN, SLPOUT, reset timing), the same for
// all models.
const (
	commandWait = 5 * time.Millisecond
	sleepWait   = 120 * time.Millisecond
	resetPulse  = 10 * time.Microsecond
)

func newPanel(b *Board, o PanelOptions) *panel {
	m := newPanelModel(o.Model)
	if o.MaxWrite == 0 {
		o.MaxWrite = m.maxWrite
	}
	if o.MaxRead == 0 {
		o.MaxRead = 6670 * physic.KiloHertz
	}
	if o.Rotation%90 != 0 || o.Rotation < 0 || o.Rotation > 270 {
		panic(fmt.Sprintf("sim: a panel turned by %d degrees", o.Rotation))
	}
	if o.ID == [3]byte{} {
		o.ID = m.id
	}
	if o.Glass == "" {
		o.Glass = m.glass
	}
	if o.Glass != glassTN && o.Glass != glassIPS {
		panic("sim: unknown glass " + o.Glass)
	}
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
	p.hardReset()
	p.busyUntil, p.sleepOutFrom, p.sleepInFrom = time.Time{}, time.Time{}, time.Time{}
	p.cmd, p.reading, p.out = nil, false, nil
}

func (p *panel) faultChanged() { p.redraw() }

// registersReset is what SWRESET and RESX have in common.
func (p *panel) registersReset() {
	p.sleeping, p.on = true, false
	p.inverted, p.idle, p.partial, p.scrolling, p.tearing = false, false, false, false, false
	p.wrap, p.colmod, p.extIndex = true, p.model.colmod, 0
	p.csc, p.little, p.gateUp, p.sourceRight, p.lines = 0, false, false, false, p.model.rows
	p.setLCM(lcmReset)
	p.sc, p.sp = 0, 0
	p.partialFrom, p.partialTo = 0, p.model.rows-1
	p.scrollTop, p.scrollRows, p.scrollFrom = 0, p.model.rows, 0
	p.writing, p.pending = false, 0
	p.redraw()
}

func (p *panel) hardReset() {
	p.registersReset()
	p.setMADCTL(0)
	p.ec, p.ep = p.model.cols-1, p.model.rows-1
}

// softReset is SWRESET: MADCTL stays, and with MV set the address ranges are
// swapped.
func (p *panel) softReset() {
	wasOut := !p.sleeping
	p.registersReset()
	p.ec, p.ep = p.width()-1, p.height()-1
	p.waitAfter("SWRESET")
	if wasOut {
		p.sleepOutFrom = time.Now().Add(sleepWait)
	}
}

// reset is the RESX line; active is low.
func (p *panel) reset(active bool) {
	now := time.Now()
	if active {
		p.inReset, p.resetAt = true, now
		p.redraw()
		return
	}
	p.inReset = false
	p.redraw()
	if now.Sub(p.resetAt) < resetPulse {
		p.board.violate("panel", "RESX was low for less than 10 us: not a reset")
		return
	}
	wasOut := !p.sleeping
	p.hardReset()
	p.cmd, p.reading = nil, false
	p.waitAfter("RESX")
	if wasOut {
		p.sleepOutFrom = now.Add(sleepWait)
	}
}

func (p *panel) sleepIn() {
	if p.sleeping {
		return
	}
	p.sleeping = true
	p.redraw()
	p.waitAfter("SLPIN")
	p.sleepOutFrom = time.Now().Add(sleepWait)
}

func (p *panel) sleepOut() {
	if !p.sleeping {
		return
	}
	p.sleeping = false
	p.redraw()
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
