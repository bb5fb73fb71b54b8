package keypad

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"sync"
	"time"
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

// film is a touch film that a test puts its finger on.
type film struct {
	mu    sync.Mutex
	at    image.Point
	down  bool
	err   error
	reads int
}

func (f *film) Read() (image.Point, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	return f.at, f.down, f.err
}

func (f *film) set(change func(f *film)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// wire is an output that notes when it changed.
type wire struct {
	mu      sync.Mutex
	on      bool
	changes []time.Time
	err     error
}

func (w *wire) SetValue(v int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if w.on != (v == 1) {
		w.changes = append(w.changes, time.Now())
	}
	w.on = v == 1
	return nil
}

func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *wire) lit() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.on
}

// rhythm is how many milliseconds passed between the changes since it was last asked.
func (w *wire) rhythm() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ms []int
	for i := 1; i < len(w.changes); i++ {
		ms = append(ms, int(w.changes[i].Sub(w.changes[i-1])/time.Millisecond))
	}
	w.changes = nil
	return ms
}
