package keypad

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"sync"
)

// glass is a display that keeps what is written to it and counts.
type glass struct {
	mu      sync.Mutex
	size    image.Point
	pix     []uint16
	writes  []image.Rectangle
	bytes   int
	broken  bool
	refused error
}

func newGlass(size image.Point) *glass {
	return &glass{size: size, pix: make([]uint16, size.X*size.Y)}
}

var errBroken = errors.New("broken")

func (g *glass) Size() image.Point { return g.size }

func (g *glass) Write(r image.Rectangle, pix []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Empty() || !r.In(image.Rectangle{Max: g.size}) || len(pix) != 2*r.Dx()*r.Dy() {
		g.refused = fmt.Errorf("write of %d bytes into %v", len(pix), r)
		return g.refused
	}
	g.writes = append(g.writes, r)
	if g.broken {
		clear(g.pix) // it was without power
		return errBroken
	}
	g.bytes += len(pix)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			g.pix[y*g.size.X+x] = uint16(pix[0])<<8 | uint16(pix[1])
			pix = pix[2:]
		}
	}
	return nil
}

// count gives how many writes there were since it was last asked, and of how many bytes.
func (g *glass) count() (writes, bytes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	writes, bytes = len(g.writes), g.bytes
	g.writes, g.bytes = nil, 0
	return writes, bytes
}

func (g *glass) setBroken(b bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken = b
}

func (g *glass) picture() []uint16 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]uint16{}, g.pix...)
}

// image is what a viewer sees.
func (g *glass) image() *image.NRGBA {
	m := image.NewNRGBA(image.Rectangle{Max: g.size})
	for i, v := range g.picture() {
		m.SetNRGBA(i%g.size.X, i/g.size.X, seen(v))
	}
	return m
}

func seen(v uint16) color.NRGBA {
	r, g, b := int(v>>11), int(v>>5&63), int(v&31)
	return color.NRGBA{uint8((r*255 + 15) / 31), uint8((g*255 + 31) / 63), uint8((b*255 + 15) / 31), 255}
}
