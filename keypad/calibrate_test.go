package keypad_test

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/keypad"
	"latchkey/keypad/panel"
	"latchkey/keypad/touch"
)

// reader is a keypad on the emulated chips.
type reader struct {
	*testing.T
	board *sim.Board
	panel *panel.Dev
	touch *touch.Dev
	k     *keypad.Keypad
}

func (r *reader) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// newReader wires a keypad as the program does.
func newReader(t *testing.T, so sim.Options, rotation int, cal touch.Affine, o keypad.Opts) *reader {
	t.Helper()
	so.Log = slog.New(slog.DiscardHandler)
	so.Panel.Rotation = rotation
	r := &reader{T: t, board: sim.New(&so)}
	t.Cleanup(func() { r.must(r.board.Close()) })
	port, err := r.board.SPI("panel")
	r.must(err)
	dc, err := r.board.Output("panel-dc")
	r.must(err)
	r.panel, err = panel.NewSPI(port, dc, nil, panel.Opts{Model: panel.Model(so.Panel.Model), Rotation: rotation, ReadBack: so.Panel.Model != "st7789"})
	r.must(err)
	port, err = r.board.SPI("touch")
	r.must(err)
	var made atomic.Pointer[keypad.Keypad]
	pen, err := r.board.Input("touch-irq", func(active bool) {
		if k := made.Load(); k != nil {
			k.PenChanged(active)
		}
	})
	r.must(err)
	r.touch, err = touch.NewSPI(port, pen, touch.Opts{Size: r.panel.Size(), Rotation: rotation, Cal: cal})
	r.must(err)
	light, err := r.board.Output("backlight")
	r.must(err)
	o.Backlight = light
	r.k, err = keypad.New(r.panel, r.touch, &o)
	r.must(err)
	made.Store(r.k)
	return r
}

// tap touches a place for 0.4 s, and lets go for as long.
func (r *reader) tap(at image.Point) {
	r.board.Touch(at.X, at.Y, true)
	time.Sleep(400 * time.Millisecond)
	r.board.Touch(at.X, at.Y, false)
	time.Sleep(400 * time.Millisecond)
}

func crosses(size image.Point) []image.Point {
	return []image.Point{{size.X / 8, size.Y / 8}, {size.X * 7 / 8, size.Y / 2}, {size.X / 2, size.Y * 7 / 8}}
}

func TestACalibrationMakesTouchesLandWhateverTheFilmAndTheTurn(t *testing.T) {
	for _, rotation := range []int{0, 90, 180, 270} {
		for _, model := range []string{"ili9341", "st7796"} {
			synctest.Test(t, func(t *testing.T) {
				lies := sim.TouchOptions{Left: 3700, Right: 300, Top: 450, Bottom: 3900, Swap: model == "st7796"}
				// It begins with a mapping that is wrong in every way.
				wrong := touch.Edges(image.Pt(240, 320), 3000, 900, 100, 4000)
				r := newReader(t, sim.Options{Panel: sim.PanelOptions{Model: model}, Touch: lies, Seed: uint64(rotation)}, rotation, wrong, keypad.Opts{})
				size := r.panel.Size()
				var cal touch.Affine
				done := make(chan error, 1)
				go func() {
					var err error
					cal, err = r.k.Calibrate(t.Context())
					done <- err
				}()
				time.Sleep(time.Second)
				for range 2 {
					for _, at := range crosses(size) {
						r.tap(at)
					}
				}
				if !r.board.Line("backlight") {
					t.Error("it is dark")
				}
				r.must(<-done)
				if r.board.Line("backlight") {
					t.Error("the light was left on")
				}
				after := newReader(t, sim.Options{Panel: sim.PanelOptions{Model: model}, Touch: lies, Seed: 9}, rotation, cal, keypad.Opts{})
				for _, at := range []image.Point{{3, 3}, {size.X - 4, 5}, size.Div(2), {size.X / 3, size.Y - 4}} {
					after.board.Touch(at.X, at.Y, true)
					time.Sleep(50 * time.Millisecond)
					got, down, err := after.touch.Read()
					if d := got.Sub(at); err != nil || !down || max(d.X, -d.X, d.Y, -d.Y) > 5 {
						t.Errorf("%s turned by %d: touched %v, read %v, %v, %v", model, rotation, at, got, down, err)
					}
					after.board.Touch(at.X, at.Y, false)
					time.Sleep(50 * time.Millisecond)
					after.touch.Read()
				}
			})
		}
	}
}

func TestTouchesBesideTheCrossesAreAskedForAgainAndThenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t, sim.Options{}, 0, touch.Affine{}, keypad.Opts{})
		done := make(chan error, 1)
		go func() { _, err := r.k.Calibrate(t.Context()); done <- err }()
		time.Sleep(time.Second)
		for range 3 {
			for i := range 6 {
				if len(done) > 0 {
					t.Fatal("it gave up early")
				}
				r.tap(image.Pt(100+i, 100))
			}
		}
		if err := <-done; !errors.Is(err, touch.ErrNonsense) {
			t.Error(err)
		}
	})
}

func TestACalibrationThatNobodyTakesPartInEnds(t *testing.T) {
	for name, c := range map[string]struct {
		fault sim.Fault
		want  string
	}{
		"nobody is there":       {sim.Fault{}, "nobody touched"},
		"the chip is not there": {sim.Fault{Absent: true, MISO: 0xFF}, "nobody touched"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newReader(t, sim.Options{}, 0, touch.Affine{}, keypad.Opts{})
			r.must(r.board.SetFault("touch", c.fault))
			if _, err := r.k.Calibrate(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(3*time.Second, cancel)
			if _, err := r.k.Calibrate(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled: %v", name, err)
			}
		})
	}
}

func TestAFingerThatSlidesIsNoTouchOfACross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t, sim.Options{}, 0, touch.Affine{}, keypad.Opts{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, err := r.k.Calibrate(ctx); done <- err }()
		time.Sleep(time.Second)
		before := r.board.Screen()
		for i := range 120 { // in a circle of sorts, for six seconds
			r.board.Touch(40+i%30*5, 60+i%24*8, true)
			time.Sleep(50 * time.Millisecond)
		}
		if different(before, r.board.Screen()) != 0 {
			t.Error("it was taken for one")
		}
		r.board.Touch(0, 0, false)
		time.Sleep(time.Second)
		r.tap(crosses(r.panel.Size())[0])
		if different(before, r.board.Screen()) == 0 {
			t.Error("a touch after it was not")
		}
		cancel()
		<-done
	})
}
