package keypad

import (
	"image"
	"time"
)

// A scene is all that one frame depends on: equal scenes give equal pictures. Of a PIN it
// holds only the number of typed digits.
type scene struct {
	view     View // its times are zero, and its language is empty
	language lang
	page     page
	order    order
	opening  bool // the PIN page opened by itself just now: no key can be pressed yet
	filled   int  // digits typed: dots that are filled
	pressed  target
	bar      int  // pixels of the bar: done on Keep, left elsewhere
	phase    int  // of the dots on Checking, 0 to breaths-1
	blink    bool // the blinking icon is on

	// On crossPage.
	prompt      string      // a sentence of the language files
	cross       image.Point // the middle of the cross; zero: calibration is done
	crossNumber int         // which cross it is, from 1
	crossTaken  bool        // it was touched
}

// checking reports whether the scene shows that a PIN is being looked up.
func (s *scene) checking() bool {
	return s.page == checkingPage || s.page == viewPage && s.view.Screen == Checking
}

// runsDown reports whether a bar shows how much time is left.
func (s *scene) runsDown() bool { return s.view.Screen.runsDown() && !s.checking() }

// identifying reports whether the reader's id blinks: never instead of an outcome or an
// evacuation, or while a PIN is typed.
func (s *scene) identifying() bool {
	return s.view.Identify && s.page == viewPage && s.view.Screen != Checking && s.view.Screen != Evacuation && !s.view.Screen.timed()
}

// scene returns what should be on the display at now.
func (k *Keypad) scene(now time.Time) scene {
	s := scene{view: k.view, language: k.languages.find(k.view.Language), page: k.page, pressed: k.tracker.pressed()}
	// Clear what no picture depends on, so that equal pictures have equal scenes.
	s.view.Start, s.view.Until = time.Time{}, time.Time{}
	s.view.ShufflePIN, s.view.Tamper, s.view.DoorAlarm = false, false, false
	s.view.Language = ""
	switch {
	case s.checking():
		s.order = k.entry.order
		s.phase = int(now.Sub(k.started)/breathEvery) % breaths
	case k.page == entryPage:
		s.order, s.filled = k.entry.order, k.entry.n
		s.opening = now.Before(k.opened.Add(openingFor))
	case s.view.Screen == Keep && s.view.Of > 0:
		s.bar = k.l.bar.Dx() * int(min(s.view.Done, s.view.Of)) / int(s.view.Of)
	case s.identifying():
		s.blink = now.Sub(k.started)/blinkEvery%2 == 0
	}
	if s.runsDown() {
		if s.bar = k.drawn.bar; !k.view.Until.IsZero() {
			s.bar = k.barLeft(now, k.l.barWidth(&s))
		}
	}
	return s
}
