// Package keypad is the touchscreen of a door reader as one instrument: its screens, what
// can be touched on them, the buzzer and the backlight.
//
// The brain says in a View what the screen is about; the keypad owns what a person sees,
// hears and touches: pages, typing a PIN, animations, sounds, light. One goroutine, Run,
// owns all of it; Show, PenChanged and Controls may be called from any other.
//
// A typed digit is in one buffer only, which is handed over with the eighth one and wiped
// whenever the PIN page is left. No digit and no place of a touch is in any error or log.
package keypad

import (
	"crypto/rand"
	"image"
	"sync"
	"sync/atomic"
	"time"
)

// A Display is a panel of fixed size.
//
// One that has Init() error is initialised again before it is written to after an error.
// One that has Refresh() error, which sends its settings again, is refreshed and written
// anew when the light comes on, and piece by piece while it is on: see mend.go.
type Display interface {
	// Size is the panel's size in pixels as the viewer sees it.
	Size() image.Point
	// Write puts pix, big-endian RGB565 row by row, 2*r.Dx()*r.Dy() bytes, into r. It
	// does not keep pix. After an error the panel's contents count as unknown.
	Write(r image.Rectangle, pix []byte) error
}

// A Touch says where it is touched now, in pixels of the panel as the viewer sees it. One
// that has Refresh() error is refreshed every few seconds while it is not touched, and
// before it is read again after an error: it works only if that says so. One that has
// PassOver and PassedOver can tell fingers apart, and is told of one that does not lift.
type Touch interface {
	Read() (at image.Point, down bool, err error)
}

// A Line is an output: 1 is on.
type Line interface {
	SetValue(int) error
}

// Opts is what a keypad has beside display and touch. Its zero value is of use.
type Opts struct {
	Buzzer    Line // sounds while it is on; may be nil
	Backlight Line // may be nil

	// Poll is how often an untouched panel is read where no pen line calls PenChanged;
	// 0 where one does.
	Poll time.Duration

	// Language is that of Views that name none, and of those whose language is near none of
	// Languages: a tag of RFC 5646, English if empty or unknown.
	Language string

	// OnEntry gets the eight ASCII digits of a PIN, once an entry, and owns the buffer
	// from then on; the keypad has kept nothing. It is called by Run and must not block.
	OnEntry func(pin *[8]byte)

	// OnHealth is told once that a part (panel, touch, buzzer, backlight) has failed, or,
	// with ErrPassedOver, works in part, and once, with nil, that it works again. It is
	// called by Run and must not block.
	OnHealth func(part string, err error)

	// OnTurn, if not nil, is told when Run begins to do what is due, and when it has done
	// it: all that it asks of display, touch and lines lies between. It must not block.
	OnTurn func(begins bool)
}

// A Keypad is a touchscreen; New makes one, Run runs it.
type Keypad struct {
	opts Opts

	wake     chan struct{} // there is something in next or penEdge
	pen      atomic.Bool   // the pen line's level
	penEdge  atomic.Bool   // it became active since Run looked
	controls atomic.Pointer[[]Control]
	mu       sync.Mutex
	next     *View // shown, not yet taken

	// From here on all is Run's.
	l         *layout
	painter   *painter
	panel     panel
	sound     sound
	light     light
	finger    finger
	entry     entry
	health    health
	languages *languagePicker

	view  View
	page  page
	since time.Time // when page was entered, or last touched
	born  time.Time // when Run began: what moves moves by it
	drawn scene     // what painter's canvas shows
	fresh bool      // that it shows anything yet
}

// New makes a keypad of at least 240 x 320 pixels, upright or lying, that shows the start
// page of no door until Show is called. It touches neither display nor lines. opts may be
// nil; it is copied.
func New(d Display, t Touch, opts *Opts) (*Keypad, error) {
	l, err := measure(d.Size())
	if err != nil {
		return nil, err
	}
	p, err := newPainter(l)
	if err != nil {
		return nil, err
	}
	k := &Keypad{wake: make(chan struct{}, 1), l: l, painter: p}
	if opts != nil {
		k.opts = *opts
	}
	k.languages = newLanguagePicker(k.opts.Language)
	k.panel = panel{display: d, held: newCanvas(l.bounds.Size()), mending: mending{deep: true}}
	k.sound.line = k.opts.Buzzer
	k.light.line = k.opts.Backlight
	k.finger = finger{touch: t, pen: k.pen.Load, poll: k.opts.Poll, slack: 2 * l.gap, held: nothing}
	k.entry = entry{order: telephone(), pick: pick}
	k.health.on = k.opts.OnHealth
	k.controls.Store(&[]Control{})
	return k, nil
}

// Show hands over what the screen is about from now on. It never blocks; of several Views
// that Run had no time to look at only the newest counts.
func (k *Keypad) Show(v View) {
	k.mu.Lock()
	k.next = &v
	k.mu.Unlock()
	k.rouse()
}

// PenChanged hands over the level of the pen line: active while the panel is touched.
func (k *Keypad) PenChanged(active bool) {
	k.pen.Store(active)
	if active {
		k.penEdge.Store(true)
		k.rouse()
	}
}

func (k *Keypad) rouse() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Controls gives what can be touched on the frame that is on the panel, where it stands
// and in the order of a shuffled pad. It is empty while the panel does not work.
func (k *Keypad) Controls() []Control {
	return append([]Control{}, *k.controls.Load()...)
}

// pick gives a number from 0 to n-1, each as likely, n at most 256, from crypto/rand.
func pick(n int) int {
	var b [1]byte
	for {
		rand.Read(b[:])
		if v := int(b[0]); v < 256/n*n {
			return v % n
		}
	}
}
