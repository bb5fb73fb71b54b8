package keypad_test

import (
	"context"
	"image"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/keypad"
	"latchkey/keypad/panel"
	"latchkey/keypad/touch"
)

// run runs the keypad until the test is over.
func (r *reader) run() {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	done := make(chan error, 1)
	go func() { done <- r.k.Run(ctx) }()
	r.Cleanup(func() { cancel(); r.must(<-done) })
}

// reports are what a keypad has handed to OnHealth and OnEntry.
type reports struct {
	mu      sync.Mutex
	healths []string
	entries []string
}

func (w *reports) opts() keypad.Opts {
	return keypad.Opts{
		OnHealth: func(part string, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if err != nil {
				part += " failed"
			}
			w.healths = append(w.healths, part)
		},
		OnEntry: func(pin *[8]byte) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.entries = append(w.entries, string(pin[:]))
		},
	}
}

func (w *reports) all() (healths, entries []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.healths), slices.Clone(w.entries)
}

func door() keypad.View {
	return keypad.View{PIN: true, Place: "Main building", Door: "Front door", ReaderID: "front-door"}
}

// healthy is what a viewer of a working panel sees of v.
func healthy(t *testing.T, o sim.PanelOptions, v keypad.View) *image.RGBA {
	t.Helper()
	var m *image.RGBA
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t, sim.Options{Panel: o}, 0, touch.Affine{}, keypad.Opts{})
		r.k.Show(v)
		r.run()
		time.Sleep(time.Second)
		m = r.board.Screen()
	})
	return m
}

// faults are what a chip may go through.
func faults() map[string]sim.Fault {
	return map[string]sim.Fault{
		"absent, the wire low":  {Absent: true},
		"absent, the wire high": {Absent: true, MISO: 0xFF},
		"stuck":                 {Stuck: true},
		"noise on its bus":      {Noise: 0.001},
		"much noise":            {Noise: 0.05},
		"resets":                {Resets: 60},
	}
}

func TestAPanelIsWholeAgainFiveSecondsAfterAnyFault(t *testing.T) {
	for _, model := range panel.Models() {
		o := sim.PanelOptions{Model: string(model)}
		want := healthy(t, o, door())
		for name, fault := range faults() {
			for _, awake := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					var w reports
					r := newReader(t, sim.Options{Panel: o, Seed: 5}, 0, touch.Affine{}, w.opts())
					r.k.Show(door())
					r.run()
					time.Sleep(time.Second)
					if !awake {
						time.Sleep(time.Minute) // the light is out
					}
					r.must(r.board.SetFault("panel", fault))
					time.Sleep(10 * time.Second)
					r.must(r.board.SetFault("panel", sim.Fault{}))
					if !awake {
						r.board.Touch(20, 20, true) // somebody comes
						time.Sleep(100 * time.Millisecond)
						r.board.Touch(20, 20, false)
					}
					time.Sleep(4900 * time.Millisecond)
					if n := different(r.board.Screen(), want); n != 0 {
						t.Errorf("%s, %s, awake %v: %d pixels are not as they should be", model, name, awake, n)
					}
					for _, v := range r.board.Violations() {
						t.Errorf("%s, %s: %s", model, name, v)
					}
				})
			}
		}
	}
}

func TestAPanelThatIsGoneIsReportedOnceWhereItCanBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w reports
		r := newReader(t, sim.Options{}, 0, touch.Affine{}, w.opts())
		v := door()
		v.Identify = true // it stays lit
		r.k.Show(v)
		r.run()
		time.Sleep(time.Minute)
		r.must(r.board.SetFault("panel", sim.Fault{Absent: true}))
		time.Sleep(5 * time.Second)
		if healths, _ := w.all(); !slices.Equal(healths, []string{"panel failed"}) || len(r.k.Controls()) > 0 {
			t.Errorf("after 5 s: %q", healths)
		}
		time.Sleep(5 * time.Minute)
		r.must(r.board.SetFault("panel", sim.Fault{}))
		time.Sleep(5 * time.Second)
		if healths, _ := w.all(); !slices.Equal(healths, []string{"panel failed", "panel"}) || len(r.k.Controls()) != 1 {
			t.Errorf("five minutes later: %q", healths)
		}
	})
}

