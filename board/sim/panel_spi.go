package sim

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/spi"
)

func (p *panel) selected(c clock) {
	p.window++
	p.clock = c
	if m := c.mode; m != spi.Mode0 && m != spi.Mode3 {
		p.board.violate("panel", "clocked in %v: data is taken on the rising edge, modes 0 and 3 only", m)
	}
	if c.freq > p.opts.MaxWrite {
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
	data, before := p.board.lines[linePanelDC].active, p.look
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
	if p.look != before {
		p.redraw()
	}
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
	if why := p.refusal(); why != "" {
		p.board.violate("panel", "%s", why)
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

// refusal is why the controller does not take the command; "" if it does.
func (p *panel) refusal() string {
	now := time.Now()
	switch {
	case p.cmd == nil:
		return fmt.Sprintf("unknown command %02X: taken for NOP", p.cmdByte)
	case p.cmd.anytime:
	case now.Before(p.busyUntil):
		return p.cmd.name + " within 5 ms of " + p.busyAfter + ": lost"
	case p.cmdByte == 0x11 && p.sleeping && now.Before(p.sleepOutFrom):
		return "SLPOUT within 120 ms of SLPIN or of a reset out of sleep-out: lost"
	case p.cmdByte == 0x10 && !p.sleeping && now.Before(p.sleepInFrom):
		return "SLPIN within 120 ms of SLPOUT: lost"
	case p.cmd.locked && p.csc != cscPart1|cscPart2:
		return fmt.Sprintf("%02X while command table 2 is locked (F0 C3, F0 96 unlock it): ignored", p.cmdByte)
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
