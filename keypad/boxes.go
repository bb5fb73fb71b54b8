package keypad

import (
	"image"
	"slices"
)

// A box is one element on the display: its place, and how to paint it there. The boxes of a
// scene do not overlap and are within the display. Until it is stacked, a box is at the origin
// and has only a size.
type box struct {
	image.Rectangle
	paint func(r image.Rectangle)
	texts []paragraph // that can be read in it
	space int         // above it in a stack
}

// textBox makes a box of text.
func (p *painter) textBox(t paragraph, space int, col colour) box {
	return box{Rectangle: image.Rectangle{Max: t.size()}, space: space, texts: []paragraph{t}, paint: func(r image.Rectangle) {
		p.drawCentred(t, (r.Min.X+r.Max.X)/2, r.Min.Y, col)
	}}
}

// iconBox makes a box with an icon in it.
func (p *painter) iconBox(i icon, height int, col colour) box {
	m := p.icon(i, height)
	return box{Rectangle: image.Rectangle{Max: m.size}, paint: func(r image.Rectangle) { p.paint(m, r.Min.Sub(m.org), col) }}
}

// totalHeight returns the height of a column of boxes, without the space above the first.
func totalHeight(column []box) int {
	h := 0
	for i, b := range column {
		if h += b.Dy(); i > 0 {
			h += b.space
		}
	}
	return h
}

// stack arranges boxes in a column that begins at top, centred horizontally in in.
func stack(in image.Rectangle, top int, column []box) []box {
	var stacked []box
	for i, b := range column {
		if i > 0 {
			top += b.space
		}
		b.Rectangle = b.Rectangle.Add(image.Pt((in.Min.X+in.Max.X-b.Dx())/2, top))
		stacked = append(stacked, b)
		top = b.Max.Y
	}
	return stacked
}

// stackMiddle stacks boxes in the middle of in.
func stackMiddle(in image.Rectangle, column []box) []box {
	return stack(in, in.Min.Y+(in.Dy()-totalHeight(column))/2, column)
}

// nonEmpty leaves out boxes of no height: those of an empty text.
func nonEmpty(boxes ...box) []box {
	return slices.DeleteFunc(boxes, func(b box) bool { return b.Dy() == 0 })
}
