package keypad

import "image"

// A canvas is one frame in memory: RGB565, row by row. What is painted outside is cut off.
type canvas struct {
	size image.Point
	pix  []uint16 // len is size.X * size.Y
}

func newCanvas(size image.Point) *canvas {
	return &canvas{size: size, pix: make([]uint16, size.X*size.Y)}
}

func (c *canvas) bounds() image.Rectangle { return image.Rectangle{Max: c.size} }

// fill paints r in one colour.
func (c *canvas) fill(r image.Rectangle, col colour) {
	r = r.Intersect(c.bounds())
	if r.Empty() {
		return
	}
	p := col.pack()
	first := c.pix[r.Min.Y*c.size.X+r.Min.X:][:r.Dx()]
	for i := range first {
		first[i] = p
	}
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		copy(c.pix[y*c.size.X+r.Min.X:], first)
	}
}

// A mask says how much of each pixel a shape covers, 0 to 255, row by row. org is its top
// left corner, relative to the point that it is painted at.
type mask struct {
	org  image.Point
	size image.Point
	a    []uint8
}

// paint paints col through m, with m's origin at at.
func (c *canvas) paint(m *mask, at image.Point, col colour) {
	p := col.pack()
	at = at.Add(m.org)
	r := image.Rectangle{Min: at, Max: at.Add(m.size)}.Intersect(c.bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		src := m.a[(y-at.Y)*m.size.X+r.Min.X-at.X:][:r.Dx()]
		dst := c.pix[y*c.size.X+r.Min.X:][:r.Dx()]
		for i, a := range src {
			switch a {
			case 0:
			case 255:
				dst[i] = p
			default:
				dst[i] = blend(dst[i], p, uint32(a))
			}
		}
	}
}

// rounded paints r in one colour with rounded corners. corner is the mask of the top left
// one; r is at least twice as large in both directions.
func (c *canvas) rounded(r image.Rectangle, corner *mask, col colour) {
	n := corner.size.X
	c.fill(image.Rect(r.Min.X, r.Min.Y+n, r.Max.X, r.Max.Y-n), col)
	c.fill(image.Rect(r.Min.X+n, r.Min.Y, r.Max.X-n, r.Min.Y+n), col)
	c.fill(image.Rect(r.Min.X+n, r.Max.Y-n, r.Max.X-n, r.Max.Y), col)
	p := col.pack()
	for y := range n {
		for x, a := range corner.a[y*n:][:n] {
			if a == 0 {
				continue
			}
			c.set(r.Min.X+x, r.Min.Y+y, p, a)
			c.set(r.Max.X-1-x, r.Min.Y+y, p, a)
			c.set(r.Min.X+x, r.Max.Y-1-y, p, a)
			c.set(r.Max.X-1-x, r.Max.Y-1-y, p, a)
		}
	}
}

func (c *canvas) set(x, y int, p uint16, a uint8) {
	if !(image.Point{X: x, Y: y}).In(c.bounds()) {
		return
	}
	d := &c.pix[y*c.size.X+x]
	*d = blend(*d, p, uint32(a))
}

// blend mixes two RGB565 values: 255 is all p, 0 is all d.
func blend(d, p uint16, a uint32) uint16 {
	u, v := uint32(d), uint32(p)
	b := 255 - a
	red := (v>>11*a + u>>11*b + 127) / 255
	green := (v>>5&63*a + u>>5&63*b + 127) / 255
	blue := (v&31*a + u&31*b + 127) / 255
	return uint16(red<<11 | green<<5 | blue)
}
