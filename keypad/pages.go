package keypad

import "time"

const (
	idleFor   = 10 * time.Second // the PIN page untouched
	handedFor = 3 * time.Second  // an entry that nothing came of
	deniedFor = 2 * time.Second  // a timed screen that gives no end
	// lateFor is how long a timed screen stays on past its end, for the View that follows
	// it; only then does the keypad go to Home by itself.
	lateFor = 300 * time.Millisecond
)

// turnTo brings another page up, without anything that was typed on the one before.
func (k *Keypad) turnTo(p page, now time.Time) {
	k.entry.wipe()
	if p == entryPage {
		k.entry.open(k.view.ShufflePIN)
	}
	if p == viewPage && k.view.Screen != Checking {
		k.entry.order = telephone()
	}
	k.page, k.since = p, now
	k.light.awake = now
}

// act does what a key is for.
func (k *Keypad) act(now time.Time, t target) {
	place, digit := t.place()
	switch {
	case t == pinButton:
		k.turnTo(entryPage, now)
	case t == cancelKey:
		k.turnTo(viewPage, now)
	case t == backspaceKey:
		k.entry.back()
	case digit:
		if full := k.entry.add(place); full != nil {
			k.turnTo(handedPage, now)
			if k.opts.OnEntry != nil {
				k.opts.OnEntry(full)
			} else {
				clear(full[:])
			}
		}
	}
}

// pageDeadline is when the page leaves by itself.
func (k *Keypad) pageDeadline() time.Time {
	switch {
	case k.page == entryPage:
		return k.since.Add(idleFor)
	case k.page == handedPage:
		return k.since.Add(handedFor)
	case k.view.Screen.timed():
		return k.view.Until.Add(lateFor)
	}
	return time.Time{}
}

// leaveInTime turns away from a page whose time is over.
func (k *Keypad) leaveInTime(now time.Time) {
	at := k.pageDeadline()
	if at.IsZero() || now.Before(at) {
		return
	}
	if k.page == viewPage {
		k.view.Screen = Home
		k.light.awake = now
		return
	}
	k.turnTo(viewPage, now)
}

const (
	breathEvery = 60 * time.Millisecond  // pictures of what breathes
	blinkEvery  = 500 * time.Millisecond // on, off
	barEvery    = 40 * time.Millisecond  // at most so often moves the bar
)

// scene is what is to be seen at now.
func (k *Keypad) scene(now time.Time) scene {
	s := scene{view: k.view, language: k.languages.find(k.view.Language), page: k.page, pressed: k.finger.pressed()}
	// What no picture shows makes no difference between two of them.
	s.view.Start, s.view.Until = time.Time{}, time.Time{}
	s.view.ShufflePIN, s.view.Tamper, s.view.DoorAlarm = false, false, false
	s.view.Language = ""
	switch {
	case s.checking():
		s.order = k.entry.order
		s.phase = int(now.Sub(k.born)/breathEvery) % breaths
	case k.page == entryPage:
		s.order, s.filled = k.entry.order, k.entry.n
	case s.view.Screen == Granted:
		s.bar = k.barLeft(now)
	case s.identifying():
		s.blink = now.Sub(k.born)/blinkEvery%2 == 0
	}
	return s
}

// barLeft is how many pixels of the granted time are left, rounded up.
func (k *Keypad) barLeft(now time.Time) int {
	whole, left := k.view.Until.Sub(k.view.Start), k.view.Until.Sub(now)
	if whole <= 0 || left <= 0 {
		return 0
	}
	width := k.l.bar.Dx()
	return min(width, int((int64(left)*int64(width)+int64(whole)-1)/int64(whole)))
}

// frameDeadline is when the picture next moves.
func (k *Keypad) frameDeadline(now time.Time) time.Time {
	s := &k.drawn
	switch {
	case s.checking():
		return k.nextBeat(now, breathEvery)
	case s.identifying():
		return k.nextBeat(now, blinkEvery)
	case s.page == viewPage && s.view.Screen == Granted && s.bar > 0:
		whole := k.view.Until.Sub(k.view.Start)
		at := k.view.Until.Add(-whole / time.Duration(k.l.bar.Dx()) * time.Duration(s.bar-1))
		if soon := now.Add(barEvery); at.Before(soon) {
			return soon
		}
		return at
	}
	return time.Time{}
}

func (k *Keypad) nextBeat(now time.Time, every time.Duration) time.Time {
	return k.born.Add((now.Sub(k.born)/every + 1) * every)
}
