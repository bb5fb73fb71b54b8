package keypad

import (
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAPanelThatFailsIsReportedOnceAndComesBackWhole(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.enter("12")
		b.glass.count()
		b.glass.setBroken(true)
		b.press(b.at("digit-3"))
		b.wait(5 * time.Second)
		if n := b.touchable(); n != "" {
			t.Errorf("%s can be touched in the dark", n)
		}
		b.lift()
		b.press(b.eyeAt(4)) // a press on a picture that is not there
		b.lift()
		if writes, _ := b.glass.count(); writes > 8 {
			t.Errorf("%d writes in 5 s", writes)
		}
		b.glass.setBroken(false)
		b.wait(retryPanel)
		b.shows("the page as it is by now", pinPage(2))
		if len(b.healths) != 2 || b.healths[0] != "panel: broken" || b.healths[1] != "panel" {
			t.Errorf("reported %q", b.healths)
		}
		b.enter("345678")
		if len(b.entries) != 1 || b.entries[0] != "12345678" {
			t.Errorf("handed over %q", b.entries)
		}
	})
}

func (b *bench) eyeAt(i int) image.Point {
	r := b.k.l.keys[i]
	return r.Min.Add(r.Size().Div(2))
}

// chip is a display that can be set up again.
type chip struct {
	*glass
	inits, refreshes int
}

func (c *chip) Init() error    { c.inits++; return nil }
func (c *chip) Refresh() error { c.refreshes++; return nil }

func TestAPanelIsSetUpAgainAfterAFaultAndRefreshedBeforeTheLight(t *testing.T) {
	run(t, func(b *bench) {
		c := &chip{glass: b.glass}
		b.k.panel.display = c
		b.show(View{Screen: Paused})
		if c.inits != 0 || c.refreshes != 0 {
			t.Errorf("%d inits, %d refreshes of a working panel", c.inits, c.refreshes)
		}
		b.glass.setBroken(true)
		b.show(home())
		b.wait(2500 * time.Millisecond)
		b.glass.setBroken(false)
		b.wait(time.Second)
		if c.inits != 3 {
			t.Errorf("%d inits after three tries", c.inits)
		}
		b.showsView(home())
		b.wait(time.Minute)
		if c.inits != 4 {
			t.Errorf("%d inits when the light is out", c.inits)
		}
		clear(b.glass.pix) // a discharge while nobody looks
		c.refreshes = 0
		b.press(image.Pt(120, 20))
		if c.refreshes != 1 {
			t.Errorf("%d refreshes on waking", c.refreshes)
		}
		b.showsView(home())
		b.wait(dimAfter)
		if c.inits != 4 {
			t.Errorf("%d inits later", c.inits)
		}
	})
}

func TestALitPanelIsRefreshedWithinFiveSecondsAndADarkOneNotAtAll(t *testing.T) {
	for _, line := range []bool{true, false} {
		var c *chip
		run(t, func(b *bench) {
			for range 3 {
				b.tap("pin") // it is lit
				b.wait(idleFor)
				b.glass.count()
				c.refreshes = 0
				clear(b.glass.pix)
				b.wait(2 * refreshStrips * refreshEvery) // two turns: 4.8 s
				b.showsView(home())
				if writes, bytes := b.glass.count(); c.refreshes < 2 || writes > 18 || bytes > 3*len(b.glass.pix)*2 {
					t.Errorf("%d refreshes, %d bytes in %d writes", c.refreshes, bytes, writes)
				}
			}
			b.wait(time.Minute)
			c.refreshes = 0
			b.glass.count()
			b.wait(time.Minute)
			if writes, _ := b.glass.count(); (c.refreshes == 0 && writes == 0) != line {
				t.Errorf("a light %v: %d refreshes, %d writes in the dark", line, c.refreshes, writes)
			}
		}, func(b *bench, o *Opts) {
			c = &chip{glass: b.glass}
			b.display = c
			if !line {
				o.Backlight = nil
			}
		})
	}
}

func TestAPressNeverWaitsForARefresh(t *testing.T) {
	var c *chip
	run(t, func(b *bench) {
		b.tap("pin")
		c.refreshes = 0
		b.press(b.at("digit-1"))
		b.wait(refreshEvery)
		if c.refreshes != 0 {
			t.Error("refreshed under a finger")
		}
		b.wait(2 * time.Second * refreshStrips)
		if c.refreshes == 0 {
			t.Error("a finger that stays keeps it from being refreshed")
		}
		b.lift()
		b.shows("a digit", pinPage(1))
	}, func(b *bench, o *Opts) { c = &chip{glass: b.glass}; b.display = c })
}

