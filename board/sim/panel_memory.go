package sim

import "image"

// memory is the panel's memory and the pointer through which pixels reach it.
type memory struct {
	mem     []uint32 // cols x rows, 18 bit: RRRRRRGGGGGGBBBBBB
	writing bool     // after RAMWR or RAMWRC
	x, y    int      // the pointer, as CASET and PASET count
	full    bool     // the window is full and nothing wraps
	half    [3]byte  // the bytes of a pixel that is not complete
	pending int
	origin  int // index of the pixel (0, 0)
	stepX   int // and how the index grows with x and y
	stepY   int
	dirty   image.Rectangle // memory columns and rows
}

// MADCTL bits.
const (
	madMY  = 0x80
	madMX  = 0x40
	madMV  = 0x20
	madBGR = 0x08
)

// setMADCTL sets how CASET and PASET address the memory: MV swaps them, then
// MX mirrors columns and MY rows. BGR works on the way to the glass; ML and MH
// change the order of refresh, which is not visible.
func (p *panel) setMADCTL(v byte) {
	p.madctl = v
	v = p.access()
	cols, rows := p.model.cols, p.model.rows
	p.origin = 0
	col, row := 1, cols
	if v&madMX != 0 {
		p.origin += cols - 1
		col = -col
	}
	if v&madMY != 0 {
		p.origin += cols * (rows - 1)
		row = -row
	}
	p.stepX, p.stepY = col, row
	if v&madMV != 0 {
		p.stepX, p.stepY = row, col
	}
}

func (p *panel) setCOLMOD(_ int, v byte) {
	if d := v & 0x07; d != 5 && d != 6 {
		p.board.violate("panel", "COLMOD %02X: the format does not exist or is not emulated, ignored", v)
		return
	}
	p.colmod = v
}

// width and height are the address ranges under the current MV.
func (p *panel) width() int {
	if p.access()&madMV != 0 {
		return p.model.rows
	}
	return p.model.cols
}

func (p *panel) height() int {
	if p.access()&madMV != 0 {
		return p.model.cols
	}
	return p.model.rows
}

// at is the index of the pixel (x, y).
func (p *panel) at(x, y int) int { return p.origin + x*p.stepX + y*p.stepY }

// toWindowStart is what RAMWR and RAMRD do before RAMWRC and RAMRDC.
func (p *panel) toWindowStart() { p.x, p.y, p.full = p.sc, p.sp, false }

// beginWrite is RAMWRC.
func (p *panel) beginWrite() {
	p.writing = true
	switch {
	case p.sc > p.ec || p.sp > p.ep:
		p.board.violate("panel", "a window with its start behind its end: pixels ignored")
	case p.ec >= p.width() || p.ep >= p.height():
		p.board.violate("panel", "a window outside the memory under the current MADCTL: pixels outside ignored")
	}
}

// pixels takes bytes of pixels. Only complete pixels are stored; the rest
// waits for its other bytes.
func (p *panel) pixels(w []byte) {
	size := 2
	if p.colmod&0x07 == 6 {
		size = 3
	}
	for p.pending > 0 && len(w) > 0 {
		p.half[p.pending] = w[0]
		p.pending++
		w = w[1:]
		if p.pending == size {
			p.pending = 0
			p.store(p.half[:size], size)
		}
	}
	whole := len(w) - len(w)%size
	p.store(w[:whole], size)
	p.pending += copy(p.half[p.pending:], w[whole:])
}

// store writes whole pixels, row by row of the window.
func (p *panel) store(w []byte, size int) {
	if p.sc > p.ec || p.sp > p.ep {
		return
	}
	for len(w) > 0 {
		if p.full {
			p.board.violate("panel", "more pixels than the window holds")
			if !p.wrap {
				return
			}
			p.full = false
		}
		n := max(0, min(p.ec-p.x+1, len(w)/size)) // 0 if the window shrank before RAMWRC
		p.run(w[:n*size], size)
		w = w[n*size:]
		p.x += n
		if p.x > p.ec {
			p.x = p.sc
			if p.y++; p.y > p.ep {
				p.y, p.full = p.sp, true
			}
		}
	}
}

// run writes pixels of one row, from the pointer on, up to the edge of the memory.
func (p *panel) run(w []byte, size int) {
	n := min(len(w)/size, p.width()-p.x)
	if n <= 0 || p.y >= p.height() {
		return
	}
	i, step := p.at(p.x, p.y), p.stepX
	p.touched(i, i+(n-1)*step)
	w = w[:n*size]
	if size == 2 {
		high, low := 0, 1
		if p.little {
			high, low = 1, 0
		}
		for ; len(w) >= 2; w = w[2:] {
			v := uint32(w[high])<<8 | uint32(w[low])
			// 5 bits become 6 by repeating the highest (EPF 00).
			red, blue := v>>11, v&31
			p.mem[i] = red<<13 | red>>4<<12 | v>>5&63<<6 | blue<<1 | blue>>4
			i += step
		}
		return
	}
	for ; len(w) >= 3; w = w[3:] {
		p.mem[i] = uint32(w[0])>>2<<12 | uint32(w[1])>>2<<6 | uint32(w[2])>>2
		i += step
	}
}

// touched notes that the memory between two pixels of one row or one column
// changed.
func (p *panel) touched(i, j int) {
	if j < i {
		i, j = j, i
	}
	cols := p.model.cols
	p.dirty = p.dirty.Union(image.Rect(i%cols, i/cols, j%cols+1, j/cols+1))
}
