package touch

import (
	"fmt"
	"image"
	"slices"
	"sync/atomic"
)

// Control bytes: start bit, channel, 12 bits, differential. Their two lowest
// bits are the power-down mode: 00 powers down after the conversion and turns
// the pen interrupt on, 01 keeps the converter on and the interrupt off.
const (
	ctrlY  = 0x90
	ctrlZ1 = 0xB0
	ctrlZ2 = 0xC0
	ctrlX  = 0xD0
	stayOn = 0x01
	full   = 4095
	zDrop  = 1 // conversions dropped before Z2: the plates are driven as for Z1
)

// Counters are what a touch controller has done since NewSPI.
type Counters struct {
	Transfers uint64 // on the bus
	Errors    uint64 // of the bus or of the pen line
	Absent    uint64 // transfers without an answer
	Light     uint64 // readings with less pressure than a finger's
	Unsteady  uint64 // readings whose two rounds disagreed
	Jumps     uint64 // places that were too far from the one before
}

type counters struct {
	transfers, errors, absent, light, unsteady, jumps atomic.Uint64
}

// Counters may be called from any goroutine.
func (d *Dev) Counters() Counters {
	return Counters{
		Transfers: d.count.transfers.Load(),
		Errors:    d.count.errors.Load(),
		Absent:    d.count.absent.Load(),
		Light:     d.count.light.Load(),
		Unsteady:  d.count.unsteady.Load(),
		Jumps:     d.count.jumps.Load(),
	}
}

// script is what one transfer sends: two rounds of Z1, Z2, X and Y, 16 clocks a
// conversion, so that conversion k's result stands in bytes 1+2k and 2+2k of
// what comes back, the second of them beside the next control byte. The last
// conversion alone ends with the converter off and the pen interrupt on.
func script(samples, settle int) []byte {
	var b []byte
	add := func(ctrl byte, n int) {
		for range n {
			b = append(b, ctrl|stayOn, 0)
		}
	}
	for range 2 {
		add(ctrlZ1, settle+1)
		add(ctrlZ2, zDrop+1)
		add(ctrlX, settle+samples)
		add(ctrlY, settle+samples)
	}
	b[len(b)-2] &^= stayOn
	return append(b, 0)
}

// round is one round's result, in counts.
type round struct {
	z    int // pressure: Z1 + 4095 - Z2; 0: none
	ohm  int // of the contact
	x, y int
}

// plateX is the resistance of the X plate that MaxResistance goes by, in ohm.
const plateX = 400

// Read says whether the panel is touched, and where, in pixels within Opts.Size.
// With a pen line an untouched panel costs no transfer, a touch two looks at
// the line and one transfer of 0.3 ms (three at most, where the finger is just
// moving), its end one short transfer more. Read does not allocate.
//
// Errors are those of the bus and of the line, and [ErrAbsent].
func (d *Dev) Read() (p image.Point, pressed bool, err error) {
	raw, felt, err := d.feel()
	switch {
	case err != nil || felt == nothing:
		return d.up(err)
	case felt == somewhere:
		// A touch that goes on stays where it was, one that begins has not begun yet.
		return d.last, d.down, nil
	}
	return d.place(d.opts.Cal.Pixel(raw.X, raw.Y, d.opts.Size)), true, nil
}

// Raw is Read before calibration: the place in counts, and only while it is sure.
func (d *Dev) Raw() (raw image.Point, pressed bool, err error) {
	raw, felt, err := d.feel()
	return raw, felt == there, err
}

// Calibration gives the Opts.Cal that fits samples of Raw best; see [Fit].
func (d *Dev) Calibration(samples []Sample) (Affine, error) {
	return fit(samples, d.opts.Size, d.opts.Rotation)
}

// feeling is what one reading says.
type feeling uint8

const (
	nothing   feeling = iota
	somewhere         // a finger, but its place is not sure
	there
)

// feel reads the film.
func (d *Dev) feel() (raw image.Point, felt feeling, err error) {
	if on, err := d.penDown(); err != nil || !on {
		return image.Point{}, nothing, err
	}
	for range 3 {
		a, b, err := d.measure()
		if err != nil {
			return image.Point{}, nothing, err
		}
		if on, err := d.stillDown(); err != nil || !on {
			return image.Point{}, nothing, err
		}
		if d.light(a) || d.light(b) {
			d.count.light.Add(1)
			return image.Point{}, nothing, nil
		}
		if abs(a.x-b.x) <= d.opts.Agree && abs(a.y-b.y) <= d.opts.Agree {
			return image.Pt((a.x+b.x)/2, (a.y+b.y)/2), there, nil
		}
		d.count.unsteady.Add(1)
	}
	return image.Point{}, somewhere, nil
}

// light tells whether a round was of less than a finger. The limits are wider for a touch
// that goes on, lest a light finger flickers.
func (d *Dev) light(r round) bool {
	if d.down {
		return r.z*4 < d.opts.MinPressure*3 || r.ohm*3 > d.opts.MaxResistance*4
	}
	return r.z < d.opts.MinPressure || r.ohm > d.opts.MaxResistance
}

