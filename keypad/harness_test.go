package keypad

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bench is a running keypad with everything around it, in a synctest bubble.
type bench struct {
	*testing.T
	k             *Keypad
	glass         *glass
	display       Display // the glass, if nil
	film          *film
	buzzer, light *wire
	entries       []string
	buffers       []*[8]byte
	healths       []string
	eye           *painter
	stop          func() error
	onEntry       func()
}

// home is a start page that offers the PIN page.
func home() View {
	return View{PIN: true, Place: "Main building", Door: "Front door", ReaderID: "front-door"}
}

// run has test use a keypad that shows home.
func run(t *testing.T, test func(b *bench), prepare ...func(b *bench, o *Opts)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, glass: newGlass(image.Pt(240, 320)), film: &film{}, buzzer: &wire{}, light: &wire{}}
		o := &Opts{Buzzer: b.buzzer, Backlight: b.light,
			OnEntry: func(pin *[8]byte) {
				b.entries = append(b.entries, string(pin[:]))
				b.buffers = append(b.buffers, pin)
				if b.onEntry != nil {
					b.onEntry()
				}
			},
			OnHealth: func(part string, err error) {
				if err != nil {
					part += ": " + err.Error()
				}
				b.healths = append(b.healths, part)
			}}
		for _, p := range prepare {
			p(b, o)
		}
		var err error
		if b.display == nil {
			b.display = b.glass
		}
		if b.k, err = New(b.display, b.film, o); err != nil {
			t.Fatal(err)
		}
		b.eye, _ = testPainter(t, b.glass.size)
		b.k.Show(home())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.k.Run(ctx) }()
		b.stop = sync.OnceValue(func() error { cancel(); return <-done })
		b.settle()
		b.glass.count()
		b.buzzer.rhythm()
		test(b)
		if err := b.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if b.glass.refused != nil {
			t.Error(b.glass.refused)
		}
	})
}

func (b *bench) settle() { synctest.Wait() }

// wait lets time pass. What the test has read of the keypad, it has read before.
func (b *bench) wait(d time.Duration) {
	b.k.signal()
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) show(v View) {
	b.k.Show(v)
	b.settle()
}

// press puts the finger down; lift takes it away and lets the keypad believe it.
func (b *bench) press(at image.Point) {
	b.film.set(func(f *film) { f.at, f.down = at, true })
	b.k.PenChanged(true)
	b.wait(50 * time.Millisecond)
}

func (b *bench) slide(at image.Point) {
	b.film.set(func(f *film) { f.at = at })
	b.wait(50 * time.Millisecond)
}

func (b *bench) lift() {
	b.film.set(func(f *film) { f.down = false })
	b.k.PenChanged(false)
	b.wait(50 * time.Millisecond)
}

func (b *bench) tap(names ...string) {
	b.Helper()
	for _, n := range names {
		b.press(b.at(n))
		b.lift()
	}
}

// enter taps digits wherever they are.
func (b *bench) enter(digits string) {
	b.Helper()
	for _, d := range digits {
		b.tap("digit-" + string(d))
	}
}

func (b *bench) control(name string) (Control, bool) {
	cs := b.k.Controls()
	i := slices.IndexFunc(cs, func(c Control) bool { return c.Name == name })
	if i < 0 {
		return Control{}, false
	}
	return cs[i], true
}

// at is the middle of a control.
func (b *bench) at(name string) image.Point {
	b.Helper()
	c, ok := b.control(name)
	if !ok {
		b.Fatalf("there is no %s to touch, only %s", name, b.touchable())
	}
	return image.Pt(c.X+c.W/2, c.Y+c.H/2)
}

func (b *bench) touchable() string {
	var names []string
	for _, c := range b.k.Controls() {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// shows fails unless the glass shows exactly s.
func (b *bench) shows(what string, s scene) {
	b.Helper()
	if !b.showing(s) {
		b.Errorf("the display does not show %s", what)
	}
}

func (b *bench) showing(s scene) bool {
	b.eye.draw(&s)
	return slices.Equal(b.glass.picture(), b.eye.pix)
}

func (b *bench) showsView(v View) {
	b.Helper()
	v.Start, v.Until, v.ShufflePIN, v.Tamper, v.DoorAlarm = time.Time{}, time.Time{}, false, false, false
	v.Language = ""
	b.shows(fmt.Sprintf("screen %d", v.Screen), scene{view: v, pressed: nothing})
}

// pinPage is the page with n digits typed.
func pinPage(n int) scene {
	return scene{page: entryPage, order: telephone(), filled: n, pressed: nothing}
}

func (b *bench) checking() bool {
	for phase := range breaths {
		if b.showing(scene{page: checkingPage, order: telephone(), phase: phase}) {
			return true
		}
	}
	return false
}
