package keypad

import (
	"image"
	"time"
)

// A chip on SPI does not say that a dip in its supply, or noise on its wires, has cost it
// its settings or a part of its picture. So a display that has Refresh is told everything
// again, without being asked: while there is light its settings, and then its picture,
// strip by strip, in 2.4 s, so that whatever has disturbed it is mended less than 5 s after
// it has ended; and when the light goes out, where nobody sees it, it is set up from its
// reset on. Touch controllers that have Refresh are told every 4 s, light or not, as it is
// the touch that makes light.
const (
	mendEvery  = 300 * time.Millisecond // one strip, and with the first the settings
	mendStrips = 8
	mendAfter  = time.Second     // a finger on the panel puts it off for so long at most
	aliveEvery = 4 * time.Second // a touch controller's turn
)

// A refresher can be told its settings again, at no harm to what it shows or feels.
type refresher interface{ Refresh() error }

// mending is which part of the panel is to be sent again, and when.
type mending struct {
	due   time.Time // zero: nobody looks
	strip int
	deep  bool // it is to be set up from its reset on
	clean bool // it was, since the light went out
}

// remind sends the next part again if it is due and seen; busy puts it off.
func (p *panel) remind(now time.Time, busy, seen bool) error {
	if _, can := p.display.(refresher); !can || !p.known || !seen {
		p.due = time.Time{}
		return p.err
	}
	if p.due.IsZero() {
		p.due = now.Add(mendEvery)
	}
	if now.Before(p.remindAt(busy)) {
		return p.err
	}
	p.due = now.Add(mendEvery)
	if p.strip == 0 {
		p.stale = true
	}
	size := p.held.size
	r := image.Rect(0, size.Y*p.strip/mendStrips, size.X, size.Y*(p.strip+1)/mendStrips)
	p.strip = (p.strip + 1) % mendStrips
	return p.send(now, p.held, []image.Rectangle{r})
}

// remindAt is when remind has something to do; zero if it has not.
func (p *panel) remindAt(busy bool) time.Time {
	switch {
	case p.due.IsZero() || p.err != nil:
		return time.Time{}
	case busy:
		return p.due.Add(mendAfter)
	}
	return p.due
}

// unseen notes that nobody sees the panel, and tells whether it is to be set up anew.
func (p *panel) unseen() bool {
	p.due, p.strip = time.Time{}, 0
	if _, can := p.display.(refresher); !can || p.clean || !p.known {
		return false
	}
	p.clean, p.deep, p.known = true, true, false
	return true
}
