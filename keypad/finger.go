package keypad

import (
	"image"
	"slices"
	"time"
)

// How a finger is followed.
const (
	sampleEvery = 8 * time.Millisecond   // while it touches
	slowEvery   = 100 * time.Millisecond // while the pen line says so and no pressure is felt
	slowAfter   = time.Second            // that long after the last pressure
	liftedFor   = 24 * time.Millisecond  // without pressure: lifted, not bounced
	stuckAfter  = 30 * time.Second       // a finger that long counts as none
	touchRetry  = time.Second            // after a failed reading
)

// A contact is one state of the finger.
//
//	         pressed               same target         outside it
//	lifted ----------> landing --------------> holding ----------> spent
//	  ^                   |                     |   ^                |
//	  |      released     |            released |   | pressed        |
//	  +-------------------+                     v   |                |
//	  +---------------------- 24 ms ---------- leaving <-- released -+
//
// A key acts as leaving becomes lifted, if it was still held: sliding off cancels.
type contact uint8

const (
	lifted  contact = iota
	landing         // one sample: not yet believed
	holding         // what it touches is held
	spent           // touches, and does nothing any more
	leaving         // no pressure, perhaps a bounce
)

// A finger follows the touch controller. On a resistive panel there is only one.
type finger struct {
	touch Touch
	pen   func() bool   // the pen line's level
	poll  time.Duration // how often to look while lifted; 0 waits for the pen line
	slack int           // how far off a key a finger may slide, in pixels

	state contact
	held  target    // while landing, holding and leaving; nothing where there is nothing
	began time.Time // of the contact
	felt  time.Time // last pressure, or edge of the pen line
	next  time.Time // when to look again; zero: at the next edge of the pen line
	err   error
}

// touched is what one sample amounts to.
type touched uint8

const (
	noTouch  touched = iota
	pressing         // held was pressed just now
	released         // the target was held and let go
)

// due tells whether to sample at now; edge, that the pen line became active.
func (f *finger) due(now time.Time, edge bool) bool {
	if f.touch == nil {
		return false
	}
	if edge && f.err == nil && f.state == lifted && f.pen() {
		f.felt, f.next = now, now
	}
	return !f.next.IsZero() && !now.Before(f.next)
}

// sample reads the touch controller at now and says what it amounts to. Targets are areas
// and half the gaps between them.
func (f *finger) sample(now time.Time, areas []area, gap int) (touched, target) {
	at, down, err := f.touch.Read()
	if f.err = err; err != nil {
		f.state, f.held, f.next = lifted, nothing, now.Add(touchRetry)
		return noTouch, nothing
	}
	what, t := noTouch, nothing
	switch {
	case down:
		f.felt = now
		what = f.press(now, at, areas, gap)
		t = f.held
	case f.state == landing:
		f.state, f.held = lifted, nothing
	case f.state == leaving && now.Sub(f.felt) >= liftedFor:
		if slices.ContainsFunc(areas, func(a area) bool { return a.target == f.held }) {
			what, t = released, f.held
		}
		f.state, f.held = lifted, nothing
	case f.state != lifted:
		f.state = leaving
	}
	f.next = f.after(now)
	return what, t
}

// press follows a finger that is at a place.
func (f *finger) press(now time.Time, at image.Point, areas []area, gap int) touched {
	hit := nothing
	for _, a := range areas {
		if at.In(a.Inset(-gap / 2)) {
			hit = a.target
			break
		}
	}
	switch f.state {
	case lifted:
		f.state, f.held, f.began = landing, hit, now
	case landing:
		if hit != f.held {
			f.held = hit
			break
		}
		f.state = holding
		if hit != nothing {
			return pressing
		}
	case holding, leaving:
		f.state = spent
		for _, a := range areas {
			if a.target == f.held && at.In(a.Inset(-f.slack)) {
				f.state = holding
			}
		}
		if f.state == spent {
			f.held = nothing
		}
	}
	return noTouch
}

// spend makes the finger that may touch do nothing until it is lifted.
func (f *finger) spend() {
	f.held = nothing
	if f.state != lifted {
		f.state = spent
	}
}

// pressed is what is held, as the screen shows it.
func (f *finger) pressed() target {
	if f.state == holding || f.state == leaving {
		return f.held
	}
	return nothing
}

// busy tells whether a finger touches, and has not been there so long that it is rather
// something else.
func (f *finger) busy(now time.Time) bool {
	return f.state != lifted && now.Sub(f.began) < stuckAfter
}

// after is when to read next.
func (f *finger) after(now time.Time) time.Time {
	switch {
	case f.busy(now), f.state == lifted && f.pen() && now.Sub(f.felt) < slowAfter:
		return now.Add(sampleEvery)
	case f.state != lifted || f.pen():
		return now.Add(slowEvery)
	case f.poll > 0:
		return now.Add(f.poll)
	}
	return time.Time{}
}
