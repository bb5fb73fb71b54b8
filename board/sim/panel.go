package sim

import (
	"fmt"
	"image"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// panel is a display controller of the MIPI DCS family on the 4-line serial
// interface with its glass: the command side. The data sheet it keeps to is
// the ILI9341's.
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
	sc, ec, sp, ep                                                  int // window, inclusive
	partialFrom, partialTo                                          int
	scrollTop, scrollRows, scrollFrom                               int
	scrollArgs                                                      [6]byte

	memory
}

// waits of the ILI9341 data sheet (SWRESET, SLPIN, SLPOUT, reset timing).
const (
	commandWait = 5 * time.Millisecond
	sleepWait   = 120 * time.Millisecond
	resetPulse  = 10 * time.Microsecond
)

func newPanel(b *Board, o PanelOptions) *panel {
	if o.MaxWrite == 0 {
		o.MaxWrite = 40 * physic.MegaHertz
	}
	if o.MaxRead == 0 {
		o.MaxRead = 6670 * physic.KiloHertz
	}
	if o.Rotation%90 != 0 || o.Rotation < 0 || o.Rotation > 270 {
		panic(fmt.Sprintf("sim: a panel turned by %d degrees", o.Rotation))
	}
	p := &panel{board: b, opts: o, model: newPanelModel(o.Model)}
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

func (p *panel) selected(c clock) {
	p.window++
	p.clock = c
	if m := c.mode; m != spi.Mode0 && m != spi.Mode3 {
		p.board.violate("panel", "clocked in %v: data is taken on the rising edge, modes 0 and 3 only", m)
	}
	if physic.Frequency(c.hz)*physic.Hertz > p.opts.MaxWrite {
		p.board.violate("panel", "clocked above %s", p.opts.MaxWrite)
	}
}

func (p *panel) deselected() {}

func (p *panel) shift(w, r []byte) {
	dead := p.inReset || p.fault.Stuck || p.clock.mode == spi.Mode1 || p.clock.mode == spi.Mode2
	if p.inReset {
		p.board.violate("panel", "bytes while RESX is low: lost")
	}
	if dead {
		float(r, p.floating())
		return
	}
	data := p.board.lines[linePanelDC].active
	for len(w) > 0 {
		n := len(w)
		if p.reading && (data || p.window == p.readAt) {
			n = p.answer(w, r)
		} else {
			p.reading = false
			if data {
				p.data(w)
			} else {
				p.command(w[0])
				n = 1
			}
			if r != nil {
				float(r[:n], p.floating())
			}
		}
		w = w[n:]
		if r != nil {
			r = r[n:]
		}
	}
	p.flushDirty()
}

// floating is what SDO reads while the controller does not drive it.
func (p *panel) floating() byte {
	if p.opts.NoSDO {
		return 0xFF
	}
	return 0x00
}

// command takes a byte with D/C low.
func (p *panel) command(c byte) {
	if p.pending > 0 {
		p.board.violate("panel", "half a pixel before the next command: dropped")
	}
	p.writing, p.pending = false, 0
	p.cmd, p.cmdByte, p.got = p.model.commands[c], c, 0
	if p.cmd == nil {
		p.board.violate("panel", "unknown command %02X: taken for NOP", c)
		p.cmd = &command{params: anyParams}
		return
	}
	if why := p.tooEarly(); why != "" {
		p.board.violate("panel", "%s: lost", why)
		p.cmd = &command{params: anyParams}
		return
	}
	if p.cmd.start != nil {
		p.cmd.start(p)
	}
	if p.cmd.read != nil {
		p.out = p.cmd.read(p)
		p.reading, p.readPixel, p.readAt = true, false, p.window
	}
}

// tooEarly says why the controller does not take the command yet; "" if it does.
func (p *panel) tooEarly() string {
	now := time.Now()
	switch {
	case p.cmd.anytime:
	case now.Before(p.busyUntil):
		return p.cmd.name + " within 5 ms of " + p.busyAfter
	case p.cmdByte == 0x11 && p.sleeping && now.Before(p.sleepOutFrom):
		return "SLPOUT within 120 ms of SLPIN or of a reset out of sleep-out"
	case p.cmdByte == 0x10 && !p.sleeping && now.Before(p.sleepInFrom):
		return "SLPIN within 120 ms of SLPOUT"
	}
	return ""
}

// data takes bytes with D/C high.
func (p *panel) data(w []byte) {
	switch {
	case p.writing:
		p.pixels(w)
	case p.cmd == nil:
		p.board.violate("panel", "data before any command: ignored")
	default:
		for _, v := range w {
			if p.got >= p.cmd.params {
				if p.cmd.params != anyParams {
					p.board.violate("panel", "more data than %s (%02X) takes: ignored", p.cmd.name, p.cmdByte)
				}
				return
			}
			if p.cmd.param != nil {
				p.cmd.param(p, p.got, v)
			}
			p.got++
		}
	}
}

// viewSize is the size of what a viewer sees.
func (p *panel) viewSize() image.Point {
	if p.opts.Rotation == 90 || p.opts.Rotation == 270 {
		return image.Pt(p.model.rows, p.model.cols)
	}
	return image.Pt(p.model.cols, p.model.rows)
}
