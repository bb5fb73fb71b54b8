package touch

import (
	"image"
	"slices"
	"time"
)

// How contacts are shown to a caller that polls, which must see each of them come and go.
const (
	liftedFor   = 24 * time.Millisecond  // at least, between two contacts
	touchedFor  = 20 * time.Millisecond  // at least, even if it has lifted already
	fingerFor   = 16 * time.Millisecond  // a contact that lifted sooner was no finger
	staleFor    = 500 * time.Millisecond // one that lifted so long ago is not wanted any more
	mostWaiting = 16                     // more are nobody's fingers
)

// contactQueue shows one contact after the other as the one that touches, in the order in
// which they landed, so that two hands type what they touch. A contact that lands before the
// one before it lifts is held back until the caller has seen that lift. It is then shown even
// if it has lifted meanwhile: where it landed and where it lifted.
//
// What the caller has seen counts, not the time: one that polls slowly misses nothing.
type contactQueue struct {
	waiting    []*contact // the first one is shown
	current    *contact   // the contact that the caller has seen; nil: none
	firstSeen  time.Time  // for the first time
	lastSeen   time.Time  // for the last time
	timesSeen  int        // touching
	seenLifted time.Time  // when the caller last saw it lifted; zero: it has not
}

// add appends a contact.
func (t *contactQueue) add(c *contact) {
	if len(t.waiting) < mostWaiting {
		t.waiting = append(t.waiting, c)
	}
}

// look returns the contact to show to a caller that polls at now.
func (t *contactQueue) look(now time.Time) (at image.Point, down bool) {
	if t.current != nil && !t.seenLifted.IsZero() && !t.current.down {
		if t.seenLifted.Sub(t.lastSeen) < liftedFor {
			t.seenLifted = now
			return image.Point{}, false
		}
		t.drop()
	}
	c := t.next(now)
	if c == nil {
		return image.Point{}, false
	}
	if t.current != c {
		t.current, t.firstSeen, t.timesSeen = c, now, 0
	}
	t.seenLifted = time.Time{}
	if !c.down && (!c.isFinger() || t.timesSeen > 2 && t.lastSeen.Sub(t.firstSeen) >= touchedFor) {
		t.seenLifted = now
		return image.Point{}, false
	}
	t.lastSeen = now
	if t.timesSeen++; t.timesSeen <= 2 {
		return c.from, true
	}
	return c.at, true
}

// next returns the contact to show; nil if there is none.
func (t *contactQueue) next(now time.Time) *contact {
	for len(t.waiting) > 0 {
		c := t.waiting[0]
		if c == t.current || c.down || c.isFinger() && now.Sub(c.lifted.read) < staleFor {
			return c
		}
		t.waiting = t.waiting[1:]
	}
	return nil
}

// isFinger reports whether it has lasted as long as a finger's, or has not lifted yet.
func (c *contact) isFinger() bool { return c.down || c.lifted.since(c.landed) >= fingerFor }

// drop removes the current contact.
func (t *contactQueue) drop() {
	t.waiting = slices.DeleteFunc(t.waiting, func(c *contact) bool { return c == t.current })
	t.current, t.seenLifted = nil, time.Time{}
}

// passOverCurrent drops the current contact and marks it as disregarded, if it has not lifted.
func (t *contactQueue) passOverCurrent() {
	if t.current != nil && t.current.down {
		t.current.passedOver = true
		t.drop()
	}
}

// waits reports whether there is a contact to be seen.
func (t *contactQueue) waits() bool { return len(t.waiting) > 0 }
