package sim

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

type touchRig struct{ rig }

// quiet is a film without noise that settles at once.
var quiet = TouchOptions{Noise: -1, Settle: -1}

func newTouchRig(t *testing.T, o TouchOptions) *touchRig {
	b := New(&Options{Touch: o})
	t.Cleanup(func() { b.Close() })
	return &touchRig{rig{t, b, connect(t, b, "touch", 2*physic.MegaHertz)}}
}

// tx sends bytes in one window and returns what came back.
func (r *touchRig) tx(w ...byte) []byte {
	r.t.Helper()
	in := make([]byte, len(w))
	if err := r.c.Tx(w, in); err != nil {
		r.t.Fatal(err)
	}
	return in
}

// twelve converts one channel in 24 clocks.
func (r *touchRig) twelve(control byte) int {
	r.t.Helper()
	in := r.tx(control, 0, 0)
	return (int(in[1])<<8 | int(in[2])) >> 3 & 0xFFF
}

func near(a, b, by int) bool { return a-b <= by && b-a <= by }

func TestCornersReadAsTheFilmIsMapped(t *testing.T) {
	for _, c := range []struct {
		name             string
		o                TouchOptions
		x, y             int
		wantD0, wantAt90 int
	}{
		{"top left", quiet, 0, 0, 280, 340},
		{"bottom right", quiet, 239, 319, 3860, 3860},
		{"mirrored", TouchOptions{Noise: -1, Settle: -1, Left: 3800, Right: 300, Top: 200, Bottom: 3700}, 0, 0, 3800, 200},
		{"swapped", TouchOptions{Noise: -1, Settle: -1, Left: 280, Right: 3860, Top: 340, Bottom: 3700, Swap: true}, 239, 0, 340, 3860},
		{"off the edge", quiet, -50, 1000, 280, 3860},
	} {
		r := newTouchRig(t, c.o)
		r.b.Touch(c.x, c.y, true)
		if d0, at90 := r.twelve(0xD0), r.twelve(0x90); !near(d0, c.wantD0, 9) || !near(at90, c.wantAt90, 9) {
			t.Errorf("%s: D0 %d, 90 %d; want %d, %d", c.name, d0, at90, c.wantD0, c.wantAt90)
		}
	}
}

func TestTheFilmTurnsWithTheModule(t *testing.T) {
	b := New(&Options{Touch: quiet, Panel: PanelOptions{Rotation: 90}})
	defer b.Close()
	r := &touchRig{rig{t, b, connect(t, b, "touch", 2*physic.MegaHertz)}}
	b.Touch(0, 0, true) // a viewer's top left is the module's top right
	if d0, at90 := r.twelve(0xD0), r.twelve(0x90); !near(d0, 3860, 9) || !near(at90, 340, 9) {
		t.Errorf("D0 %d, 90 %d; want 3860, 340", d0, at90)
	}
}

func TestResultsStandWhereTheDataSheetPutsThem(t *testing.T) {
	r := newTouchRig(t, TouchOptions{Noise: -1, Settle: -1, Left: 0xABC, Right: 0xABC, Top: 0x123, Bottom: 0x123})
	r.b.Touch(0, 0, true)
	for _, c := range []struct {
		name    string
		w, want []byte
	}{
		// one null bit, twelve bits, three zeros
		{"12 bits in 24 clocks", []byte{0xD0, 0, 0, 0}, []byte{0, 0x55, 0xE0, 0}},
		{"8 bits", []byte{0xD8, 0, 0}, []byte{0, 0x55, 0x80}},
		{"back to back in 16 clocks", []byte{0xD0, 0, 0x90, 0, 0}, []byte{0, 0x55, 0xE0, 0x09, 0x18}},
		{"leading zeros are no start bit", []byte{0x00, 0x1A, 0x00, 0x00, 0x00}, []byte{0, 0, 0x0A, 0xBC, 0}},
		{"without a start bit nothing", []byte{0, 0, 0}, []byte{0, 0, 0}},
		// 1101 0000 | 0000 000 1 | 001 0000 0...: the next start bit is clock 16
		{"fifteen clocks a conversion", []byte{0xD0, 0x01, 0x20, 0, 0, 0}, []byte{0, 0x55, 0xE0, 0x12, 0x30, 0}},
	} {
		if got := r.tx(c.w...); !bytes.Equal(got, c.want) {
			t.Errorf("%s: % X -> % X, want % X", c.name, c.w, got, c.want)
		}
	}
	if v := r.b.Violations(); len(v) != 0 {
		t.Errorf("violations %q", v)
	}
	if got := r.tx(0xD0, 0x90, 0, 0); !bytes.Equal(got, []byte{0, 0x55, 0xE0, 0}) {
		t.Errorf("a control byte right behind another: % X", got)
	}
	r.violated("start bit before the conversion is through")
}

