package keypad

import (
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// crowded is views whose texts are as long and as strange as they may come.
func crowded() []View {
	long := strings.Repeat("Donaudampfschifffahrtsgesellschaft ", 30)
	words := strings.Repeat("a very long text of short words ", 30)
	one := strings.Repeat("W", 300)
	var vs []View
	for s := Home; s <= SecondCard; s++ {
		for _, t := range []string{"", "Ada", long, words, one, "李明 \u0645\u062d\u0645\u062f", "\x00\xff\n\t\u202e"} {
			for _, pin := range []bool{true, false} {
				v := View{Screen: s, PIN: pin, Place: t, Door: t, Greeting: t, ReaderID: t, Fingerprint: t, User: t, Reason: t}
				vs = append(vs, v)
				v.LinkLost, v.ClockUntrusted, v.Notes = true, true, t
				vs = append(vs, v)
				v.CardOutOfOrder = true
				vs = append(vs, v)
				v.Identify = true
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// panels are those there are, and some there may be.
func panels() []image.Point {
	return append(sizes(), image.Pt(272, 480), image.Pt(320, 320), image.Pt(400, 240), image.Pt(480, 800), image.Pt(240, 400))
}

func TestNothingOverlapsOrIsCutOffOnAnyPanel(t *testing.T) {
	for _, at := range panels() {
		p, l := testPainter(t, at)
		for i, v := range crowded() {
			v.LargeText, v.HighContrast = i/4%2 == 0, i/8%2 == 0
			for _, pg := range []page{viewPage, entryPage, checkingPage} {
				s := scene{view: v, language: lang(i % len(languages)), page: pg, order: telephone(), pressed: nothing}
				_, boxes := p.arrange(&s)
				for i, b := range boxes {
					if b.Empty() || !b.In(p.bounds().Inset(l.px(3))) {
						t.Errorf("%v %+v: %v is empty or over the edge", l, v, b.Rectangle)
					}
					for _, other := range boxes[:i] {
						if b.Overlaps(other.Rectangle) {
							t.Errorf("%v %+v: %v overlaps %v", l, v, b.Rectangle, other.Rectangle)
						}
					}
				}
				if t.Failed() {
					return
				}
			}
		}
	}
}

// TestInkStaysInItsBox paints each box by itself and looks around it.
func TestInkStaysInItsBox(t *testing.T) {
	for _, at := range sizes() {
		p, _ := testPainter(t, at)
		blank := newCanvas(at)
		for i, g := range gallery() {
			g.view.Door = "Ängström-Jäger"
			g.view.Greeting = "Çığ Ůpřímný gjpqy"
			g.view.LargeText, g.view.HighContrast = i%2 == 0, i/2%2 == 0
			on, boxes := p.arrange(&g.scene)
			for _, b := range boxes {
				blank.fill(p.bounds(), on)
				p.fill(p.bounds(), on)
				b.paint(b.Rectangle)
				p.fill(b.Rectangle.Inset(-1), on) // letters may lean over by one
				if !slices.Equal(p.pix, blank.pix) {
					t.Fatalf("%v, %s: ink beside the box %v", at, g.name, b.Rectangle)
				}
			}
		}
	}
}

func TestKeysAreLargeEnoughForFingers(t *testing.T) {
	for _, at := range panels() {
		l, err := measure(at)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range append(l.keys[:], l.button) {
			if r.Dx() < l.px(64) || r.Dy() < l.px(52) {
				t.Errorf("%v: key %d is %v", l, i, r.Size())
			}
		}
	}
}

// A target is a key with half the gaps around it: as touchTracker.follow takes it.
func TestTargetsAreAtLeastNineMillimetresOnTheGlassThatIsSold(t *testing.T) {
	for _, glass := range []struct {
		inches, pitch float64 // millimetres from pixel to pixel
		size          image.Point
	}{
		{2.4, 36.72 / 240, image.Pt(240, 320)}, {2.8, 43.2 / 240, image.Pt(240, 320)}, {3.2, 48.6 / 240, image.Pt(240, 320)},
		{3.5, 48.96 / 320, image.Pt(320, 480)}, {4.0, 55.68 / 320, image.Pt(320, 480)},
	} {
		for _, at := range []image.Point{glass.size, {glass.size.Y, glass.size.X}} {
			l, err := measure(at)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range append(l.keys[:], l.button) {
				target := r.Inset(-l.gap / 2)
				if w, h := float64(target.Dx())*glass.pitch, float64(target.Dy())*glass.pitch; min(w, h) < 9 {
					t.Errorf("%.1f inches, %v: %.1f x %.1f mm", glass.inches, l, w, h)
				}
			}
		}
	}
}

func TestAPanelTooSmallForTheKeysIsRefused(t *testing.T) {
	for _, at := range []image.Point{{240, 240}, {128, 160}, {0, 0}, {239, 320}} {
		if _, err := New(newGlass(at), nil, nil); err == nil {
			t.Errorf("%v is accepted", at)
		}
	}
}

func TestIconsEndWithinTheirFields(t *testing.T) {
	for i := cardIcon; i <= crosshairIcon; i++ {
		w, h := i.field()
		if len(i.layers()) == 0 {
			t.Errorf("icon %d is empty", i)
		}
		for n, l := range i.layers() {
			for u := 0.0; u <= 1; u += 1.0 / 256 {
				for _, at := range [][2]float64{{u * w, 0}, {u * w, h}, {0, u * h}, {w, u * h}} {
					if d := l.shape(at[0], at[1]); d < 0 {
						t.Fatalf("icon %d, layer %d is cut off at %v by %.2f", i, n, at, -d)
					}
				}
			}
		}
	}
}

// The signs of modes are told from all others without their colours and words: less than half
// of the ink of two is in common.
func TestTheSignOfEachModeHasAShapeOfItsOwn(t *testing.T) {
	const side = 64
	ink := func(i icon) []uint8 {
		all := make([]uint8, side*side)
		w, h := i.field()
		m := rasterise(w, h, side/max(w, h), i.layers()...)
		for y := range m.size.Y {
			copy(all[(y+(side-m.size.Y)/2)*side:], m.a[y*m.size.X:][:m.size.X])
		}
		return all
	}
	for i := openDoorIcon; i <= exitIcon; i++ {
		for j := cardIcon; j <= padIcon; j++ {
			if i == j {
				continue
			}
			both, either := 0, 0
			other := ink(j)
			for n, a := range ink(i) {
				both += int(min(a, other[n]))
				either += int(max(a, other[n]))
			}
			if 2*both >= either {
				t.Errorf("icons %d and %d have %d of %d in common", i, j, both, either)
			}
		}
	}
}

// contrast is WCAG's ratio of two colours, 1 to 21.
func contrast(a, b colour) float64 {
	luminance := func(c colour) float64 {
		channel := func(v colour) float64 {
			u := float64(v&0xFF) / 255
			if u <= 0.04045 {
				return u / 12.92
			}
			return math.Pow((u+0.055)/1.055, 2.4)
		}
		return 0.2126*channel(c>>16) + 0.7152*channel(c>>8) + 0.0722*channel(c)
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// onPanel is what c looks like once it is RGB565.
func onPanel(c colour) colour {
	v := seen(c.pack())
	return colour(v.R)<<16 | colour(v.G)<<8 | colour(v.B)
}

func TestTextStandsOutSevenToOneAndTwelveToOneInHighContrast(t *testing.T) {
	for i, p := range []*palette{standardPalette(), highContrastPalette()} {
		least := []float64{7, 12}[i]
		for _, c := range []struct{ ink, on colour }{
			{p.text, p.ground}, {p.text, p.key}, {p.pressedText, p.pressed}, {p.muted, p.ground}, {p.muted, p.key},
			{p.warning, p.ground}, {p.good, p.ground}, {white, p.granted}, {white, p.denied}, {white, p.exit},
		} {
			if c.on == p.key && c.ink == p.muted && !p.outline {
				continue // no grey stands on a key there
			}
			for _, r := range []float64{contrast(c.ink, c.on), contrast(onPanel(c.ink), onPanel(c.on))} {
				if r < least {
					t.Errorf("%06x on %06x has %.2f:1", int(c.ink), int(c.on), r)
				}
			}
		}
	}
	if r := contrast(0, 0xFFFFFF); math.Abs(r-21) > 1e-9 {
		t.Errorf("white on black has %.2f:1", r)
	}
}

// WCAG 2.2, 1.4.11: 3:1 for what must be seen to use a thing; 4.5:1 in high contrast.
func TestSignsAndOutlinesCanBeSeen(t *testing.T) {
	q, s := standardPalette(), highContrastPalette()
	for _, c := range []struct {
		ink, on colour
		least   float64
	}{
		{q.accent, q.ground, 3}, {q.warning, q.ground, 3}, {q.good, q.ground, 3}, {q.stop, q.ground, 3}, {white, q.barTrack, 2}, {q.accent, q.waitTrack, 3},
		{s.accent, s.ground, 4.5}, {s.warning, s.ground, 4.5}, {s.good, s.ground, 4.5}, {s.stop, s.ground, 4.5}, {white, s.barTrack, 3}, {s.accent, s.waitTrack, 3}, {s.waitTrack, s.ground, 3},
		{s.line, s.ground, 4.5}, {s.line, s.key, 4.5}, {s.pressed, s.key, 4.5}, {s.edge, s.ground, 4.5}, {s.dimmed, s.ground, 3},
	} {
		if r := contrast(onPanel(c.ink), onPanel(c.on)); r < c.least {
			t.Errorf("%06x on %06x has %.2f:1, less than %.1f:1", int(c.ink), int(c.on), r, c.least)
		}
	}
}

func TestColoursArriveNearlyUnchanged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		c := colour(rng.IntN(1 << 24))
		for shift, most := range map[uint]int{16: 8, 8: 4, 0: 8} {
			got, want := int(onPanel(c)>>shift&0xFF), int(c>>shift&0xFF)
			if got-want > most || want-got > most {
				t.Fatalf("%06x arrives as %06x", int(c), int(onPanel(c)))
			}
		}
	}
	for _, c := range []colour{0, 0xFFFFFF} {
		if onPanel(c) != c {
			t.Errorf("%06x arrives as %06x", int(c), int(onPanel(c)))
		}
	}
}
