package keypad

import (
	"image"
	"slices"
)

// A box is one thing on the display: where it stands, and how to paint it there. The boxes
// of a scene do not overlap and lie within the display.
type box struct {
	image.Rectangle
	paint func(r image.Rectangle)
	texts []paragraph // that can be read in it
}

// A block is a box without a position yet, in a column: its size, and the space above it.
type block struct {
	size  image.Point
	space int
	paint func(r image.Rectangle)
	texts []paragraph
}

// textBlock makes a block of text.
func (p *painter) textBlock(t paragraph, space int, col colour) block {
	b := block{size: t.size(), space: space, texts: []paragraph{t}}
	b.paint = func(r image.Rectangle) {
		p.drawCentred(t, (r.Min.X+r.Max.X)/2, r.Min.Y, col)
	}
	return b
}

// iconBlock makes a block with an icon in it.
func (p *painter) iconBlock(i icon, height int, col colour) block {
	m := p.icon(i, height)
	return block{size: m.size, paint: func(r image.Rectangle) { p.paint(m, r.Min.Sub(m.org), col) }}
}

// totalHeight returns the height of a column of blocks, without the space above the first.
func totalHeight(blocks []block) int {
	h := 0
	for i, b := range blocks {
		if h += b.size.Y; i > 0 {
			h += b.space
		}
	}
	return h
}

// stack arranges blocks in a column that begins at top, centred horizontally in in.
func stack(in image.Rectangle, top int, blocks []block) []box {
	var boxes []box
	for i, b := range blocks {
		if i > 0 {
			top += b.space
		}
		at := image.Pt((in.Min.X+in.Max.X-b.size.X)/2, top)
		boxes = append(boxes, box{image.Rectangle{Min: at, Max: at.Add(b.size)}, b.paint, b.texts})
		top += b.size.Y
	}
	return boxes
}

// stackMiddle stacks blocks in the middle of in.
func stackMiddle(in image.Rectangle, blocks []block) []box {
	return stack(in, in.Min.Y+(in.Dy()-totalHeight(blocks))/2, blocks)
}

// nonEmpty leaves out empty blocks.
func nonEmpty(blocks ...block) []block {
	return slices.DeleteFunc(blocks, func(b block) bool { return b.size.Y == 0 })
}
