package touch_test

import (
	"image"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/keypad/touch"
)

type bench struct {
	*testing.T
	board *sim.Board
	dev   *touch.Dev
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// upright is a panel of the usual size.
var upright = touch.Opts{Size: image.Pt(240, 320)}

func setup(t *testing.T, pen bool, so sim.Options, o touch.Opts) *bench {
	t.Helper()
	so.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	so.Seed = 3
	b := &bench{T: t, board: sim.New(&so)}
	t.Cleanup(func() { b.must(b.board.Close()) })
	port, err := b.board.SPI("touch")
	b.must(err)
	var p touch.Pen
	if pen {
		p, err = b.board.Input("touch-irq", nil)
		b.must(err)
	}
	b.dev, err = touch.NewSPI(port, p, o)
	b.must(err)
	b.must(b.dev.Halt())
	return b
}

func (b *bench) read() (image.Point, bool) {
	b.Helper()
	p, pressed, err := b.dev.Read()
	b.must(err)
	return p, pressed
}

func (b *bench) sound() {
	b.Helper()
	for _, v := range b.board.Violations() {
		b.Errorf("violation: %s", v)
	}
}

// lands touches many places and wants each within two pixels.
func (b *bench) lands(size image.Point) {
	b.Helper()
	rnd := rand.New(rand.NewPCG(5, 5))
	places := []image.Point{{}, {X: size.X - 1}, {Y: size.Y - 1}, size.Sub(image.Pt(1, 1))}
	for range 100 {
		places = append(places, image.Pt(rnd.IntN(size.X), rnd.IntN(size.Y)))
	}
	for _, want := range places {
		b.board.Touch(want.X, want.Y, true)
		time.Sleep(20 * time.Millisecond)
		for range 3 {
			got, pressed := b.read()
			if d := got.Sub(want); !pressed || max(d.X, -d.X, d.Y, -d.Y) > 2 {
				b.Errorf("touched %v, read %v, %v", want, got, pressed)
			}
			time.Sleep(10 * time.Millisecond)
		}
		b.board.Touch(0, 0, false)
		time.Sleep(20 * time.Millisecond)
		if p, pressed := b.read(); pressed {
			b.Errorf("touch at %v after the finger was lifted", p)
		}
	}
}

func TestTouchesLandWithinTwoPixels(t *testing.T) {
	for _, pen := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, pen, sim.Options{}, upright)
			b.lands(image.Pt(240, 320))
			b.sound()
		})
	}
}

func TestAMirroredAndSwappedPanelIsCalibrated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		size := image.Pt(240, 320)
		mirrored := touch.Edges(size, 3800, 300, 3700, 250)
		b := setup(t, true, sim.Options{Touch: sim.TouchOptions{Left: 3800, Right: 300, Top: 3700, Bottom: 250}},
			touch.Opts{Size: size, Cal: mirrored})
		b.lands(size)
		b.sound()
	})
	synctest.Test(t, func(t *testing.T) {
		size := image.Pt(240, 320)
		c := touch.Edges(size, 280, 3860, 340, 3860)
		c.XX, c.XY = c.XY, c.XX
		c.YX, c.YY = c.YY, c.YX
		b := setup(t, true, sim.Options{Touch: sim.TouchOptions{Left: 280, Right: 3860, Top: 340, Bottom: 3860, Swap: true}},
			touch.Opts{Size: size, Cal: c})
		b.lands(size)
		b.sound()
	})
}

func TestATurnedPanelTurnsItsTouches(t *testing.T) {
	for _, rotation := range []int{0, 90, 180, 270} {
		synctest.Test(t, func(t *testing.T) {
			size := image.Pt(240, 320)
			if rotation%180 != 0 {
				size.X, size.Y = size.Y, size.X
			}
			b := setup(t, true, sim.Options{Panel: sim.PanelOptions{Rotation: rotation}},
				touch.Opts{Rotation: rotation, Size: size})
			b.lands(size)
			b.sound()
		})
	}
}

func TestAnUntouchedPanelCostsNoTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, true, sim.Options{}, upright)
		before := b.board.Counters("touch").Messages
		for range 10 {
			if _, pressed := b.read(); pressed {
				t.Error("touched")
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := b.board.Counters("touch").Messages - before; n != 0 {
			t.Errorf("%d transfers", n)
		}
	})
}

func TestGhostsAreNoTouches(t *testing.T) {
	for _, pen := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, pen, sim.Options{}, upright)
			for range 300 {
				b.board.GhostTouch()
				if p, pressed := b.read(); pressed {
					t.Errorf("ghost at %v", p)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

func TestTheChipTellsPenDownAgainAfterAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, true, sim.Options{}, upright)
		for range 5 {
			b.board.Touch(100, 100, true)
			time.Sleep(20 * time.Millisecond)
			if !b.board.Line("touch-irq") {
				t.Fatal("the interrupt line says nothing")
			}
			if _, pressed := b.read(); !pressed {
				t.Fatal("no touch")
			}
			b.board.Touch(0, 0, false)
			time.Sleep(20 * time.Millisecond)
			if b.board.Line("touch-irq") {
				t.Fatal("the interrupt line does not let go")
			}
		}
		b.sound()
	})
}

func TestAMissingChipIsNoTouch(t *testing.T) {
	for _, miso := range []byte{0x00, 0xFF} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, false, sim.Options{}, upright)
			b.must(b.board.SetFault("touch", sim.Fault{Absent: true, MISO: miso}))
			_, pressed, err := b.dev.Read()
			if pressed {
				t.Error("touched")
			}
			if err != touch.ErrAbsent {
				t.Errorf("error %v", err)
			}
			if err := b.dev.Refresh(); err != touch.ErrAbsent {
				t.Errorf("refreshed: %v", err)
			}
			b.must(b.board.SetFault("touch", sim.Fault{}))
			b.board.Touch(50, 60, true)
			time.Sleep(20 * time.Millisecond)
			if _, pressed := b.read(); !pressed {
				t.Error("not touched after the chip came back")
			}
		})
	}
}

func TestNoiseMovesNoTouchFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, true, sim.Options{}, upright)
		b.must(b.board.SetFault("touch", sim.Fault{Noise: 0.01}))
		seen := 0
		for range 200 {
			b.board.Touch(120, 160, true)
			time.Sleep(20 * time.Millisecond)
			for range 5 {
				p, pressed := b.read()
				d := p.Sub(image.Pt(120, 160))
				if pressed {
					seen++
				}
				if pressed && max(d.X, -d.X, d.Y, -d.Y) > 24 {
					t.Errorf("read %v", p)
				}
				time.Sleep(10 * time.Millisecond)
			}
			b.board.Touch(0, 0, false)
			time.Sleep(20 * time.Millisecond)
		}
		if seen < 900 {
			t.Errorf("seen %d times of 1000", seen)
		}
	})
}
