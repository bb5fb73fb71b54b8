package keypad

import (
	"errors"
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
	firmAfter   = 16 * time.Millisecond  // a contact as long is a finger's; a spike is shorter
	slideAfter  = 30 * time.Millisecond  // a finger elsewhere for as long has slid off
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
// A key acts as leaving becomes lifted, if it was still held, and firmly: sliding off for
// 30 ms cancels, and so does lifting elsewhere.
type contact uint8

const (
	lifted  contact = iota
	landing         // one sample: not yet believed
	holding         // what it touches is held
	spent           // touches, and does nothing any more
	leaving         // no pressure, perhaps a bounce
)

// A finger follows the touch controller, which says of several how they take turns. On a
// resistive panel there is only one: two contacts are measured as one between them, which
// slides as one of them comes or goes, and so does nothing.
type finger struct {
	touch Touch
	pen   func() bool   // the pen line's level
	poll  time.Duration // how often to look while lifted; 0 waits for the pen line
	slack int           // how far off a key a finger may slide, in pixels

	state contact
	held  target    // while landing, holding and leaving; nothing where there is nothing
	began time.Time // of the contact
	off   time.Time // since when a finger that is holding is elsewhere; zero: it is not
	seen  time.Time // last reading
	felt  time.Time // last pressure, or edge of the pen line
	next  time.Time // when to look again; zero: at the next edge of the pen line
	alive time.Time // when to refresh the touch controller

	echoes int // edges of the pen line that readings made, one after the other
	err    error
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
		f.rise(now)
	}
	return !f.next.IsZero() && !now.Before(f.next) || !f.aliveAt().IsZero() && !now.Before(f.alive)
}

// rise takes an edge of the pen line. A reading makes one, too, where something touches too
// lightly to count (a drop of water): one that comes right after a reading only has the
// panel read again when it would be without it, or else they would go on without a pause.
func (f *finger) rise(now time.Time) {
	pause := sampleEvery
	if f.echoes > int(slowAfter/sampleEvery) {
		pause = slowEvery
	}
	at := f.seen.Add(pause)
	if !now.Before(at) {
		f.felt, f.next, f.echoes = now, now, 0
		return
	}
	f.echoes++
	if f.next.IsZero() {
		f.next = at
	}
}

// aliveAt is when the touch controller is to be refreshed; zero if it cannot be, or a finger
// shows that it works.
func (f *finger) aliveAt() time.Time {
	if _, can := f.touch.(refresher); !can || f.state != lifted {
		return time.Time{}
	}
	return f.alive
}

// refresh tells the touch controller its settings again where that is due.
func (f *finger) refresh(now time.Time) error {
	chip, can := f.touch.(refresher)
	if !can || f.state != lifted || f.err == nil && now.Before(f.alive) {
		return nil
	}
	f.alive = now.Add(aliveEvery)
	return chip.Refresh()
}

// sample reads the touch controller at now and says what it amounts to. Targets are areas
// and half the gaps between them.
func (f *finger) sample(now time.Time, areas []area, gap int) (touched, target) {
	var at image.Point
	var down bool
	err := f.refresh(now)
	if err == nil {
		at, down, err = f.touch.Read()
	}
	if f.err = err; err != nil {
		f.state, f.held, f.next = lifted, nothing, now.Add(touchRetry)
		return noTouch, nothing
	}
	f.seen = now
	what, t := noTouch, nothing
	switch {
	case down:
		f.felt, f.echoes = now, 0
		what = f.press(now, at, areas, gap)
		t = f.held
	case f.state == landing:
		f.state, f.held = lifted, nothing
	case f.state == leaving && now.Sub(f.felt) >= liftedFor:
		if f.firm(now) && f.off.IsZero() && slices.ContainsFunc(areas, func(a area) bool { return a.target == f.held }) {
			what, t = released, f.held
		}
		f.state, f.held = lifted, nothing
	case f.state != lifted:
		f.state = leaving
	}
	f.passOver(now)
	f.next = f.after(now)
	return what, t
}

// A passer has other contacts count in place of one that will not lift: PassOver tells
// whether it can tell them apart, PassedOver whether that one is still there.
type passer interface {
	PassOver() bool
	PassedOver() bool
}

// passOver gives up a contact that will not lift, if there can be others.
func (f *finger) passOver(now time.Time) {
	if p, can := f.touch.(passer); can && f.stuck(now) && p.PassOver() {
		f.state, f.held = lifted, nothing
	}
}

// stuck tells whether what touches has been there so long that it is rather something else
// than a finger.
func (f *finger) stuck(now time.Time) bool {
	return f.state != lifted && now.Sub(f.began) >= stuckAfter
}

// What is wrong with a touch that is touched without end.
var (
	// ErrHeld: nothing else can be felt.
	ErrHeld = errors.New("something has touched the screen for 30 s without a break: look for what lies on it or presses on its edge; if there is nothing, the film is broken")
	// ErrPassedOver: others are felt all the same.
	ErrPassedOver = errors.New("something has touched the screen for 30 s without a break, and is passed over: look for what lies on it or presses on its edge")
)

// fault says what is wrong with the touch; nil: nothing is.
func (f *finger) fault(now time.Time) error {
	p, can := f.touch.(passer)
	switch {
	case f.err != nil:
		return f.err
	case f.stuck(now):
		return ErrHeld
	case can && p.PassedOver():
		return ErrPassedOver
	}
	return nil
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
		f.state, f.held, f.began, f.off = landing, hit, now, time.Time{}
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
		on := slices.ContainsFunc(areas, func(a area) bool { return a.target == f.held && at.In(a.Inset(-f.slack)) })
		switch {
		case on:
			f.state, f.off = holding, time.Time{}
		case f.held != nothing && f.off.IsZero():
			f.state, f.off = holding, now // it slides, or else noise comes in between
		case f.held == nothing || now.Sub(f.off) >= slideAfter:
			f.state, f.held = spent, nothing
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
	return f.state != lifted && !f.stuck(now)
}

// firm is busy with a finger that has been felt long enough to be one.
func (f *finger) firm(now time.Time) bool {
	return f.busy(now) && f.felt.Sub(f.began) >= firmAfter
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