// touches taps what has a name, and says if it is not there.
func (r *reader) touches(names ...string) {
	r.Helper()
	for _, name := range names {
		i := slices.IndexFunc(r.k.Controls(), func(c keypad.Control) bool { return c.Name == name })
		if i < 0 {
			return // what should have come of it does not
		}
		c := r.k.Controls()[i]
		at := image.Pt(c.X+c.W/2, c.Y+c.H/2)
		r.board.Touch(at.X, at.Y, true)
		time.Sleep(120 * time.Millisecond)
		r.board.Touch(at.X, at.Y, false)
		time.Sleep(120 * time.Millisecond)
	}
}

func (r *reader) types(pin string) {
	r.Helper()
	for range 3 { // a person who sees nothing come of it tries again
		if len(r.k.Controls()) < 2 {
			r.touches("pin")
		}
	}
	for _, d := range pin {
		r.touches("digit-" + string(d))
	}
	time.Sleep(4 * time.Second) // nothing comes of it: back to the start page
}

func TestATouchControllerWorksAgainFiveSecondsAfterAnyFault(t *testing.T) {
	for name, fault := range faults() {
		synctest.Test(t, func(t *testing.T) {
			var w reports
			r := newReader(t, sim.Options{Seed: 6}, 0, touch.Affine{}, w.opts())
			r.k.Show(door())
			r.run()
			time.Sleep(time.Second)
			for range 5 {
				r.must(r.board.SetFault("touch", fault))
				time.Sleep(7 * time.Second)
				r.board.Touch(120, 290, true) // a finger that comes while it fails
				time.Sleep(300 * time.Millisecond)
				r.board.Touch(120, 290, false)
				time.Sleep(3 * time.Second)
				r.must(r.board.SetFault("touch", sim.Fault{}))
				time.Sleep(4900 * time.Millisecond)
				r.board.Touch(20, 20, true) // wakes it, and does nothing
				time.Sleep(100 * time.Millisecond)
				r.board.Touch(20, 20, false)
				time.Sleep(11 * time.Second) // a PIN page that it may have opened is closed
				r.types("13579246")
			}
			healths, entries := w.all()
			if want := slices.Repeat([]string{"13579246"}, 5); !slices.Equal(entries, want) {
				t.Errorf("%s: entries %q", name, entries)
			}
			if len(healths) > 10 || len(healths)%2 != 0 {
				t.Errorf("%s: reported %q", name, healths)
			}
			for _, v := range r.board.Violations() {
				t.Errorf("%s: %s", name, v)
			}
		})
	}
}

func TestATouchControllerThatDoesNotAnswerIsReportedOnceThoughNobodyTouches(t *testing.T) {
	for name, fault := range map[string]sim.Fault{
		"a wire that is high": {Absent: true, MISO: 0xFF}, "a wire that is low": {Absent: true}, "a chip that hangs": {Stuck: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			var w reports
			r := newReader(t, sim.Options{}, 0, touch.Affine{}, w.opts())
			r.k.Show(door())
			r.run()
			time.Sleep(time.Hour)
			if healths, _ := w.all(); len(healths) > 0 {
				t.Errorf("%s: %q of a working one", name, healths)
			}
			r.must(r.board.SetFault("touch", fault))
			time.Sleep(5 * time.Second)
			if healths, _ := w.all(); !slices.Equal(healths, []string{"touch failed"}) {
				t.Errorf("%s, after 5 s: %q", name, healths)
			}
			time.Sleep(time.Hour)
			if healths, _ := w.all(); !slices.Equal(healths, []string{"touch failed"}) {
				t.Errorf("%s, after an hour: %q", name, healths)
			}
			r.must(r.board.SetFault("touch", sim.Fault{}))
			time.Sleep(5 * time.Second)
			if healths, _ := w.all(); !slices.Equal(healths, []string{"touch failed", "touch"}) {
				t.Errorf("%s, after it: %q", name, healths)
			}
		})
	}
}

func TestAFilmThatSomethingPressesIsReportedUntilThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w reports
		r := newReader(t, sim.Options{}, 0, touch.Affine{}, w.opts())
		r.k.Show(door())
		r.run()
		time.Sleep(time.Second)
		r.must(r.board.Inject("touch-held", sim.Injection{Active: true, For: 97 * time.Second}))
		time.Sleep(29 * time.Second)
		if healths, _ := w.all(); len(healths) > 0 {
			t.Errorf("after 29 s: %q", healths)
		}
		time.Sleep(2 * time.Second)
		if healths, _ := w.all(); !slices.Equal(healths, []string{"touch failed"}) {
			t.Errorf("after 31 s: %q", healths)
		}
		time.Sleep(71 * time.Second)
		if healths, _ := w.all(); !slices.Equal(healths, []string{"touch failed", "touch"}) {
			t.Errorf("5 s after it: %q", healths)
		}
		r.touches("pin") // makes light
		r.touches("pin")
		r.touches("digit-1", "digit-2")
		if n := len(r.k.Controls()); n < 10 {
			t.Errorf("%d controls", n)
		}
	})
}

