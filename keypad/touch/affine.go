package touch

import (
	"image"
	"math"
)

// Affine turns raw positions into pixels:
//
//	x = XX*rawX + XY*rawY + X0
//	y = YX*rawX + YY*rawY + Y0
//
// Pixel (0, 0) covers 0 <= x, y < 1. Six numbers describe any glass that is
// shifted, scaled, mirrored, turned or slightly askew.
type Affine struct{ XX, XY, X0, YX, YY, Y0 float64 }

// Edges returns the calibration of glass that lies straight on a panel of that size, from the
// raw positions of the outermost pixels' centres. Left above right, or top above bottom,
// mirrors.
func Edges(size image.Point, left, right, top, bottom int) Affine {
	xx := float64(size.X-1) / float64(right-left)
	yy := float64(size.Y-1) / float64(bottom-top)
	return Affine{
		XX: xx, X0: 0.5 - xx*float64(left),
		YY: yy, Y0: 0.5 - yy*float64(top),
	}
}

// Turned returns the calibration after the picture was turned clockwise by degrees, a multiple
// of 90, on a panel that was size before: 90 moves the origin to the glass's upper right
// corner; x then runs down the glass and y to the left.
func (a Affine) Turned(degrees int, size image.Point) Affine {
	for range ((degrees/90)%4 + 4) % 4 {
		// new x = y, new y = width - x
		a = Affine{
			XX: a.YX, XY: a.YY, X0: a.Y0,
			YX: -a.XX, YY: -a.XY, Y0: float64(size.X) - a.X0,
		}
		size.X, size.Y = size.Y, size.X
	}
	return a
}

// at applies a to a raw position.
func (a Affine) at(raw image.Point) (x, y float64) {
	rx, ry := float64(raw.X), float64(raw.Y)
	return a.XX*rx + a.XY*ry + a.X0, a.YX*rx + a.YY*ry + a.Y0
}

// Pixel applies a and clamps the result to a panel of that size.
func (a Affine) Pixel(raw, size image.Point) image.Point {
	x, y := a.at(raw)
	return image.Point{X: clamp(x, size.X), Y: clamp(y, size.Y)}
}

// clamp rounds down to 0 to n-1; NaN becomes 0.
func clamp(v float64, n int) int {
	if !(v > 0) {
		return 0
	}
	return int(math.Min(v, float64(n-1)))
}
