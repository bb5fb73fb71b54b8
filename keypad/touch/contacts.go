package touch

import (
	"image"
	"time"

	"github.com/holoplot/go-evdev"
)

// maxSlots bounds what a device may claim; no panel tells more fingers apart.
const maxSlots = 32

// apart is how long a finger that follows another one's lifting is held back, so that
// whoever polls sees the first one lift.
const apart = 40 * time.Millisecond

// contacts follows an input device's events, by the kernel's multi-touch protocol B
// (slots and tracking ids) or, on a device without slots, as single touch (BTN_TOUCH).
//
// Of several fingers one counts: the first that landed, until it lifts, then the one that
// landed first of those that are left. So two thumbs can type by turns.
//
// What the kernel had no room for (SYN_DROPPED) is lost: all fingers count as lifted, and
// one that is still down counts again when it lands again.
type contacts struct {
	multi bool // protocol B

	slots   []contact // as the events since the last SYN_REPORT have them
	slot    int       // that events are about
	landed  int       // numbers contacts
	dropped bool      // events are not believed until the next SYN_REPORT

	followed int // landed of the contact that counts; 0: none
	at       image.Point
	lifted   time.Time // when the one before it was lifted
}

type contact struct {
	landed int // which landing it was, from 1; 0: no finger
	at     image.Point
}

func newContacts(multi bool) *contacts {
	c := &contacts{multi: multi, slots: make([]contact, 1)}
	if multi {
		c.slots = make([]contact, maxSlots)
	}
	return c
}

// event takes the next event, which came at now.
func (c *contacts) event(e evdev.InputEvent, now time.Time) {
	switch {
	case e.Type == evdev.EV_SYN && e.Code == evdev.SYN_DROPPED:
		c.dropped = true
	case e.Type == evdev.EV_SYN && e.Code == evdev.SYN_REPORT:
		if c.dropped {
			clear(c.slots)
			c.dropped = false
		}
		c.report(now)
	case c.dropped:
	case e.Type == evdev.EV_ABS && c.multi:
		c.slotted(e)
	case e.Type == evdev.EV_ABS && e.Code == evdev.ABS_X:
		c.slots[0].at.X = int(e.Value)
	case e.Type == evdev.EV_ABS && e.Code == evdev.ABS_Y:
		c.slots[0].at.Y = int(e.Value)
	case e.Type == evdev.EV_KEY && e.Code == evdev.BTN_TOUCH && !c.multi:
		c.touch(&c.slots[0], e.Value != 0)
	}
}

// slotted takes an event of protocol B. A slot beyond those that are kept is nobody's.
func (c *contacts) slotted(e evdev.InputEvent) {
	if e.Code == evdev.ABS_MT_SLOT {
		c.slot = int(e.Value)
		return
	}
	if c.slot < 0 || c.slot >= len(c.slots) {
		return
	}
	s := &c.slots[c.slot]
	switch e.Code {
	case evdev.ABS_MT_TRACKING_ID:
		c.touch(s, false) // a new id is a new finger
		c.touch(s, e.Value >= 0)
	case evdev.ABS_MT_POSITION_X:
		s.at.X = int(e.Value)
	case evdev.ABS_MT_POSITION_Y:
		s.at.Y = int(e.Value)
	}
}

func (c *contacts) touch(s *contact, down bool) {
	switch {
	case !down:
		s.landed = 0
	case s.landed == 0:
		c.landed++
		s.landed = c.landed
	}
}

// report ends a group of events: it chooses the contact that counts.
func (c *contacts) report(now time.Time) {
	first := contact{}
	for _, s := range c.slots {
		if s.landed != 0 && s.landed == c.followed {
			c.at = s.at
			return
		}
		if s.landed != 0 && (first.landed == 0 || s.landed < first.landed) {
			first = s
		}
	}
	if c.followed != 0 {
		c.lifted = now
	}
	c.followed, c.at = first.landed, first.at
}

// now says where the finger is that counts at now. It is up for a moment after another one.
func (c *contacts) now(now time.Time) (at image.Point, down bool) {
	if c.followed == 0 || now.Sub(c.lifted) < apart {
		return image.Point{}, false
	}
	return c.at, true
}

// any tells whether a finger is down, held back or not.
func (c *contacts) any() bool { return c.followed != 0 }
