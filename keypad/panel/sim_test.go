package panel_test

import (
	"image"
	"image/color"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/keypad/panel"
)

type bench struct {
	*testing.T
	board *sim.Board
	dev   *panel.Dev
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func setup(t *testing.T, rotation int, reset bool, o sim.PanelOptions) *bench {
	t.Helper()
	o.Rotation = rotation
	b := &bench{T: t, board: sim.New(&sim.Options{
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Seed: 7, Panel: o,
	})}
	t.Cleanup(func() { b.must(b.board.Close()) })
	port, err := b.board.SPI("panel")
	b.must(err)
	dc, err := b.board.Output("panel-dc")
	b.must(err)
	var rst panel.Line
	if reset {
		rst, err = b.board.Output("panel-reset")
		b.must(err)
	}
	b.dev, err = panel.NewSPI(port, dc, rst, panel.Opts{Model: panel.Model(o.Model), Rotation: rotation, ReadBack: reset})
	b.must(err)
	b.must(b.dev.Init())
	return b
}

// picture is what should be seen, as RGB565.
type picture struct {
	size image.Point
	pix  []uint16
}

func (p *picture) fill(r image.Rectangle, rnd *rand.Rand) []byte {
	var b []byte
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			v := uint16(rnd.Uint32())
			p.pix[y*p.size.X+x] = v
			b = append(b, byte(v>>8), byte(v))
		}
	}
	return b
}

// matches compares the upper bits, which RGB565 holds.
func (b *bench) matches(p *picture) {
	b.Helper()
	img := b.board.Screen()
	if img.Bounds().Size() != p.size {
		b.Fatalf("the viewer sees %v, the driver %v", img.Bounds().Size(), p.size)
	}
	for y := range p.size.Y {
		for x := range p.size.X {
			v := p.pix[y*p.size.X+x]
			c := img.RGBAAt(img.Rect.Min.X+x, img.Rect.Min.Y+y)
			want := color.RGBA{R: byte(v>>11) << 3, G: byte(v>>5) << 2, B: byte(v) << 3}
			if c.R&0xF8 != want.R || c.G&0xFC != want.G || c.B&0xF8 != want.B {
				b.Fatalf("pixel %d,%d is %v instead of %v", x, y, c, want)
			}
		}
	}
}

func (b *bench) sound() {
	b.Helper()
	for _, v := range b.board.Violations() {
		b.Errorf("violation: %s", v)
	}
}

func randomRect(size image.Point, rnd *rand.Rand) image.Rectangle {
	x, y := rnd.IntN(size.X), rnd.IntN(size.Y)
	return image.Rect(x, y, x+1+rnd.IntN(size.X-x), y+1+rnd.IntN(size.Y-y))
}

func TestAllPanelsShowWhatWasWrittenInAllRotations(t *testing.T) {
	for i := range 4 * len(panel.Models()) {
		rotation, model := 90*(i%4), string(panel.Models()[i/4])
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, rotation, rotation%180 == 0, sim.PanelOptions{Model: model})
			size := b.dev.Size()
			p := &picture{size, make([]uint16, size.X*size.Y)}
			b.matches(p) // black
			rnd := rand.New(rand.NewPCG(1, uint64(rotation)))
			for range 12 {
				r := randomRect(size, rnd)
				b.must(b.dev.Write(r, p.fill(r, rnd)))
			}
			b.matches(p)
			b.sound()
		})
	}
}

func TestAPanelThatWasResetComesBackByRefreshAndInit(t *testing.T) {
	for _, model := range panel.Models() {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, 90, true, sim.PanelOptions{Model: string(model)})
			size := b.dev.Size()
			p := &picture{size, make([]uint16, size.X*size.Y)}
			rnd := rand.New(rand.NewPCG(2, 2))
			all := image.Rectangle{Max: size}
			for _, cure := range []func() error{b.dev.Refresh, b.dev.Init} {
				b.must(b.board.ResetChip("panel"))
				time.Sleep(time.Second)
				b.must(cure())
				b.must(b.dev.Write(all, p.fill(all, rnd)))
				b.matches(p)
			}
			b.sound()
		})
	}
}

