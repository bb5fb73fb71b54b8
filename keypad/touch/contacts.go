package touch

import (
	"image"
	"slices"
	"time"

	"github.com/holoplot/go-evdev"
)

// maxSlots bounds the slots of a device; no panel tells more fingers apart.
const maxSlots = 32

// bounce is how soon a contact on a single-touch film that lands where one has lifted is
// still the same one.
const bounce = 24 * time.Millisecond

// contacts follows an input device's events, by the kernel's multi-touch protocol B
// (slots and tracking ids) or, on a device without slots, as single touch (BTN_TOUCH).
// It queues contacts in the order of landing: see contactQueue.
//
// When the kernel has dropped events (SYN_DROPPED), all fingers count as lifted; one that is
// still down counts again when it lands again.
type contacts struct {
	contactQueue
	multi bool        // protocol B
	near  image.Point // how far a finger that bounces may move

	slots   []slot // with the events since the last SYN_REPORT
	slot    int    // which the next events are about
	dropped bool   // ignore events until the next SYN_REPORT
}

type slot struct {
	at       image.Point
	touching *contact // nil: no finger
	before   *contact // the contact before
}

// contact is one finger, from when it lands until it lifts.
type contact struct {
	from, at       image.Point // where it landed, and where it is or was last
	down           bool
	placed         bool // its position is known
	passedOver     bool // it does not lift, and is disregarded
	landed, lifted moment
}

// moment is when something happened: when it was read, and by the kernel's time stamp, which
// is more exact, but whose clock may be set in between.
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

// slotted takes an event of protocol B. It ignores slots from maxSlots on.
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

// report ends a group of events: it updates positions and queues new contacts.
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
			c.add(s.touching)
		}
	}
}

// bounced reports whether the finger that lands in a slot is the one that has just lifted,
// on a film that cannot tell fingers apart.
func (c *contacts) bounced(s *slot) bool {
	b := s.before
	return !c.multi && b != nil && slices.Contains(c.waiting, b) &&
		s.touching.landed.since(b.lifted) < bounce && near(s.at, b.at, c.near)
}

// passedOver reports whether a contact that is disregarded is still there.
func (c *contacts) passedOver() bool {
	for _, s := range c.slots {
		if s.touching != nil && s.touching.passedOver {
			return true
		}
	}
	return false
}
