package keypad

import (
	"image"
	"slices"
	"time"
)

// The times of tracking a touch.
const (
	sampleEvery  = 8 * time.Millisecond   // while something touches
	idleEvery    = 100 * time.Millisecond // while only the pen line says so, without pressure
	idleAfter    = time.Second            // from the last pressure until idleEvery
	liftAfter    = 24 * time.Millisecond  // without pressure: a finger has lifted, not bounced
	confirmAfter = 16 * time.Millisecond  // the shortest touch of a finger; a spike is shorter
	slideAfter   = 30 * time.Millisecond  // off its key for as long: the finger has slid off
	stuckAfter   = 30 * time.Second       // no finger rests for as long
	touchRetry   = time.Second            // after a failed reading
)

// A touchState is the state of a touch.
//
//	         pressed               same target         outside it
//	lifted ----------> landing --------------> holding ----------> ignored
//	  ^                   |                     |   ^                 |
//	  |      released     |            released |   | pressed         |
//	  +-------------------+                     v   |                 |
//	  +---------------------- 24 ms ---------- lifting <-- released --+
//
// A key acts as lifting becomes lifted, if the finger was still on it and has touched for at
// least 16 ms. Sliding off for 30 ms cancels, and so does lifting elsewhere.
type touchState uint8

const (
	lifted  touchState = iota
	landing            // one reading: not yet believed
	holding            // a key, or nothing, is pressed
	ignored            // still touches, but does nothing any more
	lifting            // no pressure; it may be a bounce
)

// A touchTracker turns the readings of the touch controller into keys that are pressed and
// released. Where several fingers can be told apart, the controller's driver presents them
// one after the other. A resistive film measures two contacts as one between them, which
// slides as either comes or goes and so presses nothing.
type touchTracker struct {
	touch     Touch
	pen       func() bool   // the pen line's level
	poll      time.Duration // how often to read while lifted; 0: wait for the pen line
	tolerance int           // how far off a key a finger may slide, in pixels

	state       touchState
	target      target    // what is pressed while landing, holding or lifting
	began       time.Time // of the touch
	leftAt      time.Time // since when the finger is off its target; zero: it is on it
	readAt      time.Time // the last reading
	pressedAt   time.Time // the last pressure, or edge of the pen line
	nextRead    time.Time // zero: at the next edge of the pen line
	nextRefresh time.Time // of the touch controller

	echoes int // edges of the pen line that readings caused, in a row
	err    error
}

// A touchEvent is the result of one reading.
type touchEvent uint8

const (
	noEvent touchEvent = iota
	keyDown            // the target was pressed just now
	keyUp              // the target was released
)

// due reports whether to call sample at now. edge says that the pen line became active.
func (f *touchTracker) due(now time.Time, edge bool) bool {
	if f.touch == nil {
		return false
	}
	if edge && f.err == nil && f.state == lifted && f.pen() {
		f.penEdge(now)
	}
	return !f.nextRead.IsZero() && !now.Before(f.nextRead) || !f.refreshAt().IsZero() && !now.Before(f.nextRefresh)
}

// penEdge takes an edge of the pen line. Where something touches too lightly to count (a drop
// of water), each reading causes another edge. So an edge right after a reading does not
// bring the next reading forward, or they would follow each other without a pause.
func (f *touchTracker) penEdge(now time.Time) {
	pause := sampleEvery
	if f.echoes > int(idleAfter/sampleEvery) {
		pause = idleEvery
	}
	at := f.readAt.Add(pause)
	if !now.Before(at) {
		f.pressedAt, f.nextRead, f.echoes = now, now, 0
		return
	}
	f.echoes++
	if f.nextRead.IsZero() {
		f.nextRead = at
	}
}

// refreshAt returns when to refresh the touch controller; zero if it cannot be refreshed, or
// a finger shows that it works.
func (f *touchTracker) refreshAt() time.Time {
	if _, can := f.touch.(refresher); !can || f.state != lifted {
		return time.Time{}
	}
	return f.nextRefresh
}

