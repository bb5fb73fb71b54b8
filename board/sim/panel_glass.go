package sim

import (
	"encoding/binary"
	"image"
)

// visible reports whether the glass shows the memory at all.
func (p *panel) visible() bool {
	return !p.sleeping && p.on && !p.inReset && !p.fault.Absent
}

// redraw marks all that a viewer sees as changed.
func (p *panel) redraw() {
	p.board.screenChanged(image.Rectangle{Max: p.viewSize()})
}

// flushDirty tells the views which of their pixels changed.
func (p *panel) flushDirty() {
	d := p.dirty
	p.dirty = image.Rectangle{}
	if d.Empty() || !p.visible() {
		return
	}
	if p.scrolling {
		d = image.Rect(0, 0, p.model.cols, p.model.rows)
	}
	a, b := p.toView(d.Min), p.toView(d.Max.Sub(image.Pt(1, 1)))
	r := image.Rectangle{Min: a, Max: b}.Canon()
	r.Max = r.Max.Add(image.Pt(1, 1))
	p.board.screenChanged(r)
}

// toView is where the viewer sees a place of the memory (column, row), with
// scrolling left out; fromView is its inverse.
func (p *panel) toView(m image.Point) image.Point {
	return turn(p.scan(m), image.Pt(p.model.cols, p.model.rows), p.opts.Rotation)
}

func (p *panel) fromView(v image.Point) image.Point { return p.scan(p.glass(v)) }

// glass is the place on the upright glass that a viewer sees at v.
func (p *panel) glass(v image.Point) image.Point {
	return turn(v, p.viewSize(), 360-p.opts.Rotation)
}

// turn is where a point of a picture of that size goes when the picture is
// turned counter-clockwise.
func turn(at, size image.Point, degrees int) image.Point {
	switch degrees {
	case 90:
		return image.Pt(at.Y, size.X-1-at.X)
	case 180:
		return image.Pt(size.X-1-at.X, size.Y-1-at.Y)
	case 270:
		return image.Pt(size.Y-1-at.Y, at.X)
	}
	return at
}

// scan is where sources and gates put a place of the memory on the upright
// glass, and back.
func (p *panel) scan(g image.Point) image.Point {
	if p.model.mirrorX != p.sourceRight {
		g.X = p.model.cols - 1 - g.X
	}
	if p.gateUp != (p.lcm&lcmXGS != 0) {
		g.Y = p.model.rows - 1 - g.Y
	}
	return g
}

// render draws the part r of what a viewer sees.
func (p *panel) render(img *image.RGBA, r image.Rectangle) {
	visible := p.visible()
	swap := (p.access()&madBGR != 0) != p.model.bgrGlass
	invert := p.inverted != (p.opts.Glass == glassIPS) != (p.lcm&lcmXINV != 0)
	// One step to the right on the glass is one step in the memory.
	step := p.fromView(image.Pt(1, 0)).Sub(p.fromView(image.Point{}))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		at := p.fromView(image.Pt(r.Min.X, y))
		pix := img.Pix[img.PixOffset(r.Min.X, y) : img.PixOffset(r.Max.X-1, y)+4]
		for ; len(pix) >= 4; pix = pix[4:] {
			var v uint32
			if visible && at.Y < p.lines && (!p.partial || p.inPartial(at.Y)) {
				v = p.mem[p.lineSource(at.Y)*p.model.cols+at.X]
				if p.idle {
					v = v >> 5 & 0o010101 * 63 // the highest bit of each colour
				}
				if invert {
					v ^= 0x3FFFF
				}
			}
			red, green, blue := byte(v>>12), byte(v>>6&63), byte(v&63)
			if swap {
				red, blue = blue, red
			}
			pix[0], pix[1], pix[2], pix[3] = red<<2|red>>4, green<<2|green>>4, blue<<2|blue>>4, 0xFF
			at = at.Add(step)
		}
	}
}

// inPartial reports whether a line is in the partial area, which may wrap round.
func (p *panel) inPartial(line int) bool {
	if p.partialFrom <= p.partialTo {
		return line >= p.partialFrom && line <= p.partialTo
	}
	return line >= p.partialFrom || line <= p.partialTo
}

// lineSource is the memory row that a line of the glass shows: its own, or in
// the scroll area the one that scrolling brought there.
func (p *panel) lineSource(line int) int {
	if !p.scrolling || line < p.scrollTop || line >= p.scrollTop+p.scrollRows {
		return line
	}
	n := line - p.scrollTop + p.scrollFrom - p.scrollTop
	return p.scrollTop + ((n%p.scrollRows)+p.scrollRows)%p.scrollRows
}

// scrollArea is VSCRDEF: how many lines are fixed at the top, scroll, are
// fixed at the bottom. It holds when all three are in.
func (p *panel) scrollArea(i int, v byte) {
	p.scrollArgs[i] = v
	if i < 5 {
		return
	}
	top := int(binary.BigEndian.Uint16(p.scrollArgs[0:]))
	rows := int(binary.BigEndian.Uint16(p.scrollArgs[2:]))
	bottom := int(binary.BigEndian.Uint16(p.scrollArgs[4:]))
	if top+rows+bottom != p.model.rows {
		p.board.violate("panel", "VSCRDEF: the three areas do not add up to %d lines: ignored", p.model.rows)
		return
	}
	p.scrollTop, p.scrollRows = top, rows
}

// scrollStart is VSCRSADD: the memory row that the scroll area begins with.
func (p *panel) scrollStart(i int, v byte) {
	setHalf(i, v, &p.scrollFrom, nil)
	p.scrolling = true
}
