package keypad

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"latchkey/keypad/touch"
)

// A rawTouch is a touch controller that can be calibrated: Raw reads in its own counts, and
// Calibration returns the mapping that fits touches at known places.
type rawTouch interface {
	Raw() (raw image.Point, pressed bool, err error)
	Calibration([]touch.Sample) (touch.Affine, error)
}

// How a cross is touched.
const (
	crossPollEvery = 10 * time.Millisecond // between readings
	landSamples    = 6                     // ignored while the finger lands
	crossSamples   = 16                    // then taken, and their median counts
	steady         = 120                   // counts that they may spread; more, and the finger moves
	liftSamples    = 10                    // without pressure: the finger has lifted
	crossPlaces    = 3
	crossRounds    = 2 // how often each cross is touched
	crossTries     = 3 // until Calibrate gives up
	crossIdle      = time.Minute
	crossDoneFor   = 2 * time.Second
)

// crosses returns their places on a panel of that size: not in line, and near the edges,
// where a film bends least.
func crosses(size image.Point) [crossPlaces]image.Point {
	return [crossPlaces]image.Point{
		{X: size.X / 8, Y: size.Y / 8},
		{X: size.X * 7 / 8, Y: size.Y / 2},
		{X: size.X / 2, Y: size.Y * 7 / 8},
	}
}

// Calibrate asks a person to touch three crosses twice, one after the other, and returns the
// mapping for touch.Opts.Cal, in any rotation. It is called instead of Run, uses the language
// of the View that was shown, and leaves the light off.
//
// It asks again for inconsistent touches; after three tries, or a minute without a touch, it
// returns an error, which holds no position.
func (k *Keypad) Calibrate(ctx context.Context) (touch.Affine, error) {
	f, ok := k.tracker.touch.(rawTouch)
	if !ok {
		return touch.Affine{}, errors.New("keypad: this touchscreen cannot be calibrated")
	}
	a, err := k.calibrate(ctx, f)
	return a, errors.Join(err, k.end())
}

func (k *Keypad) calibrate(ctx context.Context, f rawTouch) (touch.Affine, error) {
	k.started = time.Now()
	k.takeView(k.started)
	prompt := "Touch the cross"
	for try := 1; ; try++ {
		samples, err := k.touchCrosses(ctx, f, prompt)
		if err != nil {
			return touch.Affine{}, err
		}
		a, err := f.Calibration(samples)
		if err == nil {
			return a, k.showFor(ctx, crossDoneFor, scene{page: crossPage, prompt: "Touch is set"})
		}
		if !errors.Is(err, touch.ErrNonsense) || try == crossTries {
			return touch.Affine{}, err
		}
		prompt = "Not exact enough: start again"
	}
}

// touchCrosses has all crosses touched. The prompt is that of the first one only.
func (k *Keypad) touchCrosses(ctx context.Context, f rawTouch, prompt string) ([]touch.Sample, error) {
	var samples []touch.Sample
	for range crossRounds {
		for _, at := range crosses(k.l.bounds.Size()) {
			s := scene{page: crossPage, prompt: prompt, cross: at, crossNumber: len(samples) + 1}
			raw, err := k.touchCross(ctx, f, s)
			if err != nil {
				return nil, err
			}
			samples = append(samples, touch.Sample{Raw: raw, At: at})
			prompt = "Touch the cross"
		}
	}
	return samples, nil
}

// touchCross shows s, waits for a finger that holds still, and then until it lifts.
func (k *Keypad) touchCross(ctx context.Context, f rawTouch, s scene) (image.Point, error) {
	var readings []image.Point
	var raw image.Point
	var failed error
	landed, lifted, until := 0, 0, time.Now().Add(crossIdle)
	for time.Now().Before(until) {
		if err := k.showFor(ctx, crossPollEvery, s); err != nil {
			return image.Point{}, err
		}
		at, down, err := f.Raw()
		failed = err
		switch {
		case s.crossTaken && !down:
			if lifted++; lifted == liftSamples {
				return raw, nil
			}
		case s.crossTaken:
			lifted = 0
		case !down:
			readings, landed = nil, 0
		case landed < landSamples:
			landed++
		default:
			readings = append(readings, at)
			if len(readings) == crossSamples {
				if raw, s.crossTaken = steadyMedian(readings); s.crossTaken {
					k.sound.play(time.Now(), clickSound)
				}
				readings = nil
			}
		}
	}
	if failed != nil {
		return image.Point{}, fmt.Errorf("keypad: calibrate: %w", failed)
	}
	return image.Point{}, errors.New("keypad: calibrate: nobody touched the cross")
}

// steadyMedian returns the median of readings, if the finger held still.
func steadyMedian(readings []image.Point) (image.Point, bool) {
	median := func(of func(p image.Point) int) (mid, spread int) {
		vs := make([]int, len(readings))
		for i, p := range readings {
			vs[i] = of(p)
		}
		slices.Sort(vs)
		// One in eight at either end may be a wild reading.
		return vs[len(vs)/2], vs[len(vs)-1-len(vs)/8] - vs[len(vs)/8]
	}
	x, dx := median(func(p image.Point) int { return p.X })
	y, dy := median(func(p image.Point) int { return p.Y })
	return image.Pt(x, y), dx <= steady && dy <= steady
}

// showFor shows s, updates light and buzzer, and waits.
func (k *Keypad) showFor(ctx context.Context, d time.Duration, s scene) error {
	now := time.Now()
	s.view.LargeText, s.view.HighContrast = k.view.LargeText, k.view.HighContrast
	s.language = k.languages.find(k.view.Language)
	s.pressed = nothing
	if err := k.present(now, &s); err != nil {
		return fmt.Errorf("keypad: calibrate: %w", err)
	}
	k.health.report("backlight", k.light.drive(now, true))
	k.health.report("buzzer", k.sound.update(now, silence))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
