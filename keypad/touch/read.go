package touch

import (
	"fmt"
	"image"
)

// What counts as a touch.
const (
	// minPressure is the least pressure, in counts. A touch that goes on may fall to three
	// quarters of it.
	minPressure = 400
	// maxResistance is the highest resistance of a contact, in ohm; a finger has some
	// hundred, a drop of water or a crease thousands. A touch that goes on may rise to four
	// thirds of it.
	maxResistance = 2500
	agree         = 60 // counts in X and in Y by which the two rounds may differ
	jump          = 48 // pixels that a touch may move between two readings without a second one
)

// Read returns whether the panel is touched, and where, in pixels within Opts.Size. With a pen
// line an untouched panel costs no transfer. A touch costs two readings of the line and one
// transfer of 0.3 ms (at most three, while the finger moves), its end one short transfer more.
// Read does not allocate.
//
// Errors are those of the bus and of the line, and [ErrAbsent].
func (d *Dev) Read() (p image.Point, pressed bool, err error) {
	raw, felt, err := d.readFilm()
	switch {
	case err != nil || felt == untouched:
		return d.release(err)
	case felt == unsure:
		// A touch that goes on stays where it was; one that would begin does not yet.
		return d.last, d.down, nil
	}
	return d.accept(d.cal.Pixel(raw, d.opts.Size)), true, nil
}

// Raw is Read without calibration: the position in counts, and only while it is sure.
func (d *Dev) Raw() (raw image.Point, pressed bool, err error) {
	raw, felt, err := d.readFilm()
	return raw, felt == sure, err
}

// Calibration returns the Opts.Cal that fits samples of Raw best; see [ErrNonsense].
func (d *Dev) Calibration(samples []Sample) (Affine, error) { return d.opts.calibration(samples) }

// certainty is what one reading says about a touch.
type certainty uint8

const (
	untouched certainty = iota
	unsure              // touched, but where is not sure
	sure
)

// readFilm reads the film until two rounds agree, three times at most.
func (d *Dev) readFilm() (raw image.Point, felt certainty, err error) {
	if on, err := d.penDown(); err != nil || !on {
		return image.Point{}, untouched, err
	}
	for range 3 {
		a, b, err := d.measure()
		if err != nil {
			return image.Point{}, untouched, err
		}
		if on, err := d.stillDown(); err != nil || !on {
			return image.Point{}, untouched, err
		}
		if d.tooLight(a) || d.tooLight(b) {
			return image.Point{}, untouched, nil
		}
		if near(a.at, b.at, image.Pt(agree, agree)) {
			return a.at.Add(b.at).Div(2), sure, nil
		}
		d.Counters.Unsteady.Add(1)
	}
	return image.Point{}, unsure, nil
}

// tooLight reports whether a round had less pressure than a finger's. The limits are wider
// for a touch that goes on, so that a light finger does not flicker.
func (d *Dev) tooLight(r round) bool {
	if d.down {
		return r.z*4 < minPressure*3 || r.ohm*3 > maxResistance*4
	}
	return r.z < minPressure || r.ohm > maxResistance
}

// accept takes a touch's new position and returns the one that counts. A position that is too
// far from the last one for the same finger must be read twice.
func (d *Dev) accept(p image.Point) image.Point {
	most := image.Pt(jump, jump)
	if d.down && !near(p, d.last, most) && !(d.jumped && near(p, d.jump, most)) {
		d.jump, d.jumped = p, true
		return d.last
	}
	d.down, d.last, d.jumped = true, p, false
	return p
}

// release ends a touch.
func (d *Dev) release(err error) (image.Point, bool, error) {
	d.down, d.jumped, d.last = false, false, image.Point{}
	return image.Point{}, false, err
}

// penDown reads the pen line. Without one it is true: then the pressure alone decides.
func (d *Dev) penDown() (bool, error) {
	if d.pen == nil {
		return true, nil
	}
	v, err := d.pen.Value()
	if err != nil {
		d.Counters.Errors.Add(1)
		return false, fmt.Errorf("touch: pen line: %w", err)
	}
	return v != 0, nil
}

// stillDown reads the pen line after a measurement. If it is inactive, the measurement's last
// control byte may have been disturbed and left the interrupt off; so stillDown turns the
// interrupt on and reads the line again.
func (d *Dev) stillDown() (bool, error) {
	on, err := d.penDown()
	if err != nil || on {
		return on, err
	}
	if err := d.powerDown(); err != nil {
		return false, err
	}
	return d.penDown()
}

// Refresh is for a caller that sleeps until the pen line changes: called every few seconds, it
// turns on an interrupt that a disturbance has turned off. It returns [ErrAbsent] if nothing
// answers.
func (d *Dev) Refresh() error {
	// Z2 is at the end of its scale while nothing touches, and far from zero while
	// something does.
	w, r := d.short[:5], d.short[5:]
	copy(w, []byte{ctrlZ2 | stayOn, 0, ctrlZ2, 0, 0})
	if err := d.tx(w, r); err != nil {
		return err
	}
	if silent(r[1:]) {
		d.Counters.Absent.Add(1)
		return ErrAbsent
	}
	return nil
}

// near reports whether a and b are at most within apart, in X and in Y.
func near(a, b, within image.Point) bool {
	return abs(a.X-b.X) <= within.X && abs(a.Y-b.Y) <= within.Y
}

func abs(n int) int { return max(n, -n) }
