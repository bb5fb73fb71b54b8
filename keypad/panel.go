package keypad

import (
	"encoding/binary"
	"image"
	"time"
)

// A panel is the display and a copy of its contents. Only pixels that change are written;
// after a failed write the contents count as unknown, and the whole frame is written again.
type panel struct {
	display     Display
	shown       *canvas
	known       bool      // the display shows what is in shown
	settingsDue bool      // the settings are to be sent again
	wire        []byte    // pixels on their way, reused
	retry       time.Time // after err, when to try again
	err         error

	// See panel_refresh.go.
	due      time.Time // when the next strip is sent again; zero: not while it is dark
	strip    int       // which one
	initDue  bool      // reset and initialise it with the next write
	initDone bool      // done since the light went out
}

// encode copies r of c to shown and returns its pixels as Display.Write takes them.
func (p *panel) encode(c *canvas, r image.Rectangle) []byte {
	if p.wire == nil {
		p.wire = make([]byte, 2*len(c.pix))
	}
	to := p.wire
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.pix[y*c.size.X+r.Min.X:][:r.Dx()]
		copy(p.shown.pix[y*c.size.X+r.Min.X:], row)
		line := to[:2*len(row)]
		for i, v := range row {
			binary.BigEndian.PutUint16(line[2*i:], v)
		}
		to = to[2*len(row):]
	}
	return p.wire[:2*pixels(r)]
}

// restore sends the settings again where the display may have lost them.
func (p *panel) restore() error {
	if d, ok := p.display.(interface{ Init() error }); ok && (p.err != nil || p.initDue) {
		return d.Init()
	}
	if d, ok := p.display.(refresher); ok && p.settingsDue {
		return d.Refresh()
	}
	return nil
}

// invalidate makes the next show send settings and picture again.
func (p *panel) invalidate() { p.known, p.settingsDue, p.initDone = false, true, false }

// retryPanel is the pause after a failure.
const retryPanel = time.Second

// show brings c onto the display. After a failure it does nothing until p.retry.
func (p *panel) show(now time.Time, c *canvas) error {
	if p.err != nil && now.Before(p.retry) {
		return p.err
	}
	rects := []image.Rectangle{c.bounds()}
	if p.known {
		rects = differences(p.shown, c)
	}
	return p.send(now, c, rects)
}

// send restores the display and writes rects of c, which cover all that differs from shown.
func (p *panel) send(now time.Time, c *canvas, rects []image.Rectangle) error {
	if p.err = p.restore(); p.err != nil {
		p.known, p.retry = false, now.Add(retryPanel)
		return p.err
	}
	for _, r := range rects {
		if p.err = p.display.Write(r, p.encode(c, r)); p.err != nil {
			p.known, p.retry = false, now.Add(retryPanel)
			return p.err
		}
	}
	p.known, p.settingsDue, p.initDue, p.retry = true, false, false, time.Time{}
	return nil
}