// place takes over a touch's new place. One that is too far from the last to be
// the same finger's has to be seen twice.
func (d *Dev) place(p image.Point) image.Point {
	switch {
	case !d.down || near(p, d.last, d.opts.Jump), d.far && near(p, d.jump, d.opts.Jump):
		d.down, d.last, d.far = true, p, false
	default:
		d.count.jumps.Add(1)
		d.jump, d.far = p, true
	}
	return d.last
}

func (d *Dev) up(err error) (image.Point, bool, error) {
	d.down, d.far, d.last = false, false, image.Point{}
	return image.Point{}, false, err
}

// penDown is true where there is no pen line: then the pressure alone decides.
func (d *Dev) penDown() (bool, error) {
	if d.pen == nil {
		return true, nil
	}
	v, err := d.pen.Value()
	if err != nil {
		d.count.errors.Add(1)
		return false, fmt.Errorf("touch: pen line: %w", err)
	}
	return v != 0, nil
}

// stillDown looks at the pen line after a measurement; during it the chip holds
// the line active, touched or not. Inactive may also mean that the measurement's
// last control byte was disturbed and left the interrupt off, so it is turned on
// again before it is believed.
func (d *Dev) stillDown() (bool, error) {
	on, err := d.penDown()
	if err != nil || on {
		return on, err
	}
	if err := d.rest(); err != nil {
		return false, err
	}
	return d.penDown()
}

// Refresh is for a caller that sleeps until the pen line moves: called every few seconds, it
// revives an interrupt that a disturbance has turned off. It says [ErrAbsent] where
// nothing answers.
func (d *Dev) Refresh() error {
	// Z2 is at the end of its scale while nothing touches, and far from zero while
	// something does.
	copy(d.alive[:], []byte{ctrlZ2 | stayOn, 0, ctrlZ2, 0, 0})
	if err := d.tx(d.alive[:5], d.alive[5:]); err != nil {
		return err
	}
	if silent(d.alive[6:]) {
		d.count.absent.Add(1)
		return ErrAbsent
	}
	return nil
}

// rest makes one conversion that powers the chip down and turns its pen
// interrupt on.
func (d *Dev) rest() error {
	copy(d.short[:], []byte{ctrlY, 0, 0})
	return d.tx(d.short[:3], d.short[3:])
}

// measure makes one transfer and takes it apart.
func (d *Dev) measure() (a, b round, err error) {
	if err := d.tx(d.w, d.r); err != nil {
		return a, b, err
	}
	if silent(d.r[1:]) {
		d.count.absent.Add(1)
		return a, b, ErrAbsent
	}
	half := (len(d.r) - 1) / 2
	return d.round(d.r[:half+1]), d.round(d.r[half:]), nil
}

// silent reports that all bits behind the first control byte are the same. A chip answers
// ones with a busy bit and trailing zeros, and Z2 with ones.
func silent(r []byte) bool {
	for _, b := range r {
		if b != r[0] {
			return false
		}
	}
	return r[0] == 0xFF || r[0] == 0
}

// round reads the results out of one half of a transfer.
func (d *Dev) round(r []byte) round {
	o := &d.opts
	k := o.Settle
	z1 := sample(r, k)
	k += 1 + zDrop
	z2 := sample(r, k)
	k += 1 + o.Settle
	x := d.median(r, k)
	k += o.Samples + o.Settle
	y := d.median(r, k)
	z, ohm := 0, 0
	// Through the contact Z2 is above Z1; Z1 = 0 says no contact at all, a
	// position at the end of the scale that no plate is driven.
	if z1 > 0 && z1 <= z2 && x < full && y < full {
		z = z1 + full - z2
		// TSC2046 data sheet, equation 2; what is divided has 33 bits.
		ohm = int(int64(plateX*x) * int64(z2-z1) / int64(z1*(full+1)))
	}
	return round{z: z, ohm: ohm, x: x, y: y}
}

// sample is conversion k: a busy bit, 12 bits, three zeros.
func sample(r []byte, k int) int {
	return (int(r[1+2*k])<<8 | int(r[2+2*k])) >> 3 & full
}

// median of the Samples conversions from k on.
func (d *Dev) median(r []byte, k int) int {
	for i := range d.med {
		d.med[i] = sample(r, k+i)
	}
	slices.Sort(d.med)
	return d.med[len(d.med)/2]
}

func (d *Dev) tx(w, r []byte) error {
	if err := d.conn.Tx(w, r); err != nil {
		d.count.errors.Add(1)
		return fmt.Errorf("touch: transfer: %w", err)
	}
	d.count.transfers.Add(1)
	return nil
}

func near(a, b image.Point, within int) bool {
	return abs(a.X-b.X) <= within && abs(a.Y-b.Y) <= within
}

func abs(n int) int { return max(n, -n) }
