package keypad

import "time"

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
}

// mend brings the display back to its settings where it may have lost them.
func (p *panel) mend() error {
	if d, ok := p.display.(interface{ Init() error }); ok && p.err != nil {
		return d.Init()
	}
	if d, ok := p.display.(interface{ Refresh() error }); ok && p.stale {
		return d.Refresh()
	}
	return nil
}

// refresh has the next show send everything again.
func (p *panel) refresh() { p.known, p.stale = false, true }

// retryPanel is how long a panel is left alone that failed.
const retryPanel = time.Second

// show brings c onto the display. While it fails it is tried again at p.retry.
func (p *panel) show(now time.Time, c *canvas) error {
	if p.err != nil && now.Before(p.retry) {
		return p.err
	}
	if p.err = p.mend(); p.err != nil {
		p.retry = now.Add(retryPanel)
		return p.err
	}
	rects := differences(p.held, c)
	if !p.known {
		rects = append(rects[:0], c.bounds())
	}
	for _, r := range rects {
		p.wire = p.wire[:0]
		for y := r.Min.Y; y < r.Max.Y; y++ {
			row := c.pix[y*c.size.X+r.Min.X:][:r.Dx()]
			for _, v := range row {
				p.wire = append(p.wire, byte(v>>8), byte(v))
			}
			copy(p.held.pix[y*c.size.X+r.Min.X:], row)
		}
		if p.err = p.display.Write(r, p.wire); p.err != nil {
			p.known, p.retry = false, now.Add(retryPanel)
			return p.err
		}
	}
	p.known, p.stale, p.retry = true, false, time.Time{}
	return nil
}