func TestFullScaleReads7FF8(t *testing.T) {
	r := newTouchRig(t, TouchOptions{Noise: -1, Settle: -1, Left: 4095, Right: 4095, Top: 1, Bottom: 1})
	r.b.Touch(0, 0, true)
	if got := r.tx(0xD0, 0, 0); !bytes.Equal(got[1:], []byte{0x7F, 0xF8}) {
		t.Errorf("% X, want 7F F8", got[1:])
	}
}

func TestThePenInterruptObeysPD0AndConversions(t *testing.T) {
	r := newTouchRig(t, quiet)
	var edges []bool
	done := make(chan struct{}, 16)
	if _, err := r.b.Input("touch-irq", func(active bool) {
		edges = append(edges, active)
		done <- struct{}{}
	}); err != nil {
		t.Fatal(err)
	}
	low := func() bool { return r.b.Line("touch-irq") }
	if low() {
		t.Fatal("low without a touch")
	}
	r.tx(0x90, 0, 0) // converts Y untouched: low for a while
	<-done
	<-done
	if !slices.Equal(edges, []bool{true, false}) {
		t.Errorf("edges %v while converting, want [true false]", edges)
	}
	r.tx(0xA7, 0, 0) // the battery does not move it
	if low() || len(done) != 0 {
		t.Error("the battery channel moved PENIRQ")
	}
	r.tx(0x90, 0, 0)
	<-done
	<-done
	r.b.Touch(100, 100, true)
	<-done
	if !low() {
		t.Error("not low on touch with PD0 = 0")
	}
	r.tx(0xD1, 0, 0) // the converter stays on: PENIRQ off
	if low() {
		t.Error("low on touch with PD0 = 1")
	}
	r.tx(0xD2, 0, 0)
	if !low() {
		t.Error("not low again with PD0 = 0")
	}
	r.b.Touch(0, 0, false)
	if low() {
		t.Error("low after the finger went")
	}
}

func TestChipSelectEndsAConversionAndThePenInterruptWithIt(t *testing.T) {
	r := newTouchRig(t, quiet)
	if err := r.c.TxPackets([]spi.Packet{{W: []byte{0x90}, KeepCS: true}}); err != nil {
		t.Fatal(err)
	}
	if !r.b.Line("touch-irq") {
		t.Error("PENIRQ is not low while Y is converted")
	}
	if err := r.c.Tx([]byte{0}, nil); err != nil { // 8 of 13 clocks, then up
		t.Fatal(err)
	}
	if r.b.Line("touch-irq") {
		t.Error("PENIRQ is low after chip select rose")
	}
	if got := r.tx(0, 0); !bytes.Equal(got, []byte{0, 0}) {
		t.Errorf("the rest of the result came: % X", got)
	}
}

func TestNobodyTouchesAndPressureSaysSo(t *testing.T) {
	r := newTouchRig(t, TouchOptions{})
	z1 := r.twelve(0xB0)
	r.twelve(0xC0) // not settled
	z2 := r.twelve(0xC0)
	if !near(z1, 0, 200) || !near(z2, 4095, 10) {
		t.Errorf("untouched: Z1 %d, Z2 %d", z1, z2)
	}
}

