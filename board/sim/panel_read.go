package sim

import "periph.io/x/conn/v3/physic"

// maxRead is the clock above which a read is a violation.
const maxRead = 6670 * physic.KiloHertz

// answer clocks out what a read command asked for, while MOSI is ignored. It
// returns how many bytes it used; when all is out the rest is input again.
func (p *panel) answer(w, r []byte) int {
	if p.clock.freq > maxRead {
		p.board.violate("panel", "%s (%02X) clocked above %s", p.cmd.name, p.cmdByte, maxRead)
	}
	n := 0
	for n < len(w) {
		if len(p.out) == 0 {
			if !p.readPixel {
				p.reading = false
				break
			}
			p.out = p.nextPixel()
		}
		if r != nil {
			r[n] = p.out[0]
			if p.opts.NoSDO {
				r[n] = 0xFF
			}
		}
		p.out = p.out[1:]
		n++
	}
	return n
}

// beginRead is RAMRDC: one dummy byte, then three bytes a pixel whatever COLMOD
// says.
func (p *panel) beginRead() {
	p.out = []byte{0}
	p.reading, p.readPixel, p.readAt = true, true, p.window
}

// nextPixel is the pixel under the pointer as R, G, B in bits 7-2.
func (p *panel) nextPixel() []byte {
	var v uint32
	if p.x < p.width() && p.y < p.height() {
		v = p.mem[p.at(p.x, p.y)]
	}
	p.x++
	if p.x > p.ec {
		p.x = p.sc
		if p.y++; p.y > p.ep {
			p.y = p.sp
		}
	}
	return []byte{byte(v>>12) << 2, byte(v>>6) << 2, byte(v) << 2}
}

// powerMode is the answer to RDDPM.
func (p *panel) powerMode() byte {
	return bit(!p.sleeping, 7) | bit(p.idle, 6) | bit(p.partial, 5) | bit(!p.sleeping, 4) |
		bit(!p.partial, 3) | bit(p.on, 2)
}

// status is the answer to RDDST: 32 bits after a dummy clock.
func (p *panel) status() []byte {
	return afterDummyClock(
		bit(!p.sleeping, 7)|p.madctl>>1&0x7E,
		(p.colmod&0x07)<<4|bit(p.idle, 3)|bit(p.partial, 2)|bit(!p.sleeping, 1)|bit(!p.partial, 0),
		bit(p.scrolling, 7)|bit(p.inverted, 5)|bit(p.on, 2)|bit(p.tearing, 1),
		0,
	)
}
