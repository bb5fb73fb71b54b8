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
	types  [2]*faces   // of ordinary size, and large
	inks   [2]*palette // quiet, and stark
	icons  map[iconKey]*mask
	corner *mask // top left, of a key
	inner  *mask // of a key within its outline
	small  *mask // of the bar
	dot    *mask // a digit that was typed
	ring   *mask // one to come

	// What the scene at hand is drawn with.
	fs       *faces
	ink      *palette
	language Language
}

// A key's outline is so wide, on the panel of 240.
const outline = 2

func newPainter(l *layout) (*painter, error) {
	usual, err := newFaces(l.unit, 240)
	if err != nil {
		return nil, err
	}
	large, err := newFaces(l.unit*5, 240*4)
	if err != nil {
		return nil, err
	}
	corner := func(r int) *mask {
		f := float64(r)
		return rasterise(f, f, 1, layer{circle(f, f, f), 1})
	}
	side, r := float64(l.px(10)+2), float64(l.px(10))/2
	pen := 1.8 * float64(l.unit) / 240
	p := &painter{
		canvas: newCanvas(l.bounds.Size()),
		l:      l,
		types:  [2]*faces{usual, large},
		inks:   [2]*palette{quiet(), stark()},
		icons:  make(map[iconKey]*mask),
		corner: corner(l.corner),
		inner:  corner(l.corner - l.px(outline)),
		small:  corner(l.bar.Dy() / 2),
		dot:    rasterise(side, side, 1, layer{circle(side/2, side/2, r), 1}),
		ring:   rasterise(side, side, 1, layer{stroke(pen, circle(side/2, side/2, r-pen/2)), 1}),
	}
	p.dress(&scene{})
	return p, nil
}

// dress takes what s is drawn with.
func (p *painter) dress(s *scene) {
	p.fs, p.ink, p.language = p.types[0], p.inks[0], s.language
	if s.view.LargeText {
		p.fs = p.types[1]
	}
	if s.view.HighContrast {
		p.ink = p.inks[1]
	}
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
	said  []set // what can be read in it
}

// arrange gives what is in s, and the colour it stands on.
func (p *painter) arrange(s *scene) (on colour, boxes []box) {
	p.dress(s)
	switch {
	case s.page == crossPage:
		return p.ink.ground, p.crossed(s)
	case s.page == entryPage || s.checking():
		return p.ink.ground, p.pad(s)
	case s.view.start():
		return p.ink.ground, p.home(s)
	}
	n := p.noticeOf(s)
	return n.ground, p.notice(s, n)
}

// A block is a box that has no place yet, in a column: its size, and the space above it.
type block struct {
	size  image.Point
	space int
	paint func(r image.Rectangle)
	said  []set
}

// say gives a sentence of the keypad's in the language of the scene.
func (p *painter) say(english string) string { return p.language.say(english) }

// words is a block of text.
func (p *painter) words(t set, space int, col colour) block {
	b := block{size: t.size(), space: space, said: []set{t}}
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
		boxes = append(boxes, box{image.Rectangle{Min: at, Max: at.Add(b.size)}, b.paint, b.said})
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
