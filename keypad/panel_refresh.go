package keypad

import (
	"image"
	"time"
)

// A chip on SPI cannot report that a dip in its supply, or noise on its wires, has corrupted
// its settings or its picture. So a display with Refresh is refreshed continuously. While the
// light is on, it is sent its settings and then its picture, strip by strip, in 2.4 s: it
// recovers within 5 s of the end of a disturbance. When the light goes out, it is reset and
// initialised unseen. Touch controllers with Refresh get it every 4 s, even in the dark,
// because a touch turns the light on.
const (
	refreshEvery      = 300 * time.Millisecond // one strip; with the first one, the settings too
	refreshStrips     = 8
	refreshDelay      = time.Second // the most that a finger on the panel delays a strip
	touchRefreshEvery = 4 * time.Second
)

// A refresher can be sent its settings again without disturbing picture or touches.
type refresher interface{ Refresh() error }

// refreshNext sends the next strip if it is due and the panel can be seen. It waits while
// the touchscreen is busy.
func (p *panel) refreshNext(now time.Time, busy, seen bool) error {
	if _, can := p.display.(refresher); !can || !p.known || !seen {
		p.due = time.Time{}
		return p.err
	}
	if p.due.IsZero() {
		p.due = now.Add(refreshEvery)
	}
	if now.Before(p.refreshAt(busy)) {
		return p.err
	}
	p.due = now.Add(refreshEvery)
	if p.strip == 0 {
		p.settingsDue = true
	}
	size := p.shown.size
	r := image.Rect(0, size.Y*p.strip/refreshStrips, size.X, size.Y*(p.strip+1)/refreshStrips)
	p.strip = (p.strip + 1) % refreshStrips
	return p.send(now, p.shown, []image.Rectangle{r})
}

// refreshAt returns when refreshNext has something to do; zero if it has not.
func (p *panel) refreshAt(busy bool) time.Time {
	switch {
	case p.due.IsZero() || p.err != nil:
		return time.Time{}
	case busy:
		return p.due.Add(refreshDelay)
	}
	return p.due
}

// goDark notes that the light is out, and reports whether the panel is to be initialised now.
func (p *panel) goDark() bool {
	p.due, p.strip = time.Time{}, 0
	if _, can := p.display.(refresher); !can || p.initDone || !p.known {
		return false
	}
	p.initDone, p.initDue, p.known = true, true, false
	return true
}
