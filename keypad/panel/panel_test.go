package panel

import (
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// wire writes down what reaches the panel: a line a command, its parameters or
// pixels behind it, "~" and a time where nothing came for a while.
type wire struct {
	text  strings.Builder
	data  bool
	limit int
	last  time.Time
	txs   []int // lengths
	fail  int   // the transfer, counted from 1, that fails
	n     int
	quiet bool
	freq  physic.Frequency
	mode  spi.Mode
}

func (w *wire) String() string               { return "wire" }
func (w *wire) Duplex() conn.Duplex          { return conn.Full }
func (w *wire) MaxTxSize() int               { return w.limit }
func (w *wire) SetValue(v int) error         { w.data = v != 0; return nil }
func (w *wire) TxPackets([]spi.Packet) error { return errors.New("not used") }

func (w *wire) Connect(f physic.Frequency, m spi.Mode, bits int) (spi.Conn, error) {
	if bits != 8 {
		return nil, fmt.Errorf("%d bits", bits)
	}
	w.freq, w.mode = f, m
	return w, nil
}

func (w *wire) Tx(b, r []byte) error {
	if w.n++; w.n == w.fail {
		return errors.New("wire cut")
	}
	if w.quiet {
		return nil
	}
	if r != nil {
		return errors.New("a read")
	}
	w.txs = append(w.txs, len(b))
	if gap := time.Since(w.last); !w.last.IsZero() && gap > 0 {
		fmt.Fprintf(&w.text, "\n~%v", gap)
	}
	w.last = time.Now()
	if !w.data {
		fmt.Fprintf(&w.text, "\n%02X", b)
		return nil
	}
	if len(b) > 64 {
		fmt.Fprintf(&w.text, " +%d", len(b))
		return nil
	}
	fmt.Fprintf(&w.text, " % X", b)
	return nil
}

// took returns and forgets what was written.
func (w *wire) took() string {
	s := strings.TrimSpace(w.text.String())
	w.text.Reset()
	w.txs, w.last = nil, time.Time{}
	return s
}

func open(t *testing.T, w *wire, o Opts) *Dev {
	t.Helper()
	d, err := NewSPI(w, w, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAnILI9341IsInitialisedAsItsDataSheetSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{limit: 65536}
		open(t, w, Opts{})
		want := `01
~120ms
CF 00 C1 30
ED 64 03 12 81
E8 85 00 78
CB 39 2C 00 34 02
F7 20
EA 00 00
C0 23
C1 10
C5 3E 28
C7 86
B1 00 1B
F2 00
26 01
B7 07
B6 08 82 27 00
E0 0F 31 2B 0C 0E 08 4E F1 37 07 10 03 0E 09 00
E1 00 0E 14 03 11 07 31 C1 48 08 0F 0C 31 36 0F
13
38
3A 55
20
36 48
11
~5ms
2A 00 00 00 EF
2B 00 00 01 3F
2C +65536 +65536 +22528
29`
		if got := w.took(); got != want {
			t.Errorf("sent\n%s", got)
		}
		if w.mode != spi.Mode0 || w.freq != 32*physic.MegaHertz {
			t.Errorf("mode %v at %v", w.mode, w.freq)
		}
	})
}

func TestOptionsReachTheRegisters(t *testing.T) {
	for _, c := range []struct {
		o    Opts
		want []string
	}{
		{Opts{Rotation: 90}, []string{"36 28", "2A 00 00 01 3F", "2B 00 00 00 EF"}},
		{Opts{Rotation: 180, SwapRedBlue: true}, []string{"36 80"}},
		{Opts{Rotation: 270, Invert: true}, []string{"36 E8", "\n21\n"}},
		{Opts{Model: "st7789"}, []string{"36 00", "\n21\n", "B2 0C 0C 00 33 33", "C0 2C", "E1 D0 00 02 07 0A 28 31 54 47 0E 1C 17 1B 1E"}},
		{Opts{Model: "st7789", Invert: true, Rotation: 90}, []string{"36 60", "\n20\n"}},
		{Opts{Model: "st7796"}, []string{"F0 C3\nF0 96\nB4 01", "F0 3C\nF0 69\n13\n38\n3A 55", "36 48", "2A 00 00 01 3F", "2B 00 00 01 DF", "11\n~120ms"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{}
			open(t, w, c.o)
			got := w.took()
			for _, s := range c.want {
				if !strings.Contains(got, s) {
					t.Errorf("%+v: no %q in\n%s", c.o, s, got)
				}
			}
		})
	}
}

func TestWriteSetsColumnsAndRowsOnlyWhenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		d := open(t, w, Opts{})
		w.took()
		for _, c := range []struct {
			r    image.Rectangle
			want string
		}{
			{image.Rect(10, 20, 12, 21), "2A 00 0A 00 0B\n2B 00 14 00 14\n2C 12 34 56 78"},
			{image.Rect(10, 20, 12, 21), "2C 12 34 56 78"},
			{image.Rect(10, 300, 12, 301), "2B 01 2C 01 2C\n2C 12 34 56 78"},
			{image.Rect(11, 300, 13, 301), "2A 00 0B 00 0C\n2C 12 34 56 78"},
		} {
			if err := d.Write(c.r, []byte{0x12, 0x34, 0x56, 0x78}); err != nil {
				t.Fatal(err)
			}
			if got := w.took(); got != c.want {
				t.Errorf("%v sent\n%s", c.r, got)
			}
		}
		if err := d.Write(image.Rect(5, 5, 5, 9), nil); err != nil || w.took() != "" {
			t.Error("an empty rectangle is not nothing")
		}
	})
}

