package keypad

import "time"

// The frame times of animations.
const (
	breathEvery = 60 * time.Millisecond  // a step of the dots on Checking
	blinkEvery  = 500 * time.Millisecond // on, off
	barEvery    = 40 * time.Millisecond  // the bar of the time that is left, at most
)

// barLeft returns how many of the bar's pixels are left of the screen's time, rounded up.
func (k *Keypad) barLeft(now time.Time, width int) int {
	whole, left := k.view.Until.Sub(k.view.Start), k.view.Until.Sub(now)
	if whole <= 0 || left <= 0 {
		return 0
	}
	return min(width, int((int64(left)*int64(width)+int64(whole)-1)/int64(whole)))
}

// frameDeadline returns when the next frame is due; zero if nothing is animated.
func (k *Keypad) frameDeadline(now time.Time) time.Time {
	s := &k.drawn
	switch {
	case s.checking():
		return k.nextBeat(now, breathEvery)
	case s.identifying():
		return k.nextBeat(now, blinkEvery)
	case s.opening:
		return k.opened.Add(openingFor)
	case s.runsDown() && s.bar > 0 && !k.view.Until.IsZero():
		whole := k.view.Until.Sub(k.view.Start)
		at := k.view.Until.Add(-whole / time.Duration(k.l.barWidth(s)) * time.Duration(s.bar-1))
		if soon := now.Add(barEvery); at.Before(soon) {
			return soon
		}
		return at
	}
	return time.Time{}
}

func (k *Keypad) nextBeat(now time.Time, every time.Duration) time.Time {
	return k.started.Add((now.Sub(k.started)/every + 1) * every)
}
