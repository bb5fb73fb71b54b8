package keypad

import (
	"context"
	"errors"
	"time"
)

// Run shows, listens and sounds until ctx is done; then it wipes what was typed, switches
// buzzer and backlight off, and returns what of that failed. It is called once.
//
// Whatever happens wakes it: a View, the pen line, or the earliest time at which one of
// its parts has something to do. While a static screen is untouched there is none.
func (k *Keypad) Run(ctx context.Context) error {
	now := time.Now()
	k.born, k.light.awake = now, now
	if k.finger.touch != nil {
		k.finger.next, k.finger.alive = now, now // something may touch it already
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return k.end()
		case <-k.wake:
		case <-timer.C:
		}
		now = time.Now()
		k.onTurn(true)
		k.turn(now)
		k.onTurn(false)
		timer.Stop()
		now = time.Now() // a frame may have taken a while
		if at := k.deadline(now); !at.IsZero() {
			timer.Reset(at.Sub(now))
		}
	}
}

func (k *Keypad) onTurn(begins bool) {
	if k.opts.OnTurn != nil {
		k.opts.OnTurn(begins)
	}
}

func (k *Keypad) end() error {
	k.entry.wipe()
	k.controls.Store(&[]Control{})
	now := time.Now()
	k.sound.retry, k.light.retry = now, now
	return errors.Join(k.sound.drive(now, false), k.light.drive(now, false))
}

// turn does all that is due at now.
func (k *Keypad) turn(now time.Time) {
	k.take(now)
	k.leaveInTime(now)
	k.feel(now)
	s := k.scene(now)
	k.health.report("buzzer", k.sound.step(now, k.rest()))
	lit := k.lit(now)
	if lit && k.light.dark() {
		k.panel.refresh() // before anybody looks at it
	}
	err := k.present(now, &s)
	if err == nil {
		err = k.panel.remind(now, k.finger.busy(now), lit || k.light.line == nil)
	}
	k.health.report("panel", err)
	// The light comes after the picture, so that no panel ever flashes white.
	k.health.report("backlight", k.light.drive(now, lit))
	if !lit && k.light.dark() && k.panel.unseen() {
		k.renew(now, &s)
	}
}

// renew sets the panel up in the dark, which takes a fifth of a second. Who touches it
// meanwhile gets light, as from any touch in the dark, and nothing else.
func (k *Keypad) renew(now time.Time, s *scene) {
	before := k.penEdge.Swap(false)
	k.health.report("panel", k.present(now, s))
	if k.penEdge.Swap(before) || k.finger.state == landing {
		after := time.Now()
		k.light.awake = after
		k.finger.state, k.finger.held, k.finger.began, k.finger.next = spent, nothing, after, after
	}
}

// sameStart is how far the starts of one outcome may be apart in two Views of it, as they
// come from another clock.
const sameStart = 100 * time.Millisecond

// take looks at the newest View.
func (k *Keypad) take(now time.Time) {
	k.mu.Lock()
	v := k.next
	k.next = nil
	k.mu.Unlock()
	if v == nil {
		return
	}
	was := k.view
	k.view = *v
	if k.view.Screen.timed() {
		if k.view.Start.IsZero() {
			k.view.Start = now
		}
		if k.view.Until.IsZero() {
			k.view.Until = now.Add(deniedFor)
		}
	}
	if v.Screen != was.Screen || v.Screen.timed() && k.view.Start.Sub(was.Start).Abs() > sameStart {
		k.sound.play(now, v.Screen.outcome())
		k.light.awake = now
	}
	if v.Identify != was.Identify || v.Tamper != was.Tamper || v.DoorAlarm != was.DoorAlarm || v.HoldOpen != was.HoldOpen {
		k.light.awake = now
	}
	if k.page != viewPage && !v.entry() {
		k.turnTo(viewPage, now)
	}
	if !v.entry() {
		k.finger.spend()
	}
	if k.page == viewPage && v.Screen != Checking {
		k.entry.order = telephone()
	}
}

// rest is what sounds whenever nothing else does.
func (k *Keypad) rest() melody {
	switch {
	case k.view.Tamper:
		return alarmSound
	case k.view.Identify:
		return hereSound
	case k.view.DoorAlarm:
		return doorSound
	}
	return silence
}

// lively tells whether there is something to look at that must not go dark.
func (k *Keypad) lively() bool {
	v := &k.view
	return k.page != viewPage || v.Screen == Checking || v.Screen == Enrol || v.Screen.timed() ||
		v.Tamper || v.DoorAlarm || v.Identify
}

func (k *Keypad) lit(now time.Time) bool { return k.lively() || k.light.lit(now) }

// feel looks where the panel is touched.
func (k *Keypad) feel(now time.Time) {
	if !k.finger.due(now, k.penEdge.Swap(false)) {
		return
	}
	var areas []area
	if k.panel.known { // nobody can mean what they touch on a picture that is not there
		s := k.scene(now)
		areas = s.areas(k.l)
	}
	dark := !k.lit(now)
	what, t := k.finger.sample(now, areas, k.l.gap)
	k.health.report("touch", k.finger.fault(now))
	if dark {
		what = noTouch
	}
	if k.finger.firm(now) {
		if dark {
			k.finger.spend()
		}
		k.light.awake = now
		if k.page == entryPage {
			k.since = now
		}
	}
	switch what {
	case pressing:
		k.sound.play(now, clickSound)
	case released:
		k.act(now, t)
	}
}

// present brings s onto the panel.
func (k *Keypad) present(now time.Time, s *scene) error {
	if k.fresh && *s == k.drawn && k.panel.known {
		return nil
	}
	if !k.fresh || *s != k.drawn {
		k.painter.draw(s)
		k.drawn, k.fresh = *s, true
	}
	cs := []Control{}
	err := k.panel.show(now, k.painter.canvas)
	if err == nil {
		cs = s.controls(k.l)
	}
	k.controls.Store(&cs)
	return err
}

// deadline is when, seen from now, the earliest of what is to come is due; zero if nothing
// is.
func (k *Keypad) deadline(now time.Time) time.Time {
	var at time.Time
	for _, t := range []time.Time{
		k.finger.next, k.sound.until, k.sound.retry, k.light.retry, k.panel.retry,
		k.pageDeadline(), k.frameDeadline(now), k.dimDeadline(now),
		k.panel.remindAt(k.finger.busy(now)), k.finger.aliveAt(),
	} {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// dimDeadline is when the light goes out.
func (k *Keypad) dimDeadline(now time.Time) time.Time {
	if k.light.line == nil || k.lively() || !k.light.lit(now) {
		return time.Time{}
	}
	return k.light.awake.Add(dimAfter)
}