func TestARefreshOfASoundPanelChangesNoPixel(t *testing.T) {
	for _, model := range panel.Models() {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, 0, false, sim.PanelOptions{Model: string(model)})
			size := b.dev.Size()
			p := &picture{size, make([]uint16, size.X*size.Y)}
			rnd := rand.New(rand.NewPCG(3, 3))
			r := image.Rect(10, 20, 90, 77)
			b.must(b.dev.Write(r, p.fill(r, rnd)))
			began := time.Now()
			b.must(b.dev.Refresh())
			if d := time.Since(began); d > 20*time.Millisecond {
				t.Errorf("%s: nobody could press a key for %v", model, d)
			}
			b.matches(p)
			b.must(b.dev.Write(r, p.fill(r, rnd)))
			b.matches(p)
			b.sound()
		})
	}
}

func TestAHaltedPanelIsBlackAndComesBackByInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 0, true, sim.PanelOptions{})
		size := b.dev.Size()
		p := &picture{size, make([]uint16, size.X*size.Y)}
		dark := &picture{size, make([]uint16, size.X*size.Y)}
		rnd := rand.New(rand.NewPCG(4, 4))
		all := image.Rectangle{Max: size}
		for range 3 {
			b.must(b.dev.Write(all, p.fill(all, rnd)))
			b.matches(p)
			b.must(b.dev.Halt())
			b.matches(dark)
			b.must(b.dev.Init())
			b.matches(dark)
		}
		b.sound()
	})
}

func TestAKeyPressCostsLittleMoreThanItsPixels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 0, false, sim.PanelOptions{})
		pix := make([]byte, 2*64*52)
		before := b.board.Counters("panel").Bytes
		b.must(b.dev.Write(image.Rect(12, 100, 12+64, 100+52), pix))
		n := b.board.Counters("panel").Bytes - before
		if n > len(pix)+11 {
			t.Errorf("%d bytes on the bus for %d of pixels", n, len(pix))
		}
		b.sound()
	})
}

func TestAPanelThatAnsweredOnceAndHasGoneIsKnown(t *testing.T) {
	for _, model := range panel.Models() {
		for _, miso := range []byte{0x00, 0xFF} {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 90, true, sim.PanelOptions{Model: string(model)})
				b.must(b.dev.Refresh())
				if c := &b.dev.Counters; c.Absent.Load() != 0 || c.Lost.Load() != 0 {
					t.Errorf("%s: a working one: %+v", model, c)
				}
				b.must(b.board.ResetChip("panel"))
				time.Sleep(time.Second)
				b.must(b.dev.Refresh())
				if c := &b.dev.Counters; c.Absent.Load() != 0 || c.Lost.Load() != 1 {
					t.Errorf("%s: reset: %+v", model, c)
				}
				b.must(b.board.SetFault("panel", sim.Fault{Absent: true, MISO: miso}))
				for range 3 {
					for _, f := range []func() error{b.dev.Refresh, b.dev.Init} {
						if err := f(); err != panel.ErrAbsent {
							t.Errorf("%s, gone: %v", model, err)
						}
					}
				}
				b.must(b.board.SetFault("panel", sim.Fault{}))
				time.Sleep(time.Second)
				b.must(b.dev.Init())
				b.must(b.dev.Refresh())
				b.sound()
			})
		}
	}
}

func TestAModuleWithoutADataOutputIsNoAbsentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 0, true, sim.PanelOptions{NoSDO: true})
		for range 3 {
			b.must(b.dev.Refresh())
			b.must(b.dev.Init())
		}
		if c := &b.dev.Counters; c.Absent.Load() != 0 || c.Lost.Load() != 0 {
			t.Errorf("%+v", c)
		}
		b.sound()
	})
}

func TestNoiseOnReadingsIsNoAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 0, true, sim.PanelOptions{})
		b.must(b.board.SetFault("panel", sim.Fault{Noise: 0.05}))
		for range 100 {
			b.must(b.dev.Refresh())
		}
		if c := &b.dev.Counters; c.Absent.Load() != 0 {
			t.Errorf("%+v", c)
		}
	})
}