func TestTransfersKeepToThePortsLimitInWholePixels(t *testing.T) {
	for limit, want := range map[int][]int{
		0: {4096, 2304}, 101: {100, 100}, 4096: {4096, 2304}, 65536: {6400},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{limit: limit}
			d := open(t, w, Opts{})
			w.took()
			if err := d.Write(image.Rect(0, 0, 80, 40), make([]byte, 6400)); err != nil {
				t.Fatal(err)
			}
			if got := w.txs[5:]; fmt.Sprint(got[:len(want)]) != fmt.Sprint(want) {
				t.Errorf("limit %d: transfers %v", limit, got)
			}
		})
	}
}

func TestWriteRefusesWhatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		d := open(t, w, Opts{})
		w.took()
		for r, n := range map[image.Rectangle]int{
			image.Rect(-1, 0, 1, 1):    4,
			image.Rect(239, 0, 241, 1): 4,
			image.Rect(0, 319, 1, 321): 4,
			image.Rect(0, 0, 2, 2):     7,
			image.Rect(0, 0, 240, 320): 0,
			image.Rect(0, 0, 320, 240): 153600,
			image.Rect(0, 0, 1, 1):     4,
		} {
			if err := d.Write(r, make([]byte, n)); !errors.Is(err, ErrBounds) {
				t.Errorf("%v with %d bytes: %v", r, n, err)
			}
		}
		if s := w.took(); s != "" {
			t.Errorf("sent %s", s)
		}
	})
}

func TestAFailedWriteIsForgottenByTheNext(t *testing.T) {
	for fail := 1; fail <= 6; fail++ {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{}
			d := open(t, w, Opts{})
			r := image.Rect(1, 2, 3, 4)
			w.n, w.fail = 0, fail
			if err := d.Write(r, make([]byte, 8)); err == nil {
				t.Fatal("no error")
			}
			w.took()
			if err := d.Write(r, make([]byte, 8)); err != nil {
				t.Fatal(err)
			}
			want := "2A 00 01 00 02\n2B 00 02 00 03\n2C 00 00 00 00 00 00 00 00"
			if got := w.took(); got != want {
				t.Errorf("failed transfer %d; then\n%s", fail, got)
			}
			if c := &d.Counters; c.Errors.Load() != 1 || c.Inits.Load() != 1 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestWriteDoesNotAllocate(t *testing.T) {
	w := &wire{}
	synctest.Test(t, func(t *testing.T) {
		d := open(t, w, Opts{})
		w.quiet = true
		pix := make([]byte, 2*64*52)
		x := 0
		if n := testing.AllocsPerRun(100, func() {
			x = (x + 1) % 100
			if err := d.Write(image.Rect(x, x, x+64, x+52), pix); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// resetLine notes when the panel was held in reset, and for how long.
type resetLine struct {
	begin time.Time
	held  time.Duration
}

func (l *resetLine) SetValue(v int) error {
	if v == 1 {
		l.begin = time.Now()
	} else {
		l.held = time.Since(l.begin)
	}
	return nil
}

func TestTheResetLineIsHeldAndThenWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := &wire{}, &resetLine{}
		begin := time.Now()
		d, err := NewSPI(w, w, l, Opts{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Init(); err != nil {
			t.Fatal(err)
		}
		if l.held < 10*time.Microsecond || l.held > time.Millisecond {
			t.Errorf("held for %v", l.held)
		}
		if took := time.Since(begin); took < 130*time.Millisecond || took > 200*time.Millisecond {
			t.Errorf("initialised in %v", took)
		}
		if !strings.HasPrefix(w.took(), "01\n~5ms\nCF") {
			t.Error("no software reset behind the line's")
		}
	})
}

func TestHaltKeepsItsDistanceFromInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		d := open(t, w, Opts{})
		w.took()
		for _, want := range []string{"28\n~115ms\n10", "28\n10"} {
			if err := d.Halt(); err != nil {
				t.Fatal(err)
			}
			if got := w.took(); !strings.HasPrefix(got, want) {
				t.Errorf("sent\n%s", got)
			}
		}
	})
}

func TestBadOptionsAreRefused(t *testing.T) {
	w := &wire{}
	for _, o := range []Opts{{Model: "ili9488"}, {Rotation: 45}, {Rotation: 360}, {Rotation: -90}} {
		if _, err := NewSPI(w, w, nil, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	if _, err := NewSPI(w, nil, nil, Opts{}); err == nil {
		t.Error("a panel without a data/command line is taken")
	}
	if s := w.took(); s != "" {
		t.Errorf("sent %s", s)
	}
}

func TestEveryTableIsWellFormed(t *testing.T) {
	for _, m := range Models() {
		c := tableOf(m)
		seen := map[byte]bool{}
		for i := range 4 {
			d := &Dev{table: c, opts: Opts{Rotation: 90 * i}}
			v := d.madctl()
			if seen[v] {
				t.Errorf("%s: two rotations are the same", m)
			}
			seen[v] = true
			if (v&madctlMV != 0) != (i%2 == 1) {
				t.Errorf("%s: rotation %d exchanges rows and columns wrongly", m, i)
			}
		}
		for _, row := range c.init {
			if len(row) < 1 || len(row) > 1+maxParams {
				t.Errorf("%s: row % X", m, row)
			}
		}
	}
}
