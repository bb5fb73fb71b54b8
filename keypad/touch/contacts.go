package touch

import (
	"image"
	"time"

	"github.com/holoplot/go-evdev"
)

// maxSlots bounds what a device may claim; no panel tells more fingers apart.
const maxSlots = 32

// bounce is how soon a contact of a single-touch film that lands again where it lifted is
// the same one.
const bounce = 24 * time.Millisecond

// contacts follows an input device's events, by the kernel's multi-touch protocol B
// (slots and tracking ids) or, on a device without slots, as single touch (BTN_TOUCH).
// Each contact has its turn, in the order of landing: see turns.
//
// What the kernel had no room for (SYN_DROPPED) is lost: all fingers count as lifted, and
// one that is still down counts again when it lands again.
type contacts struct {
	turns
	multi bool        // protocol B
	near  image.Point // how far two places of one bouncing finger may be apart

	slots   []slot // as the events since the last SYN_REPORT have them
	slot    int    // that events are about
	dropped bool   // events are not believed until the next SYN_REPORT
}

type slot struct {
	at       image.Point
	touching *contact // nil: no finger
	before   *contact // that touched last
}

// contact is one finger, from when it lands until it lifts.
type contact struct {
	from, at       image.Point // where it landed, and where it is, or was last
	down           bool
	placed         bool // a report has said where it is
	passed         bool // it stays, and others count in its stead
	landed, lifted moment
}

// moment is when something happened: when it was read, and as the kernel says it, which
// does not depend on when that was but may be set meanwhile.
type moment struct{ read, kernel time.Time }

func (m moment) since(earlier moment) time.Duration {
	return max(m.read.Sub(earlier.read), m.kernel.Sub(earlier.kernel))
}

func newContacts(multi bool, near image.Point) *contacts {
	c := &contacts{multi: multi, near: near, slots: make([]slot, 1)}
	if multi {
		c.slots = make([]slot, maxSlots)
	}
	return c
}

// event takes the next event, which was read at now.
func (c *contacts) event(e evdev.InputEvent, now time.Time) {
	when := moment{now, time.Unix(e.Time.Unix())}
	switch {
	case e.Type == evdev.EV_SYN && e.Code == evdev.SYN_DROPPED:
		c.dropped = true
	case e.Type == evdev.EV_SYN && e.Code == evdev.SYN_REPORT:
		if c.dropped {
			for i := range c.slots {
				c.slots[i].lift(when)
			}
			c.dropped = false
		}
		c.report()
	case c.dropped:
	case e.Type == evdev.EV_ABS && c.multi:
		c.slotted(e, when)
	case e.Type == evdev.EV_ABS && e.Code == evdev.ABS_X:
		c.slots[0].at.X = int(e.Value)
	case e.Type == evdev.EV_ABS && e.Code == evdev.ABS_Y:
		c.slots[0].at.Y = int(e.Value)
	case e.Type == evdev.EV_KEY && e.Code == evdev.BTN_TOUCH && !c.multi:
		c.slots[0].touch(e.Value != 0, when)
	}
}

// slotted takes an event of protocol B. A slot beyond those that are kept is nobody's.
func (c *contacts) slotted(e evdev.InputEvent, when moment) {
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
		s.lift(when) // a new id is a new finger
		s.touch(e.Value >= 0, when)
	case evdev.ABS_MT_POSITION_X:
		s.at.X = int(e.Value)
	case evdev.ABS_MT_POSITION_Y:
		s.at.Y = int(e.Value)
	}
}

func (s *slot) touch(down bool, when moment) {
	switch {
	case !down:
		s.lift(when)
	case s.touching == nil:
		s.touching = &contact{down: true, landed: when}
	}
}

func (s *slot) lift(when moment) {
	if s.touching != nil {
		s.touching.down, s.touching.lifted = false, when
		s.before, s.touching = s.touching, nil
	}
}

// report ends a group of events: contacts are where it says, and new ones wait for their
// turn.
func (c *contacts) report() {
	for i := range c.slots {
		s := &c.slots[i]
		if s.touching == nil {
			continue
		}
		if !s.touching.placed && c.bounced(s) {
			s.before.down, s.touching = true, s.before
		}
		s.touching.at = s.at
		if !s.touching.placed {
			s.touching.placed, s.touching.from = true, s.at
			c.wait(s.touching)
		}
	}
}

// bounced tells whether the finger that lands in a slot is the one that has just lifted,
// of a film that tells no fingers apart.
func (c *contacts) bounced(s *slot) bool {
	b := s.before
	return !c.multi && b != nil && c.has(b) && s.touching.landed.since(b.lifted) < bounce &&
		abs(s.at.X-b.at.X) <= c.near.X && abs(s.at.Y-b.at.Y) <= c.near.Y
}

// passedOver tells whether a contact that was passed over is still there.
func (c *contacts) passedOver() bool {
	for _, s := range c.slots {
		if s.touching != nil && s.touching.passed {
			return true
		}
	}
	return false
}
