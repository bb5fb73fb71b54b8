package keypad

import "image"

// A target is one thing that can be touched.
type target int8

const (
	nothing   target = -1
	pinButton target = 12
	wholePage target = 13 // of Adopted
	// 0 to 11 are the keys of the PIN page, in the order of layout.keys.
)

// place returns the index into order of a target that is a digit key.
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
// backspace, cancel, done), its label in the language of the screen, and where it is drawn, in
// pixels of the panel as the viewer sees it.
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

// areas returns what can be touched in s.
func (s *scene) areas(l *layout) []area {
	switch {
	case s.opening:
		return nil
	case s.page == entryPage:
		as := make([]area, len(l.keys))
		for i, r := range l.keys {
			as[i] = area{target(i), r}
		}
		return as
	case s.page == viewPage && s.view.offersPIN():
		return []area{{pinButton, l.button}}
	case s.page == viewPage && s.view.Screen == Adopted && !s.identifying():
		return []area{{wholePage, l.bounds}}
	}
	return nil
}

// controls describes the areas of s.
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
		case a.target == wholePage:
			c.Name, c.Label = "done", s.language.say("Done")
		}
		cs = append(cs, c)
	}
	return cs
}
