package touch

import (
	"image"
	"slices"
	"time"
)

// How contacts are shown to whoever polls, who has to see each of them come and go.
const (
	apart     = 24 * time.Millisecond  // lifted, from when one was last seen
	shown     = 20 * time.Millisecond  // touching, of a contact that has lifted already
	firm      = 16 * time.Millisecond  // what lifted sooner was no finger
	staleFor  = 500 * time.Millisecond // what lifted so long ago is not what somebody wants now
	mostTurns = 16                     // contacts that wait; more are nobody's fingers
)

// turns has one contact after the other be the one that touches, in the order in which
// they landed, so that the fingers of two hands type what they touch: one that lands
// before the one before it lifts is held back until that was seen to lift, and is shown
// then even if it has lifted itself meanwhile, where it landed and where it lifted.
//
// What is seen counts, not what time it is: a slow reader misses nothing.
type turns struct {
	waiting []*contact // the first is the one whose turn it is
	turn    *contact   // that was seen to touch
	began   time.Time  // when it was, for the first time
	last    time.Time  // for the last
	downs   int        // how often
	gone    time.Time  // when it was last seen to have lifted; zero: it was not
}

// wait has a contact wait for its turn.
func (t *turns) wait(c *contact) {
	if len(t.waiting) < mostTurns {
		t.waiting = append(t.waiting, c)
	}
}

func (t *turns) has(c *contact) bool { return slices.Contains(t.waiting, c) }

// now says where the contact is whose turn it is, to a reader who looks at now.
func (t *turns) now(now time.Time) (at image.Point, down bool) {
	if t.turn != nil && !t.gone.IsZero() && !t.turn.down {
		if t.gone.Sub(t.last) < apart {
			t.gone = now
			return image.Point{}, false
		}
		t.end()
	}
	c := t.next(now)
	if c == nil {
		return image.Point{}, false
	}
	if t.turn != c {
		t.turn, t.began, t.downs = c, now, 0
	}
	t.gone = time.Time{}
	if !c.down && (!c.firm() || t.downs > 2 && t.last.Sub(t.began) >= shown) {
		t.gone = now
		return image.Point{}, false
	}
	t.last = now
	if t.downs++; t.downs <= 2 {
		return c.from, true
	}
	return c.at, true
}

// next returns the contact whose turn it is; nil: nobody's.
func (t *turns) next(now time.Time) *contact {
	for len(t.waiting) > 0 {
		c := t.waiting[0]
		if c == t.turn || c.down || c.firm() && now.Sub(c.lifted.read) < staleFor {
			return c
		}
		t.waiting = t.waiting[1:]
	}
	return nil
}

func (c *contact) firm() bool { return c.down || c.lifted.since(c.landed) >= firm }

// end ends the turn.
func (t *turns) end() {
	t.waiting = slices.DeleteFunc(t.waiting, func(c *contact) bool { return c == t.turn })
	t.turn, t.gone = nil, time.Time{}
}

// passOver ends the turn of a contact that stays.
func (t *turns) passOver() {
	if t.turn != nil && t.turn.down {
		t.turn.passed = true
		t.end()
	}
}

// any tells whether there is a contact to be seen.
func (t *turns) any() bool { return len(t.waiting) > 0 }
