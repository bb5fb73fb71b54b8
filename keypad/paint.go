package keypad

import (
	"image"
	"slices"
)

// A painter draws scenes on a canvas of its own. Glyphs, icons and corners are drawn once
// and kept.
type painter struct {
	*canvas
	l      *layout
	fs     *faces
	icons  map[iconKey]*mask
	corner *mask // top left, of a key
	small  *mask // of the bar
	dot    *mask // a digit that was typed
	ring   *mask // one to come
}

func newPainter(l *layout) (*painter, error) {
	fs, err := newFaces(l.unit, 240)
	if err != nil {
		return nil, err
	}
	corner := func(r int) *mask {
		f := float64(r)
		return rasterise(f, f, 1, layer{circle(f, f, f), 1})
	}
	side, r := float64(l.px(10)+2), float64(l.px(10))/2
	pen := 1.8 * float64(l.unit) / 240
	return &painter{
		canvas: newCanvas(l.bounds.Size()),
		l:      l,
		fs:     fs,
		icons:  make(map[iconKey]*mask),
		corner: corner(l.corner),
		small:  corner(l.bar.Dy() / 2),
		dot:    rasterise(side, side, 1, layer{circle(side/2, side/2, r), 1}),
		ring:   rasterise(side, side, 1, layer{stroke(pen, circle(side/2, side/2, r-pen/2)), 1}),
	}, nil
}

// draw paints the whole of s.
func (p *painter) draw(s *scene) {
	on, boxes := p.arrange(s)
	p.fill(p.bounds(), on)
	for _, b := range boxes {
		b.paint(b.Rectangle)
	}
}

// A box is one thing on the display, where it stands, and how to paint it there. The boxes
// of a scene are apart from each other and within the display.
type box struct {
	image.Rectangle
	paint func(r image.Rectangle)
}

// arrange gives what is in s, and the colour it stands on.
func (p *painter) arrange(s *scene) (on colour, boxes []box) {
	switch {
	case s.page == entryPage || s.checking():
		return ground, p.pad(s)
	case s.view.start():
		return ground, p.home(s)
	}
	n := p.noticeOf(s)
	return n.ground, p.notice(s, n)
}

// A block is a box that has no place yet, in a column: its size, and the space above it.
type block struct {
	size  image.Point
	space int
	paint func(r image.Rectangle)
}

// words is a block of text.
func (p *painter) words(t set, space int, col colour) block {
	b := block{size: t.size(), space: space}
	b.paint = func(r image.Rectangle) {
		p.setCentred(t, (r.Min.X+r.Max.X)/2, r.Min.Y, col)
	}
	return b
}

// sign is a block with an icon in it.
func (p *painter) sign(i icon, height int, col colour) block {
	m := p.icon(i, height)
	return block{size: m.size, paint: func(r image.Rectangle) { p.paint(m, r.Min.Sub(m.org), col) }}
}

// high is how high blocks are below each other; the space above the first is left out.
func high(blocks []block) int {
	h := 0
	for i, b := range blocks {
		if h += b.size.Y; i > 0 {
			h += b.space
		}
	}
	return h
}

// stack gives blocks their places below each other, from top down, in the middle of in.
func stack(in image.Rectangle, top int, blocks []block) []box {
	var boxes []box
	for i, b := range blocks {
		if i > 0 {
			top += b.space
		}
		at := image.Pt((in.Min.X+in.Max.X-b.size.X)/2, top)
		boxes = append(boxes, box{image.Rectangle{Min: at, Max: at.Add(b.size)}, b.paint})
		top += b.size.Y
	}
	return boxes
}

// middle stacks blocks in the middle of in.
func middle(in image.Rectangle, blocks []block) []box {
	return stack(in, in.Min.Y+(in.Dy()-high(blocks))/2, blocks)
}

// shown leaves out blocks that are empty.
func shown(blocks ...block) []block {
	return slices.DeleteFunc(blocks, func(b block) bool { return b.size.Y == 0 })
}
