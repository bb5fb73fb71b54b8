// Package keypad is the user interface of a door reader: its screens, their controls, the
// buzzer and the backlight.
//
// The caller sets the content of the screen with a View; the keypad owns pages, PIN entry,
// animations, sounds and light. One goroutine, Run, owns the state; Show, PenChanged and
// Controls may be called from any other.
//
// Typed digits are in one buffer only, which is handed over with the eighth digit and wiped
// whenever the PIN page closes. No digit and no position of a touch is in any error or log.
package keypad

import (
	"image"
	"sync"
	"sync/atomic"
	"time"
)

// A Display is a panel of fixed size.
//
// One that has Init() error is initialised again before it is written to after an error.
// One that has Refresh() error, which sends its settings again, is refreshed and written
// again when the light comes on, and piece by piece while it is on: see panel_refresh.go.
type Display interface {
	// Size is the panel's size in pixels as the viewer sees it.
	Size() image.Point
	// Write puts pix, big-endian RGB565 row by row, 2*r.Dx()*r.Dy() bytes, into r. It
	// does not keep pix. After an error the panel's contents count as unknown.
	Write(r image.Rectangle, pix []byte) error
}

// A Touch reports where it is touched now, in pixels of the panel as the viewer sees it.
//
// One that has Refresh() error is refreshed every few seconds while it is not touched, and
// before it is read again after an error: it works only if Refresh returns nil. One that has
// PassOver and PassedOver, as touch.Evdev, is asked to disregard a contact that does not lift.
type Touch interface {
	Read() (at image.Point, down bool, err error)
}

// A Line is an output: 1 is on.
type Line interface {
	SetValue(int) error
}

// Opts are a keypad's other parts and settings. The zero value is usable.
type Opts struct {
	Buzzer    Line // sounds while it is on; may be nil
	Backlight Line // may be nil

	// Poll is how often an untouched panel is read where no pen line calls PenChanged;
	// 0 where one does.
	Poll time.Duration

	// Language is a tag of RFC 5646, for Views without a language or with one that no file in
	// languages is near to. Empty or unknown is English.
	Language string

	// OnEntry gets the eight ASCII digits of each PIN and owns the buffer from then on; the
	// keypad keeps nothing. It is called by Run and must not block.
	OnEntry func(pin *[8]byte)

	// OnSeen is called when somebody has touched the screen on Adopted. It is called by Run and
	// must not block.
	OnSeen func()

	// OnHealth is called once when a part (panel, touch, buzzer, backlight) has failed or,
	// with ErrPassedOver, works in part only, and once, with nil, when it works again. It
	// is called by Run and must not block.
	OnHealth func(part string, err error)

	// OnTurn, if not nil, is called when Run begins to do what is due and when it is done:
	// it uses display, touch and lines only in between. It must not block.
	OnTurn func(begins bool)
}

// A Keypad is a touchscreen; New makes one, Run runs it.
type Keypad struct {
	opts Opts

	wake     chan struct{} // next or penEdge was set
	pen      atomic.Bool   // the pen line's level
	penEdge  atomic.Bool   // it became active since Run read it
	controls atomic.Pointer[[]Control]
	mu       sync.Mutex
	next     *View // from Show, not yet taken by Run

	// Only Run uses what follows.
	l         *layout
	painter   *painter
	panel     panel
	sound     sound
	light     backlight
	tracker   touchTracker
	entry     pinEntry
	health    health
	languages *languagePicker

	view     View
	page     page
	since    time.Time // when page was opened, or last touched
	opened   time.Time // when entryPage last opened by itself
	started  time.Time // when Run began: animations count from it
	drawn    scene     // what the painter has drawn
	hasDrawn bool      // drawn is set
}

// New makes a keypad of at least 240 x 320 pixels, portrait or landscape, that shows a start
// page without a name until Show is called. It uses neither display nor lines yet. opts may
// be nil; it is copied.
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
	k.panel = panel{display: d, shown: newCanvas(l.bounds.Size()), initDue: true}
	k.sound.line = k.opts.Buzzer
	k.light.line = k.opts.Backlight
	k.tracker = touchTracker{touch: t, pen: k.pen.Load, poll: k.opts.Poll, tolerance: 2 * l.gap, target: nothing}
	k.entry = pinEntry{order: telephone(), pick: pick}
	k.health.on = k.opts.OnHealth
	k.controls.Store(&[]Control{})
	return k, nil
}

// Show sets the content of the screen. It never blocks; if Run is busy, only the newest View
// counts.
func (k *Keypad) Show(v View) {
	k.mu.Lock()
	k.next = &v
	k.mu.Unlock()
	k.signal()
}

// PenChanged takes the level of the pen line: active while the panel is touched.
func (k *Keypad) PenChanged(active bool) {
	k.pen.Store(active)
	if active {
		k.penEdge.Store(true)
		k.signal()
	}
}

func (k *Keypad) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Controls returns what can be touched on the frame that is on the panel, shuffled digits
// where they are shown. It is empty while the panel does not work.
func (k *Keypad) Controls() []Control {
	return append([]Control{}, *k.controls.Load()...)
}
