package touch

import (
	"errors"
	"fmt"
	"image"
	"math"
)

// A Sample is one touch at a known place: the raw position, in counts, and the pixel that
// was meant, in the picture as it is seen.
type Sample struct {
	Raw, At image.Point
}

// ErrNonsense is wrapped by the error of Calibration for touches that it refuses.
var ErrNonsense = errors.New("the touches do not fit together: touch each cross in its middle")

// Limits of what fit accepts.
const (
	offMost  = 1.0 / 20 // how far a touch may be from the fit: a share of the panel's shorter side
	skewMost = 0.3      // how much of one axis may be in the other: glass is mounted straight
	leastRaw = 50       // counts that touches must be apart, in X and in Y
)

// fit returns the mapping that is nearest to all samples, by least squares, on a panel of
// that size. It needs at least three places that are not in line. With ErrNonsense it
// refuses touches that cannot come from a film on that panel: too far from where the others
// put them, all at one place, or in a picture that would lie askew.
func fit(samples []Sample, size image.Point) (Affine, error) {
	if len(samples) < 3 {
		return Affine{}, fmt.Errorf("%d touches: at least three are needed: %w", len(samples), ErrNonsense)
	}
	// Around their means, the normal equations have two unknowns an axis.
	n := float64(len(samples))
	var rx, ry, px, py float64
	box := image.Rectangle{Min: samples[0].Raw, Max: samples[0].Raw}
	for _, s := range samples {
		rx, ry = rx+float64(s.Raw.X)/n, ry+float64(s.Raw.Y)/n
		px, py = px+(float64(s.At.X)+0.5)/n, py+(float64(s.At.Y)+0.5)/n
		box.Min.X, box.Max.X = min(box.Min.X, s.Raw.X), max(box.Max.X, s.Raw.X)
		box.Min.Y, box.Max.Y = min(box.Min.Y, s.Raw.Y), max(box.Max.Y, s.Raw.Y)
	}
	if box.Dx() < leastRaw || box.Dy() < leastRaw {
		return Affine{}, fmt.Errorf("touches only %d by %d counts apart: %w", box.Dx(), box.Dy(), ErrNonsense)
	}
	var xx, xy, yy, xp, yp, xq, yq float64
	for _, s := range samples {
		x, y := float64(s.Raw.X)-rx, float64(s.Raw.Y)-ry
		p, q := float64(s.At.X)+0.5-px, float64(s.At.Y)+0.5-py
		xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
		xp, yp, xq, yq = xp+x*p, yp+y*p, xq+x*q, yq+y*q
	}
	det := xx*yy - xy*xy
	if det < 0.1*xx*yy { // in line, or nearly
		return Affine{}, fmt.Errorf("touches in one line: %w", ErrNonsense)
	}
	a := Affine{
		XX: (xp*yy - yp*xy) / det, XY: (yp*xx - xp*xy) / det,
		YX: (xq*yy - yq*xy) / det, YY: (yq*xx - xq*xy) / det,
	}
	a.X0, a.Y0 = px-a.XX*rx-a.XY*ry, py-a.YX*rx-a.YY*ry
	if err := a.plausible(box.Size()); err != nil {
		return Affine{}, err
	}
	most := offMost * float64(min(size.X, size.Y))
	for _, s := range samples {
		x, y := a.at(s.Raw)
		if off := math.Hypot(x-float64(s.At.X)-0.5, y-float64(s.At.Y)-0.5); off > most {
			return Affine{}, fmt.Errorf("a touch is %.0f pixels from where the others put it: %w", off, ErrNonsense)
		}
	}
	return a, nil
}

// plausible refuses a film that is askew: over the span of the touches, in counts, each side
// of the picture must follow one axis of the film, and the two sides different ones.
func (a Affine) plausible(span image.Point) error {
	x, y := float64(span.X), float64(span.Y)
	straight := max(math.Abs(a.XY*y)/math.Abs(a.XX*x), math.Abs(a.YX*x)/math.Abs(a.YY*y))
	turned := max(math.Abs(a.XX*x)/math.Abs(a.XY*y), math.Abs(a.YY*y)/math.Abs(a.YX*x))
	if !(min(straight, turned) <= skewMost) {
		return fmt.Errorf("the film would lie askew: %w", ErrNonsense)
	}
	return nil
}

// calibration fits samples, and returns the calibration of the glass before rotation.
func (o Opts) calibration(samples []Sample) (Affine, error) {
	a, err := fit(samples, o.Size)
	if err != nil {
		return Affine{}, fmt.Errorf("touch: calibrate: %w", err)
	}
	return a.Turned(-o.Rotation, o.Size), nil
}