func TestPressureGivesTheResistanceOfTheContact(t *testing.T) {
	for _, at := range [][2]int{{0, 0}, {120, 160}, {239, 319}} {
		r := newTouchRig(t, TouchOptions{Noise: -1, Settle: -1, Resistance: 250})
		r.b.Touch(at[0], at[1], true)
		x, z1, z2 := r.twelve(0xD0), r.twelve(0xB0), r.twelve(0xC0)
		if z1 == 0 || z1+4095-z2 < 400 {
			t.Fatalf("%v: Z1 %d, Z2 %d are no touch", at, z1, z2)
		}
		rt := 400 * float64(x) / 4096 * (float64(z2)/float64(z1) - 1)
		if math.Abs(rt-250) > 5 {
			t.Errorf("%v: %.0f ohm, want 250", at, rt)
		}
	}
}

func TestTheFirstSampleAfterASwitchHasNotSettledAndAllAreNoisy(t *testing.T) {
	r := newTouchRig(t, TouchOptions{Noise: 5})
	r.b.Touch(239, 0, true)
	r.twelve(0x90)
	r.twelve(0x90)
	first := r.twelve(0xD0)
	if near(first, 3853, 50) {
		t.Errorf("the first sample is %d: settled", first)
	}
	seen := map[int]bool{}
	for range 40 {
		v := r.twelve(0xD0)
		seen[v] = true
		if !near(v, 3853, 6) {
			t.Fatalf("a later sample is %d, want 3853 +- 6", v)
		}
	}
	if len(seen) < 5 {
		t.Errorf("only %d different samples of 40", len(seen))
	}
}

func TestSupplyChannelsNeedASettledReferenceAndOneEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(&Options{Touch: quiet})
		defer b.Close()
		r := &touchRig{rig{t, b, connect(t, b, "touch", 2*physic.MegaHertz)}}
		r.tx(0x86, 0, 0)
		r.violated("without a settled reference")
		if v := r.twelve(0xA2); v != 0 {
			t.Errorf("the battery, differentially: %d", v)
		}
		r.violated("differentially")
		time.Sleep(refSettle)
		if v := r.twelve(0xA6); !near(v, 825*4096/2500, 1) {
			t.Errorf("battery %d, want %d", v, 825*4096/2500)
		}
		if v := r.twelve(0x86); !near(v, 600*4096/2500, 1) {
			t.Errorf("temperature %d, want %d", v, 600*4096/2500)
		}
	})
}

func TestATooFastClockIsNotedAndMode1IsNotUnderstood(t *testing.T) {
	b := New(&Options{Touch: quiet})
	defer b.Close()
	r := &touchRig{rig{t, b, connect(t, b, "touch", 4*physic.MegaHertz)}}
	r.tx(0)
	r.violated("clocked above 2.500MHz")
	p, _ := b.SPI("touch")
	c, err := p.Connect(physic.MegaHertz, spi.Mode1, 8)
	if err != nil {
		t.Fatal(err)
	}
	b.Touch(239, 319, true)
	r.c = c
	if v := r.twelve(0xD0); v != 0 {
		t.Errorf("mode 1 read %d", v)
	}
	r.violated("mode 0 only")
}

func TestAGhostIsAnEdgeWithoutATouch(t *testing.T) {
	r := newTouchRig(t, quiet)
	got := make(chan bool, 4)
	if _, err := r.b.Input("touch-irq", func(active bool) { got <- active }); err != nil {
		t.Fatal(err)
	}
	r.b.GhostTouch()
	if !<-got || <-got {
		t.Error("want low, then high")
	}
	if v := r.twelve(0xB0); v != 0 {
		t.Errorf("Z1 %d at a ghost, want 0", v)
	}
}
