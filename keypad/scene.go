package keypad

import "image"

// A page is what stands on the display.
//
//	          PIN button              eighth digit
//	viewPage ------------> entryPage --------------> handedPage
//	    ^                      |                         |
//	    |   cancel, 10 s, a    |      any View but one   |
//	    |   View without PIN   |    that offers PIN, 3 s  |
//	    +----------------------+-------------------------+
type page uint8

const (
	viewPage   page = iota // the View as it was shown
	entryPage              // PIN entry
	handedPage             // an entry was handed off; its outcome is awaited
	crossPage              // Calibrate's, in no diagram
)

// A scene is exactly what one frame depends on: equal scenes are equal pictures. It holds
// no digit that was typed, only how many.
type scene struct {
	view     View // its times are zero, and its language is empty
	language Language
	page     page
	order    order
	filled   int // dots
	pressed  target
	bar      int // pixels left of the time that runs down
	phase    int // of what moves on Checking, of breaths steps a turn
	blink    bool

	// On crossPage.
	said  string      // in English
	cross image.Point // the middle of the cross; zero: it is done
	nth   int         // which it is, from 1
	taken bool        // it was touched
}

// order is which digit stands at each of the ten places, 1 to 9 and 0 on a telephone.
type order [10]uint8

func telephone() order { return order{1, 2, 3, 4, 5, 6, 7, 8, 9, 0} }

// checking tells whether the scene shows that an entry is looked up.
func (s *scene) checking() bool {
	return s.page == handedPage || s.page == viewPage && s.view.Screen == Checking
}

// identifying tells whether the reader's id blinks: over what may wait, never over an
// outcome or somebody's entry.
func (s *scene) identifying() bool {
	return s.view.Identify && s.page == viewPage && s.view.Screen != Checking && !s.view.Screen.timed()
}

// A target is one thing that can be touched.
type target int8

const (
	nothing   target = -1
	pinButton target = 12
	// 0 to 11 are places on the pad: layout.keys.
)

// place gives the pad's place, 0 to 9 in the order of order, of a target that is a digit.
func (t target) place() (int, bool) {
	switch {
	case t >= 0 && t < cancelKey:
		return int(t), true
	case t == 10:
		return 9, true
	}
	return 0, false
}

// A Control is something that can be touched now: its name (pin, digit-0 to digit-9,
// backspace, cancel), its label, and where it is drawn, in pixels of the panel as the
// viewer sees it.
type Control struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	X     int    `json:"x"`
	Y     int    `json:"y"`
	W     int    `json:"w"`
	H     int    `json:"h"`
}

// An area is where a target is drawn.
type area struct {
	target target
	image.Rectangle
}

// areas gives what can be touched in s.
func (s *scene) areas(l *layout) []area {
	switch {
	case s.page == entryPage:
		as := make([]area, len(l.keys))
		for i, r := range l.keys {
			as[i] = area{target(i), r}
		}
		return as
	case s.page == viewPage && s.view.entry():
		return []area{{pinButton, l.button}}
	}
	return nil
}

// controls describes the areas of s to others.
func (s *scene) controls(l *layout) []Control {
	cs := []Control{}
	for _, a := range s.areas(l) {
		c := Control{X: a.Min.X, Y: a.Min.Y, W: a.Dx(), H: a.Dy()}
		switch p, digit := a.target.place(); {
		case digit:
			c.Label = string('0' + rune(s.order[p]))
			c.Name = "digit-" + c.Label
		case a.target == cancelKey:
			c.Name, c.Label = "cancel", s.language.say("Cancel")
		case a.target == backspaceKey:
			c.Name, c.Label = "backspace", s.language.say("Backspace")
		case a.target == pinButton:
			c.Name, c.Label = "pin", s.language.say("PIN")
		}
		cs = append(cs, c)
	}
	return cs
}
