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

// A rawTouch is a touch controller whose mapping can be found: it gives what it reads in its
// own counts, and the mapping that fits touches at known places.
type rawTouch interface {
	Raw() (raw image.Point, pressed bool, err error)
	Calibration([]touch.Sample) (touch.Affine, error)
}

// How a cross is touched.
const (
	lookEvery    = 10 * time.Millisecond
	landSamples  = 6   // left out as the finger lands
	crossSamples = 16  // of which the median counts
	steady       = 120 // counts that they may be apart; else the finger moves
	liftSamples  = 10  // without pressure: lifted
	crossPlaces  = 3
	crossRounds  = 2 // each cross is touched as often
	crossTries   = 3 // until Calibrate gives up
	crossIdle    = time.Minute
	crossThanks  = 2 * time.Second
)

// crosses gives where they stand on a panel of that size: three places not in line, near
// the edges, where a film bends least.
func crosses(size image.Point) [crossPlaces]image.Point {
	return [crossPlaces]image.Point{
		{X: size.X / 8, Y: size.Y / 8},
		{X: size.X * 7 / 8, Y: size.Y / 2},
		{X: size.X / 2, Y: size.Y * 7 / 8},
	}
}

// Calibrate has somebody touch three crosses twice, one after the other, and gives the
// mapping that fits: what belongs into touch.Opts.Cal or touch.EvdevOpts.Cal, whatever the
// rotation. It stands in for Run, speaks the language of the View that was shown, and
// leaves the light off.
//
// Touches that do not fit together are asked for again; after three tries, or a minute in
// which nobody touches, it gives up with an error. No position is in it.
func (k *Keypad) Calibrate(ctx context.Context) (touch.Affine, error) {
	f, ok := k.finger.touch.(rawTouch)
	if !ok {
		return touch.Affine{}, errors.New("keypad: this touchscreen cannot be calibrated")
	}
	a, err := k.calibrate(ctx, f)
	return a, errors.Join(err, k.end())
}

func (k *Keypad) calibrate(ctx context.Context, f rawTouch) (touch.Affine, error) {
	k.born = time.Now()
	k.take(k.born)
	said := "Touch the cross"
	for try := 1; ; try++ {
		samples, err := k.touchCrosses(ctx, f, said)
		if err != nil {
			return touch.Affine{}, err
		}
		a, err := f.Calibration(samples)
		if err == nil {
			return a, k.showFor(ctx, crossThanks, scene{page: crossPage, said: "Touch is set"})
		}
		if !errors.Is(err, touch.ErrNonsense) || try == crossTries {
			return touch.Affine{}, err
		}
		said = "Not exact enough: start again"
	}
}

// touchCrosses has all crosses touched. The first is shown with said, the rest without
// words of blame.
func (k *Keypad) touchCrosses(ctx context.Context, f rawTouch, said string) ([]touch.Sample, error) {
	var samples []touch.Sample
	for range crossRounds {
		for _, at := range crosses(k.l.bounds.Size()) {
			s := scene{page: crossPage, said: said, cross: at, nth: len(samples) + 1}
			raw, err := k.touchCross(ctx, f, s)
			if err != nil {
				return nil, err
			}
			samples = append(samples, touch.Sample{Raw: raw, At: at})
			said = "Touch the cross"
		}
	}
	return samples, nil
}

// touchCross shows s and waits for a finger that holds still, and then for its lifting.
func (k *Keypad) touchCross(ctx context.Context, f rawTouch, s scene) (image.Point, error) {
	var felt []image.Point
	var raw image.Point
	var failed error
	landed, lifted, until := 0, 0, time.Now().Add(crossIdle)
	for time.Now().Before(until) {
		if err := k.showFor(ctx, lookEvery, s); err != nil {
			return image.Point{}, err
		}
		at, down, err := f.Raw()
		failed = err
		switch {
		case s.taken && !down:
			if lifted++; lifted == liftSamples {
				return raw, nil
			}
		case s.taken:
			lifted = 0
		case !down:
			felt, landed = nil, 0
		case landed < landSamples:
			landed++
		default:
			felt = append(felt, at)
			if len(felt) == crossSamples {
				if raw, s.taken = still(felt); s.taken {
					k.sound.play(time.Now(), clickSound)
				}
				felt = nil
			}
		}
	}
	if failed != nil {
		return image.Point{}, fmt.Errorf("keypad: calibrate: %w", failed)
	}
	return image.Point{}, errors.New("keypad: calibrate: nobody touched the cross")
}

// still gives the median of where a finger was felt, if it held still.
func still(felt []image.Point) (image.Point, bool) {
	median := func(of func(p image.Point) int) (mid, spread int) {
		vs := make([]int, len(felt))
		for i, p := range felt {
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

// showFor shows s, plays what sounds, and waits.
func (k *Keypad) showFor(ctx context.Context, d time.Duration, s scene) error {
	now := time.Now()
	s.view.LargeText, s.view.HighContrast = k.view.LargeText, k.view.HighContrast
	s.language = k.languages.find(k.view.Language)
	s.pressed = nothing
	if err := k.present(now, &s); err != nil {
		return fmt.Errorf("keypad: calibrate: %w", err)
	}
	k.health.report("backlight", k.light.drive(now, true))
	k.health.report("buzzer", k.sound.step(now, silence))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
