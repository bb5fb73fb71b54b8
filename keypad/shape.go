package keypad

import (
	"image"
	"math"
)

// A shape is a signed distance function: how far a point lies outside (positive) or inside
// (negative), in the units of the point. It is anti-aliased and sharp at any scale; strokes
// have round ends.
type shape func(x, y float64) float64

// circle is a disc about (cx, cy).
func circle(cx, cy, r float64) shape {
	return func(x, y float64) float64 { return math.Hypot(x-cx, y-cy) - r }
}

// rect is a rectangle with rounded corners.
func rect(x0, y0, x1, y1, r float64) shape {
	cx, cy := (x0+x1)/2, (y0+y1)/2
	hx, hy := (x1-x0)/2-r, (y1-y0)/2-r
	return func(x, y float64) float64 {
		dx, dy := math.Abs(x-cx)-hx, math.Abs(y-cy)-hy
		return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - r
	}
}

// octagon is a regular one, with r from its middle to its sides, of which one is on top.
func octagon(cx, cy, r float64) shape {
	return func(x, y float64) float64 {
		dx, dy := math.Abs(x-cx), math.Abs(y-cy)
		return max(dx, dy, (dx+dy)/math.Sqrt2) - r
	}
}

// line runs through the points x0, y0, x1, y1, … and has no width of its own: stroke it.
func line(points ...float64) shape {
	return func(x, y float64) float64 {
		d := math.Inf(1)
		for i := 0; i+3 < len(points); i += 2 {
			d = min(d, toSegment(x, y, points[i], points[i+1], points[i+2], points[i+3]))
		}
		return d
	}
}

func toSegment(x, y, x0, y0, x1, y1 float64) float64 {
	dx, dy := x1-x0, y1-y0
	t := ((x-x0)*dx + (y-y0)*dy) / (dx*dx + dy*dy)
	t = min(max(t, 0), 1)
	return math.Hypot(x-x0-t*dx, y-y0-t*dy)
}

// arc is part of a circle about (cx, cy), from degrees a to b (a < b), clockwise from the
// right as the screen's y grows downwards. It has no width of its own: stroke it.
func arc(cx, cy, r, a, b float64) shape {
	mid, half := (a+b)/2*math.Pi/180, (b-a)/2*math.Pi/180
	ex, ey := r*math.Cos(half), r*math.Sin(half)
	sin, cos := math.Sincos(mid)
	return func(x, y float64) float64 {
		x, y = x-cx, y-cy
		x, y = x*cos+y*sin, math.Abs(y*cos-x*sin)
		if math.Atan2(y, x) <= half {
			return math.Abs(math.Hypot(x, y) - r)
		}
		return math.Hypot(x-ex, y-ey)
	}
}

// stroke draws the outline of s with a pen of width w.
func stroke(w float64, s shape) shape {
	return func(x, y float64) float64 { return math.Abs(s(x, y)) - w/2 }
}

// union is all of the shapes together.
func union(shapes ...shape) shape {
	return func(x, y float64) float64 {
		d := math.Inf(1)
		for _, s := range shapes {
			d = min(d, s(x, y))
		}
		return d
	}
}

// without is s where it is at least gap away from hole.
func without(s, hole shape, gap float64) shape {
	return func(x, y float64) float64 { return max(s(x, y), gap-hole(x, y)) }
}

// A layer is a shape at an opacity of 0 to 1.
type layer struct {
	shape   shape
	opacity float64
}

// rasterise samples the layers, drawn in a field of w x h units, at scale pixels a unit.
func rasterise(w, h, scale float64, layers ...layer) *mask {
	size := image.Pt(int(math.Ceil(w*scale)), int(math.Ceil(h*scale)))
	m := &mask{size: size, a: make([]uint8, size.X*size.Y)}
	for py := range size.Y {
		for px := range size.X {
			x, y := (float64(px)+0.5)/scale, (float64(py)+0.5)/scale
			var a float64
			for _, l := range layers {
				a = max(a, l.opacity*min(max(0.5-l.shape(x, y)*scale, 0), 1))
			}
			m.a[py*size.X+px] = uint8(a*255 + 0.5)
		}
	}
	return m
}