// refresh refreshes the touch controller if that is due.
func (f *touchTracker) refresh(now time.Time) error {
	chip, can := f.touch.(refresher)
	if !can || f.state != lifted || f.err == nil && now.Before(f.nextRefresh) {
		return nil
	}
	f.nextRefresh = now.Add(touchRefreshEvery)
	return chip.Refresh()
}

// sample reads the touch controller at now and returns the event. A target is an area with
// half the gap around it.
func (f *touchTracker) sample(now time.Time, areas []area, gap int) (touchEvent, target) {
	var at image.Point
	var down bool
	err := f.refresh(now)
	if err == nil {
		at, down, err = f.touch.Read()
	}
	if f.err = err; err != nil {
		f.state, f.target, f.nextRead = lifted, nothing, now.Add(touchRetry)
		return noEvent, nothing
	}
	f.readAt = now
	what, t := noEvent, nothing
	switch {
	case down:
		f.pressedAt, f.echoes = now, 0
		what = f.follow(now, at, areas, gap)
		t = f.target
	case f.state == landing:
		f.state, f.target = lifted, nothing
	case f.state == lifting && now.Sub(f.pressedAt) >= liftAfter:
		if f.confirmed(now) && f.leftAt.IsZero() && slices.ContainsFunc(areas, func(a area) bool { return a.target == f.target }) {
			what, t = keyUp, f.target
		}
		f.state, f.target = lifted, nothing
	case f.state != lifted:
		f.state = lifting
	}
	f.passOverStuck(now)
	f.nextRead = f.readAgainAt(now)
	return what, t
}

// follow updates the state with the position of a touching finger.
func (f *touchTracker) follow(now time.Time, at image.Point, areas []area, gap int) touchEvent {
	hit := nothing
	for _, a := range areas {
		if at.In(a.Inset(-gap / 2)) {
			hit = a.target
			break
		}
	}
	switch f.state {
	case lifted:
		f.state, f.target, f.began, f.leftAt = landing, hit, now, time.Time{}
	case landing:
		if hit != f.target {
			f.target = hit
			break
		}
		f.state = holding
		if hit != nothing {
			return keyDown
		}
	case holding, lifting:
		on := slices.ContainsFunc(areas, func(a area) bool { return a.target == f.target && at.In(a.Inset(-f.tolerance)) })
		switch {
		case on:
			f.state, f.leftAt = holding, time.Time{}
		case f.target != nothing && f.leftAt.IsZero():
			f.state, f.leftAt = holding, now // it slides, or this is noise
		case f.target == nothing || now.Sub(f.leftAt) >= slideAfter:
			f.state, f.target = ignored, nothing
		}
	}
	return noEvent
}

// ignore ignores a current touch, if any, until it ends.
func (f *touchTracker) ignore() {
	f.target = nothing
	if f.state != lifted {
		f.state = ignored
	}
}

// pressed returns the target that the screen shows as pressed.
func (f *touchTracker) pressed() target {
	if f.state == holding || f.state == lifting {
		return f.target
	}
	return nothing
}

// busy reports whether a finger touches: nothing that has been there for too long.
func (f *touchTracker) busy(now time.Time) bool {
	return f.state != lifted && !f.stuck(now)
}

// confirmed reports whether something has touched for long enough to be a finger.
func (f *touchTracker) confirmed(now time.Time) bool {
	return f.busy(now) && f.pressedAt.Sub(f.began) >= confirmAfter
}

// readAgainAt returns when to read next; zero if the pen line will tell.
func (f *touchTracker) readAgainAt(now time.Time) time.Time {
	switch {
	case f.busy(now), f.state == lifted && f.pen() && now.Sub(f.pressedAt) < idleAfter:
		return now.Add(sampleEvery)
	case f.state != lifted || f.pen():
		return now.Add(idleEvery)
	case f.poll > 0:
		return now.Add(f.poll)
	}
	return time.Time{}
}
