package touch

import (
	"errors"
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// crosses are three places that are not in line.
func crosses(size image.Point) []image.Point {
	return []image.Point{
		{X: size.X / 8, Y: size.Y / 8}, {X: size.X * 7 / 8, Y: size.Y / 2}, {X: size.X / 2, Y: size.Y * 7 / 8},
	}
}

// film is where on it a pixel lies: turned, mirrored, stretched, shifted and a little askew.
type film struct {
	size        image.Point
	turned      bool
	left, right float64
	top, bottom float64
	askew       float64
	noise       func() float64
}

func (f film) raw(at image.Point) image.Point {
	u, v := (float64(at.X)+0.5)/float64(f.size.X), (float64(at.Y)+0.5)/float64(f.size.Y)
	if f.turned {
		u, v = v, u
	}
	u, v = u+f.askew*v, v-f.askew*u
	return image.Pt(
		int(math.Round(f.left+u*(f.right-f.left)+f.noise())),
		int(math.Round(f.top+v*(f.bottom-f.top)+f.noise())))
}

func TestACalibrationFindsHowTheFilmLies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.Float64Range(100, 600)
		far := rapid.Float64Range(3400, 4000)
		f := film{
			size:   rapid.SampledFrom([]image.Point{{240, 320}, {320, 240}, {320, 480}, {480, 320}}).Draw(t, "size"),
			turned: rapid.Bool().Draw(t, "turned"),
			left:   edge.Draw(t, "left"), right: far.Draw(t, "right"),
			top: edge.Draw(t, "top"), bottom: far.Draw(t, "bottom"),
			askew: rapid.Float64Range(-0.05, 0.05).Draw(t, "askew"),
			noise: func() float64 { return rapid.Float64Range(-15, 15).Draw(t, "noise") },
		}
		if rapid.Bool().Draw(t, "mirrored") {
			f.left, f.right = f.right, f.left
		}
		if rapid.Bool().Draw(t, "upside down") {
			f.top, f.bottom = f.bottom, f.top
		}
		var samples []Sample
		for range 2 {
			for _, at := range crosses(f.size) {
				samples = append(samples, Sample{f.raw(at), at})
			}
		}
		a, err := fit(samples, f.size)
		if err != nil {
			t.Fatal(err)
		}
		f.noise = func() float64 { return 0 }
		for _, at := range []image.Point{{}, f.size.Sub(image.Pt(1, 1)), f.size.Div(2), {Y: f.size.Y - 1}} {
			raw := f.raw(at)
			got := a.Pixel(raw, f.size)
			if d := got.Sub(at); max(abs(d.X), abs(d.Y)) > 6 {
				t.Fatalf("%v is taken for %v", at, got)
			}
		}
	})
}

func TestExactTouchesGiveAnExactMapping(t *testing.T) {
	size := image.Pt(240, 320)
	f := film{size: size, left: 280, right: 3860, top: 340, bottom: 3860, noise: func() float64 { return 0 }}
	var samples []Sample
	for _, at := range crosses(size) {
		samples = append(samples, Sample{f.raw(at), at})
	}
	a, err := fit(samples, size)
	if err != nil {
		t.Fatal(err)
	}
	for x := range size.X {
		for y := range size.Y {
			raw := f.raw(image.Pt(x, y))
			if got := a.Pixel(raw, size); max(abs(got.X-x), abs(got.Y-y)) > 1 {
				t.Fatalf("%d,%d is taken for %v", x, y, got)
			}
		}
	}
}

func TestTouchesThatNoFilmGivesAreRefused(t *testing.T) {
	size := image.Pt(240, 320)
	at := crosses(size)
	good := []image.Point{{800, 900}, {3300, 2100}, {2000, 3300}}
	for name, raw := range map[string][]image.Point{
		"nothing":                     {},
		"two":                         good[:2],
		"one place":                   {{2000, 2000}, {2003, 2001}, {1999, 2002}},
		"a dead axis":                 {{800, 2000}, {3300, 2003}, {2000, 1998}},
		"one line":                    {{800, 800}, {3300, 3300}, {2000, 2000}},
		"a film that is askew":        {{800, 2100}, {2900, 3300}, {1200, 3300}},
		"one cross missed":            append(good[:3:3], image.Pt(900, 1000), image.Pt(3300, 2100), image.Pt(3300, 3300)),
		"another order the next time": append(good[:3:3], good[2], good[0], good[1]),
	} {
		var samples []Sample
		for i, r := range raw {
			samples = append(samples, Sample{r, at[i%3]})
		}
		if a, err := fit(samples, size); !errors.Is(err, ErrNonsense) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	var samples []Sample
	for i, r := range good {
		samples = append(samples, Sample{r, at[i]})
	}
	if _, err := fit(samples, size); err != nil {
		t.Error(err)
	}
}

func TestACalibrationBelongsToTheGlassWhateverThePicturesTurn(t *testing.T) {
	glass := image.Pt(240, 320)
	f := film{size: glass, left: 3900, right: 250, top: 300, bottom: 3800, noise: func() float64 { return 0 }}
	var first Affine
	for turn := range 4 {
		size := glass
		if turn%2 != 0 {
			size = image.Pt(320, 240)
		}
		d := open(t, finger(), Opts{Size: size, Rotation: 90 * turn})
		var samples []Sample
		for _, at := range crosses(size) {
			// Where that pixel of the picture is on the upright glass.
			on := at
			for k, s := turn, size; k > 0; k-- {
				s = image.Pt(s.Y, s.X)
				on = image.Pt(s.X-1-on.Y, on.X)
			}
			samples = append(samples, Sample{f.raw(on), at})
		}
		got, err := d.Calibration(samples)
		if err != nil {
			t.Fatal(err)
		}
		if turn == 0 {
			first = got
		}
		for _, v := range []float64{got.XX - first.XX, got.XY - first.XY, got.YX - first.YX, got.YY - first.YY} {
			if math.Abs(v) > 0.002 {
				t.Errorf("turned by %d: %+v, upright %+v", turn, got, first)
			}
		}
		if math.Abs(got.X0-first.X0) > 3 || math.Abs(got.Y0-first.Y0) > 3 {
			t.Errorf("turned by %d: %+v, upright %+v", turn, got, first)
		}
		// And the driver takes it as it stands.
		again := open(t, finger(), Opts{Size: size, Rotation: 90 * turn, Cal: got})
		for _, s := range samples {
			if p := again.cal.Pixel(s.Raw, size); max(abs(p.X-s.At.X), abs(p.Y-s.At.Y)) > 1 {
				t.Errorf("turned by %d: %v is taken for %v", turn, s.At, p)
			}
		}
	}
}
