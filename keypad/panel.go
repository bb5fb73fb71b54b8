package keypad

import (
	"encoding/binary"
	"image"
	"time"
)

// A panel is the display and what it holds. Only pixels that change are written; after a
// failed write nothing is taken for granted, and the whole frame is written again.
type panel struct {
	display Display
	held    *canvas
	known   bool // that the display holds held
	stale   bool // its settings are to be sent again
	wire    []byte
	retry   time.Time
	err     error
	mending
}

// take copies r of c to held and gives it as it goes over the bus.
func (p *panel) take(c *canvas, r image.Rectangle) []byte {
	if p.wire == nil {
		p.wire = make([]byte, 2*len(c.pix))
	}
	to := p.wire
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.pix[y*c.size.X+r.Min.X:][:r.Dx()]
		copy(p.held.pix[y*c.size.X+r.Min.X:], row)
		line := to[:2*len(row)]
		for i, v := range row {
			binary.BigEndian.PutUint16(line[2*i:], v)
		}
		to = to[2*len(row):]
	}
	return p.wire[:2*pixels(r)]
}

// mend brings the display back to its settings where it may have lost them.
func (p *panel) mend() error {
	if d, ok := p.display.(interface{ Init() error }); ok && (p.err != nil || p.deep) {
		return d.Init()
	}
	if d, ok := p.display.(refresher); ok && p.stale {
		return d.Refresh()
	}
	return nil
}

// refresh has the next show send everything again.
func (p *panel) refresh() { p.known, p.stale, p.clean = false, true, false }

// retryPanel is how long a panel is left alone that failed.
const retryPanel = time.Second

// show brings c onto the display. While it fails it is tried again at p.retry.
func (p *panel) show(now time.Time, c *canvas) error {
	if p.err != nil && now.Before(p.retry) {
		return p.err
	}
	rects := []image.Rectangle{c.bounds()}
	if p.known {
		rects = differences(p.held, c)
	}
	return p.send(now, c, rects)
}

// send mends the display and writes rects of c, which are all that c and held differ in.
func (p *panel) send(now time.Time, c *canvas, rects []image.Rectangle) error {
	if p.err = p.mend(); p.err != nil {
		p.known, p.retry = false, now.Add(retryPanel)
		return p.err
	}
	for _, r := range rects {
		if p.err = p.display.Write(r, p.take(c, r)); p.err != nil {
			p.known, p.retry = false, now.Add(retryPanel)
			return p.err
		}
	}
	p.known, p.stale, p.deep, p.retry = true, false, false, time.Time{}
	return nil
}
