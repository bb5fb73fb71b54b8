package keypad

import (
	"image"
	"slices"
)

// windowCost is what one rectangle costs on the bus besides its pixels, in pixels: window
// commands and system calls.
const windowCost = 48

// differences returns a few rectangles that cover all pixels in which a and b differ and few
// others, and do not overlap.
func differences(a, b *canvas) []image.Rectangle {
	var done, open []image.Rectangle
	for y := range b.size.Y {
		was, is := a.pix[y*a.size.X:][:a.size.X], b.pix[y*b.size.X:][:b.size.X]
		if slices.Equal(was, is) {
			continue
		}
		for x := 0; x < len(is); {
			if was[x] == is[x] {
				x++
				continue
			}
			end := spanEnd(was, is, x)
			open = widen(open, image.Rect(x, y, end, y+1))
			x = end
		}
		// A rectangle that can no longer grow cheaply is done.
		still := open[:0]
		for _, r := range open {
			if (y-r.Max.Y)*r.Dx() > windowCost {
				done = append(done, r)
			} else {
				still = append(still, r)
			}
		}
		open = still
	}
	return join(append(done, open...))
}

// spanEnd returns where a row's differences that begin at x end: at the first gap that is
// wider than a rectangle costs.
func spanEnd(was, is []uint16, x int) int {
	end := x + 1
	for i := end; i < len(is) && i-end < windowCost; i++ {
		if was[i] != is[i] {
			end = i + 1
		}
	}
	return end
}

// widen adds span to the open rectangle to which it adds least, or opens another.
func widen(open []image.Rectangle, span image.Rectangle) []image.Rectangle {
	best, cost := -1, windowCost
	for i, r := range open {
		if c := pixels(r.Union(span)) - pixels(r) - pixels(span); c <= cost {
			best, cost = i, c
		}
	}
	if best < 0 {
		return append(open, span)
	}
	open[best] = open[best].Union(span)
	return open
}

// join unites rectangles that overlap, or cost less as one.
func join(rs []image.Rectangle) []image.Rectangle {
	for again := true; again; {
		again = false
		for i := 0; i < len(rs); i++ {
			for j := i + 1; j < len(rs); j++ {
				u := rs[i].Union(rs[j])
				if rs[i].Overlaps(rs[j]) || pixels(u) <= pixels(rs[i])+pixels(rs[j])+windowCost {
					rs[i] = u
					rs = append(rs[:j], rs[j+1:]...)
					again = true
					j--
				}
			}
		}
	}
	return rs
}

func pixels(r image.Rectangle) int { return r.Dx() * r.Dy() }