func TestAKeyPressCostsLittleMoreThanThePixelsItChanges(t *testing.T) {
	for _, at := range sizes() {
		p, l := testPainter(t, at)
		g := newGlass(at)
		on := panel{display: g, shown: newCanvas(at)}
		s := scene{page: entryPage, order: telephone(), pressed: nothing}
		next := func() (changed, bytes, writes int) {
			was := g.picture()
			p.draw(&s)
			if err := on.show(time.Time{}, p.canvas); err != nil {
				t.Fatal(err)
			}
			for i, v := range g.picture() {
				if v != was[i] {
					changed++
				}
			}
			writes, bytes = g.count()
			return changed, bytes, writes
		}
		next()
		for i := range l.keys {
			for _, s.pressed = range []target{target(i), nothing} {
				if s.pressed == nothing {
					s.filled = min(s.filled+1, pinLen)
				}
				changed, bytes, writes := next()
				if float64(bytes) > 1.3*2*float64(changed) || writes > 3 {
					t.Errorf("%v, key %d: %d bytes in %d writes for %d pixels", l, i, bytes, writes, changed)
				}
			}
		}
	}
}

func TestDifferencesAreFewApartAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := image.Pt(rapid.IntRange(1, 60).Draw(t, "w"), rapid.IntRange(1, 60).Draw(t, "h"))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		a, b := newCanvas(size), newCanvas(size)
		for range rapid.IntRange(0, 8).Draw(t, "patches") {
			x, y := rng.IntN(size.X), rng.IntN(size.Y)
			b.fill(image.Rect(x, y, x+1+rng.IntN(20), y+1+rng.IntN(20)), colour(rng.IntN(1<<24)))
		}
		rs := differences(a, b)
		changed := 0
		for i, v := range b.pix {
			if v == a.pix[i] {
				continue
			}
			changed++
			in := 0
			for _, r := range rs {
				if image.Pt(i%size.X, i/size.X).In(r) {
					in++
				}
			}
			if in != 1 {
				t.Fatalf("a changed pixel is in %d of %v", in, rs)
			}
		}
		for i, r := range rs {
			if r.Empty() || !r.In(b.bounds()) {
				t.Fatalf("%v of %v", r, size)
			}
			for _, other := range rs[:i] {
				if r.Overlaps(other) {
					t.Fatalf("%v overlaps %v", r, other)
				}
			}
		}
		if changed == 0 && len(rs) != 0 {
			t.Fatalf("%v differ though nothing does", rs)
		}
	})
}

// BenchmarkFrame draws a whole 240 x 320 frame, finds what changed and converts it.
func BenchmarkFrame(b *testing.B) {
	for _, s := range gallery() {
		switch s.name {
		case "home-greeting", "pin", "granted":
		default:
			continue
		}
		b.Run(s.name, func(b *testing.B) {
			p, _ := testPainter(b, image.Pt(240, 320))
			on := panel{display: new(blind), shown: newCanvas(image.Pt(240, 320))}
			for b.Loop() {
				on.known = false // all of it goes out
				p.draw(&s.scene)
				on.show(time.Time{}, p.canvas)
			}
		})
	}
}

// BenchmarkKeyPress draws, compares and converts a key going down and up, and reports the
// bytes that go over the bus for the one and the other.
func BenchmarkKeyPress(b *testing.B) {
	p, _ := testPainter(b, image.Pt(240, 320))
	var sent blind
	on := panel{display: &sent, shown: newCanvas(image.Pt(240, 320))}
	s := scene{page: entryPage, order: telephone()}
	p.draw(&s)
	on.show(time.Time{}, p.canvas)
	sent = 0
	for b.Loop() {
		for _, s.pressed = range []target{4, nothing} {
			s.filled = 1 + int(s.pressed)/4
			p.draw(&s)
			on.show(time.Time{}, p.canvas)
		}
	}
	b.ReportMetric(float64(sent)/2/float64(b.N), "bus-bytes/change")
}

// blind counts the bytes it is given.
type blind int

func (*blind) Size() image.Point { return image.Pt(240, 320) }

func (b *blind) Write(_ image.Rectangle, pix []byte) error {
	*b += blind(len(pix))
	return nil
}
