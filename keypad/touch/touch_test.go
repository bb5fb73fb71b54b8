package touch

import (
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// glass answers 16-clock conversions with what its fields say, and is its own
// pen line.
type glass struct {
	x, y, z1, z2 int
	// disturb, if not nil, gives conversion k of a transfer another value.
	disturb func(k int, ctrl byte, v int) int
	pen     []int // what Value says next; 1 when used up
	fail    error // of the next transfer

	sent [][]byte
	freq physic.Frequency
}

func (g *glass) String() string               { return "glass" }
func (g *glass) Duplex() conn.Duplex          { return conn.Full }
func (g *glass) TxPackets([]spi.Packet) error { return errors.New("not used") }

func (g *glass) Connect(f physic.Frequency, m spi.Mode, bits int) (spi.Conn, error) {
	if m != spi.Mode0 || bits != 8 {
		return nil, fmt.Errorf("mode %v, %d bits", m, bits)
	}
	g.freq = f
	return g, nil
}

func (g *glass) Value() (int, error) {
	if len(g.pen) == 0 {
		return 1, nil
	}
	v := g.pen[0]
	g.pen = g.pen[1:]
	if v < 0 {
		return 0, errors.New("line lost")
	}
	return v, nil
}

func (g *glass) Tx(w, r []byte) error {
	if err := g.fail; err != nil {
		g.fail = nil
		return err
	}
	if g.sent != nil {
		g.sent = append(g.sent, append([]byte(nil), w...))
	}
	clear(r)
	for k := 0; 2+2*k < len(w); k++ {
		ctrl := w[2*k]
		v := map[byte]int{ctrlX: g.x, ctrlY: g.y, ctrlZ1: g.z1, ctrlZ2: g.z2}[ctrl&^3]
		if g.disturb != nil {
			v = g.disturb(k, ctrl&^3, v)
		}
		r[1+2*k], r[2+2*k] = byte(v<<3>>8), byte(v<<3)
	}
	return nil
}

func finger() *glass { return &glass{x: 2000, y: 1000, z1: 900, z2: 2800} }

// upright is a panel of the usual size.
var upright = Opts{Size: image.Pt(240, 320)}

func open(t *testing.T, g *glass, o Opts) *Dev {
	t.Helper()
	d, err := NewSPI(g, g, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Halt(); err != nil {
		t.Fatal(err)
	}
	return d
}

func read(t *testing.T, d *Dev) (image.Point, bool) {
	t.Helper()
	p, pressed, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	return p, pressed
}

func TestOneTransferHoldsTwoRoundsAndPowersDownAtItsEnd(t *testing.T) {
	g := finger()
	g.sent = [][]byte{}
	d := open(t, g, upright)
	read(t, d)
	round := "B1 00 B1 00 B1 00 C1 00 C1 00 " + strings.Repeat("D1 00 ", 7) + strings.Repeat("91 00 ", 6)
	for i, want := range []string{
		"90 00 00",
		round + "91 00 " + round + "90 00 00",
	} {
		if got := fmt.Sprintf("% X", g.sent[i]); got != want {
			t.Errorf("transfer %d is %s", i, got)
		}
	}
	if g.freq > 2500*physic.KiloHertz || len(g.sent) != 2 {
		t.Errorf("%d transfers at %v", len(g.sent), g.freq)
	}
}

func TestDropsWhatComesFirstAndTakesTheMedian(t *testing.T) {
	g := finger()
	last := byte(0)
	run := 0
	g.disturb = func(k int, ctrl byte, v int) int {
		if ctrl != last {
			last, run = ctrl, 0
		}
		run++
		switch {
		case run == 1: // after the switch, wild
			return 4000 - v
		case run == 5 && (ctrl == ctrlX || ctrl == ctrlY): // one spike
			return 4090
		}
		return v
	}
	d := open(t, g, upright)
	want := d.cal.Pixel(image.Pt(2000, 1000), d.opts.Size)
	for range 3 {
		if p, pressed := read(t, d); !pressed || p != want {
			t.Errorf("%v, %v instead of %v", p, pressed, want)
		}
	}
}

func TestTooLittleOrImpossiblePressureIsNoTouch(t *testing.T) {
	for _, c := range []struct {
		name         string
		x, y, z1, z2 int
		want         bool
	}{
		{"finger", 2000, 1000, 900, 2800, true},
		{"light", 2000, 1000, 150, 3900, false},
		{"just enough pressure", 200, 1000, 100, 3790, true},
		{"just too little", 200, 1000, 100, 3800, false},
		{"just enough contact", 2000, 1000, 280, 3800, true}, // 2455 ohm
		{"a drop of water", 2000, 1000, 270, 3800, false},    // 2553 ohm
		{"no contact", 2000, 1000, 0, 4095, false},
		{"no contact, plates astray", 2000, 1000, 0, 1000, false},
		{"floating high", 4095, 4095, 4095, 4095, false},
		{"reversed", 2000, 1000, 3000, 1000, false},
		{"x off the scale", 4095, 1000, 900, 2800, false},
		{"y off the scale", 2000, 4095, 900, 2800, false},
	} {
		d := open(t, &glass{x: c.x, y: c.y, z1: c.z1, z2: c.z2}, upright)
		if _, pressed := read(t, d); pressed != c.want {
			t.Errorf("%s: pressed is %v", c.name, pressed)
		}
	}
}

func TestAFingerLiftedBetweenTheRoundsIsNoTouch(t *testing.T) {
	for _, second := range []bool{false, true} {
		g := finger()
		d := open(t, g, upright)
		half := (len(d.w) - 1) / 4 // conversions of a round
		g.disturb = func(k int, ctrl byte, v int) int {
			if ctrl == ctrlZ1 && (k >= half) == second {
				return 0
			}
			return v
		}
		if _, pressed := read(t, d); pressed {
			t.Errorf("no pressure in round %v is a touch", second)
		}
	}
}

func TestALightFingerDoesNotFlicker(t *testing.T) {
	for name, c := range map[string]struct {
		x                       int
		begins, less, tooLittle [2]int // Z1, Z2
	}{
		"pressure": {200, [2]int{100, 3700}, [2]int{100, 3850}, [2]int{100, 3900}},  // 495, 345, 295
		"contact":  {2000, [2]int{280, 3800}, [2]int{215, 3800}, [2]int{205, 3800}}, // 2455, 3257, 3425 ohm
	} {
		g := finger()
		d := open(t, g, upright)
		g.x = c.x
		for i, step := range []struct {
			z    [2]int
			want bool
		}{{c.less, false}, {c.begins, true}, {c.less, true}, {c.tooLittle, false}, {c.less, false}} {
			g.z1, g.z2 = step.z[0], step.z[1]
			if _, pressed := read(t, d); pressed != step.want {
				t.Errorf("%s, step %d: pressed is %v", name, i, pressed)
			}
		}
	}
}

func TestRoundsThatDisagreeAreAskedAgain(t *testing.T) {
	g := finger()
	g.sent = [][]byte{}
	d := open(t, g, upright)
	moving := true
	g.disturb = func(k int, ctrl byte, v int) int {
		if ctrl == ctrlX && moving {
			return v + 20*k
		}
		return v
	}
	if _, pressed := read(t, d); pressed {
		t.Error("a touch without a sure place has begun")
	}
	if n := len(g.sent); n != 4 {
		t.Errorf("%d transfers", n)
	}
	moving = false
	want, _ := read(t, d)
	moving = true
	if p, pressed := read(t, d); !pressed || p != want {
		t.Errorf("a touch that goes on is at %v (%v) instead of %v", p, pressed, want)
	}
	if n := d.Counters.Unsteady.Load(); n != 6 {
		t.Errorf("%d readings disagree", n)
	}
}

func TestAJumpIsBelievedTheSecondTime(t *testing.T) {
	g := finger()
	d := open(t, g, upright)
	home, _ := read(t, d)
	ghost := func() {
		g.x, g.y = 600, 3000
	}
	ghost()
	if p, pressed := read(t, d); !pressed || p != home {
		t.Errorf("a jump is believed at once: %v", p)
	}
	g.x, g.y = 2000, 1000
	if p, _ := read(t, d); p != home {
		t.Errorf("%v", p)
	}
	ghost()
	read(t, d)
	if p, pressed := read(t, d); !pressed || p == home {
		t.Errorf("a jump is not believed: %v", p)
	}
	g.z1 = 0
	read(t, d)
	g.z1, g.x, g.y = 900, 2000, 1000
	if p, pressed := read(t, d); !pressed || p != home {
		t.Errorf("a new touch is held back: %v, %v", p, pressed)
	}
}

func TestThePenLineDecidesBeforeAndAfter(t *testing.T) {
	for _, c := range []struct {
		pen       []int
		transfers int
		pressed   bool
	}{
		{[]int{0}, 0, false},
		{[]int{1, 1}, 1, true},
		{[]int{1, 0, 0}, 2, false}, // lifted meanwhile
		{[]int{1, 0, 1}, 2, true},  // the interrupt was off
	} {
		g := finger()
		d := open(t, g, upright)
		g.sent, g.pen = [][]byte{}, c.pen
		if _, pressed := read(t, d); pressed != c.pressed || len(g.sent) != c.transfers {
			t.Errorf("pen %v: pressed is %v after %d transfers", c.pen, pressed, len(g.sent))
		}
	}
}

func TestErrorsEndATouch(t *testing.T) {
	g := finger()
	d := open(t, g, upright)
	for _, breakIt := range []func(){
		func() { g.fail = errors.New("bus") },
		func() { g.pen = []int{-1} },
		func() { g.pen = []int{1, -1} },
		func() {
			g.pen = []int{1, 0}
			g.disturb = func(_ int, _ byte, v int) int { g.fail = errors.New("bus"); return v }
		},
	} {
		read(t, d)
		breakIt()
		if _, pressed, err := d.Read(); pressed || err == nil {
			t.Errorf("pressed %v, error %v", pressed, err)
		}
		g.fail, g.disturb = nil, nil
	}
	if n := d.Counters.Errors.Load(); n != 4 {
		t.Errorf("%d errors", n)
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	g := finger()
	d := open(t, g, upright)
	d.conn = silentConn{g}
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := d.Read(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// silentConn answers without allocating.
type silentConn struct{ *glass }

func (c silentConn) Tx(w, r []byte) error {
	for k := 0; 2+2*k < len(w); k++ {
		v := 2000
		switch w[2*k] &^ 3 {
		case ctrlZ1:
			v = 900
		case ctrlZ2:
			v = 2800
		}
		r[1+2*k], r[2+2*k] = byte(v<<3>>8), byte(v<<3)
	}
	return nil
}

func TestASizeThatIsNoPanelsIsRefused(t *testing.T) {
	for _, o := range []Opts{{}, {Size: image.Pt(-1, 5)}} {
		if _, err := NewSPI(finger(), nil, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestEdgesMapsTheOutermostPixels(t *testing.T) {
	size := image.Pt(240, 320)
	a := Edges(size, 280, 3860, 3860, 340)
	for raw, want := range map[image.Point]image.Point{
		{280, 3860}: {0, 0}, {3860, 340}: {239, 319}, {0, 4095}: {0, 0}, {4095, 0}: {239, 319},
		{2070, 2100}: {120, 160},
	} {
		if got := a.Pixel(raw, size); got != want {
			t.Errorf("%v is %v instead of %v", raw, got, want)
		}
	}
}

func TestFourQuarterTurnsAreNone(t *testing.T) {
	size := image.Pt(240, 320)
	a := Edges(size, 280, 3860, 340, 3860)
	if a.Turned(360, size) != a || a.Turned(0, size) != a {
		t.Error("no turn changes something")
	}
	b := a.Turned(90, size)
	// The origin of the turned picture is the glass's upper right corner.
	if got := b.Pixel(image.Pt(3860, 340), image.Pt(320, 240)); got != (image.Point{}) {
		t.Errorf("the corner is at %v", got)
	}
	if b != a.Turned(-270, size) {
		t.Error("three turns back are not one forward")
	}
}
