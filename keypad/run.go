package keypad

import (
	"context"
	"errors"
	"time"
)

// Run runs the touchscreen until ctx is done; then it wipes typed digits, switches buzzer and
// backlight off, and returns the errors of that. It is called once.
//
// It sleeps until there is something to do: a View, an edge of the pen line, or the earliest
// time at which one of its parts is due. An untouched screen on which nothing moves has none.
func (k *Keypad) Run(ctx context.Context) error {
	now := time.Now()
	k.started, k.light.lastUse = now, now
	if k.tracker.touch != nil {
		k.tracker.nextRead, k.tracker.nextRefresh = now, now // something may touch it already
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
		k.update(now)
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

// update does all that is due at now.
func (k *Keypad) update(now time.Time) {
	k.takeView(now)
	k.expirePage(now)
	k.readTouch(now)
	s := k.scene(now)
	k.health.report("buzzer", k.sound.update(now, k.backgroundSound()))
	lit := k.lit(now)
	if lit && k.light.dark() {
		k.panel.invalidate() // before anybody sees it
	}
	err := k.present(now, &s)
	if err == nil {
		err = k.panel.refreshNext(now, k.tracker.busy(now), lit || k.light.line == nil)
	}
	k.health.report("panel", err)
	// Draw before the light goes on, so that no panel flashes white.
	k.health.report("backlight", k.light.drive(now, lit))
	if !lit && k.light.dark() && k.panel.goDark() {
		k.initInTheDark(now, &s)
	}
}

// initInTheDark initialises the panel while it is dark, which takes a fifth of a second. A
// touch meanwhile turns the light on, as any touch in the dark does, and presses nothing.
func (k *Keypad) initInTheDark(now time.Time, s *scene) {
	before := k.penEdge.Swap(false)
	k.health.report("panel", k.present(now, s))
	if k.penEdge.Swap(before) || k.tracker.state == landing {
		after := time.Now()
		k.light.lastUse = after
		k.tracker.state, k.tracker.target, k.tracker.began, k.tracker.nextRead = ignored, nothing, after, after
	}
}

// sameStart is how far the Start of one outcome may differ between two Views: it is computed
// from another clock each time.
const sameStart = 100 * time.Millisecond

// takeView applies the newest View, if there is one.
func (k *Keypad) takeView(now time.Time) {
	k.mu.Lock()
	v := k.next
	k.next = nil
	k.mu.Unlock()
	if v == nil {
		return
	}
	was := k.view
	k.view = *v
	if k.view.Screen.timed() && !k.view.Screen.asksForSecond() {
		if k.view.Start.IsZero() {
			k.view.Start = now
		}
		if k.view.Until.IsZero() {
			k.view.Until = now.Add(deniedFor)
		}
	}
	fresh := v.Screen != was.Screen || v.Screen.timed() && !k.view.Start.IsZero() && !was.Start.IsZero() &&
		k.view.Start.Sub(was.Start).Abs() > sameStart
	if fresh {
		k.sound.play(now, screenSounds[v.Screen])
		k.light.lastUse = now
	}
	if v.Site != was.Site || v.Identify != was.Identify || v.Tamper != was.Tamper || v.DoorAlarm != was.DoorAlarm {
		k.light.lastUse = now
	}
	switch {
	case !v.offersPIN():
		if k.page != viewPage {
			k.openPage(viewPage, now)
		}
		k.tracker.ignore()
	case v.Screen == SecondPIN && fresh && k.page == viewPage:
		k.openPage(entryPage, now)
		k.opened = now
	case v.Screen != SecondPIN && was.Screen == SecondPIN && k.page == entryPage:
		k.openPage(viewPage, now)
	}
	if k.page == viewPage && v.Screen != Checking {
		k.entry.order = telephone()
	}
}

// readTouch reads the touchscreen if that is due, and acts on touches.
func (k *Keypad) readTouch(now time.Time) {
	if !k.tracker.due(now, k.penEdge.Swap(false)) {
		return
	}
	var areas []area
	if k.panel.known { // nobody presses a key that is not shown
		s := k.scene(now)
		areas = s.areas(k.l)
	}
	dark := !k.lit(now)
	what, t := k.tracker.sample(now, areas, k.l.gap)
	k.health.report("touch", k.tracker.fault(now))
	if dark {
		what = noEvent
	}
	if k.tracker.confirmed(now) {
		if dark {
			k.tracker.ignore()
		}
		k.light.lastUse = now
		if k.page == entryPage {
			k.since = now
		}
	}
	switch what {
	case keyDown:
		k.sound.play(now, clickSound)
	case keyUp:
		k.pressKey(now, t)
	}
}

// present draws s and brings it onto the panel.
func (k *Keypad) present(now time.Time, s *scene) error {
	if k.hasDrawn && *s == k.drawn && k.panel.known {
		return nil
	}
	if !k.hasDrawn || *s != k.drawn {
		k.painter.draw(s)
		k.drawn, k.hasDrawn = *s, true
	}
	cs := []Control{}
	err := k.panel.show(now, k.painter.canvas)
	if err == nil {
		cs = s.controls(k.l)
	}
	k.controls.Store(&cs)
	return err
}

// deadline returns when the next thing is due, as seen from now; zero if nothing is.
func (k *Keypad) deadline(now time.Time) time.Time {
	var at time.Time
	for _, t := range []time.Time{
		k.tracker.nextRead, k.sound.stepEnds, k.sound.retry, k.light.retry, k.panel.retry,
		k.pageDeadline(), k.frameDeadline(now), k.dimDeadline(now),
		k.panel.refreshAt(k.tracker.busy(now)), k.tracker.refreshAt(),
	} {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}