func TestGhostsPressNothingAndSpoilNoEntry(t *testing.T) {
	for name, fault := range map[string]sim.Fault{
		"ghosts": {Ghosts: 5}, "jumps": {Jumps: 0.1}, "both, and noise": {Ghosts: 2, Jumps: 0.05, Noise: 0.001},
	} {
		synctest.Test(t, func(t *testing.T) {
			var w reports
			r := newReader(t, sim.Options{Seed: 8}, 0, touch.Affine{}, w.opts())
			r.k.Show(door())
			r.run()
			time.Sleep(time.Second)
			r.must(r.board.SetFault("touch", fault))
			pages := 0
			for range 600 { // ten minutes
				time.Sleep(time.Second)
				if len(r.k.Controls()) > 1 {
					pages++
				}
			}
			if pages > 0 {
				t.Errorf("%s: a PIN page stood there for %d s", name, pages)
			}
			const tries = 20
			for range tries {
				r.board.Touch(20, 20, true)
				time.Sleep(100 * time.Millisecond)
				r.board.Touch(20, 20, false)
				time.Sleep(time.Second)
				r.types("13579246")
			}
			// A ghost under a finger may cost a digit, which shows; it never makes one.
			_, entries := w.all()
			typed, at := strings.Repeat("13579246", tries), 0
			for _, d := range strings.Join(entries, "") {
				n := strings.IndexRune(typed[at:], d)
				if n < 0 {
					t.Fatalf("%s: entries %q", name, entries)
				}
				at += n + 1
			}
			if len(entries) < tries*2/3 {
				t.Errorf("%s: only the entries %q of %d", name, entries, tries)
			}
		})
	}
}

func TestInTheDarkThePanelIsLeftAloneAndTheFilmNearlySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t, sim.Options{}, 0, touch.Affine{}, keypad.Opts{})
		r.k.Show(door())
		r.run()
		time.Sleep(time.Minute)
		panel, film := r.board.Counters("panel").Transfers, r.board.Counters("touch").Transfers
		time.Sleep(time.Hour)
		if n := r.board.Counters("panel").Transfers - panel; n != 0 {
			t.Errorf("%d transfers to a panel that nobody sees", n)
		}
		if n := r.board.Counters("touch").Transfers - film; n < 800 || n > 3600 {
			t.Errorf("%d transfers an hour to a film that nobody touches", n)
		} else {
			t.Logf("%d transfers an hour to a film that nobody touches", n)
		}
	})
}

func TestADropOfWaterDoesNotKeepTheReaderBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The drop lies under a contact of 8 kohm for ten minutes, and pulls the pen line.
		r := newReader(t, sim.Options{Touch: sim.TouchOptions{Resistance: 8000}}, 0, touch.Affine{}, keypad.Opts{})
		r.k.Show(door())
		r.run()
		time.Sleep(time.Minute)
		r.board.Touch(120, 290, true)
		time.Sleep(5 * time.Second)
		film := r.board.Counters("touch").Transfers
		time.Sleep(10 * time.Minute)
		if n := r.board.Counters("touch").Transfers - film; n > 10*60*40 {
			t.Errorf("%d transfers in ten minutes", n)
		} else {
			t.Logf("%d transfers in ten minutes", n)
		}
		if r.board.Line("backlight") || len(r.k.Controls()) != 1 {
			t.Error("it was taken for a finger")
		}
	})
}

// As the light goes out the display is initialised, which takes a fifth of a second.
func TestATouchMakesLightThoughItComesAndGoesAsTheLightGoesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t, sim.Options{}, 0, touch.Affine{}, keypad.Opts{})
		r.k.Show(door())
		r.run()
		brief := func() {
			r.board.Touch(20, 20, true)
			time.Sleep(60 * time.Millisecond)
			r.board.Touch(20, 20, false)
		}
		for after := 29905 * time.Millisecond; after < 30500*time.Millisecond; after += 10 * time.Millisecond {
			time.Sleep(time.Minute)
			brief()
			time.Sleep(after)
			brief()
			time.Sleep(time.Second)
			if !r.board.Line("backlight") {
				t.Errorf("a touch %v after the last one makes no light", after)
			}
		}
	})
}
