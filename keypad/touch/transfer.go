package touch

import (
	"fmt"
	"image"
	"slices"
)

// Control bytes: start bit, channel, 12 bits, differential. Their two lowest bits are the
// power-down mode: 00 powers down after the conversion and turns the pen interrupt on, 01
// keeps the converter on and the interrupt off.
const (
	ctrlY  = 0x90
	ctrlZ1 = 0xB0
	ctrlZ2 = 0xC0
	ctrlX  = 0xD0
	stayOn = 0x01
)

const (
	full        = 4095 // the end of the converter's scale
	conversions = 5    // of X and of Y in a round, of which the median counts
	settle      = 2    // dropped after each change of the channel, of 8 us each at 2 MHz
	zDrop       = 1    // dropped before Z2: the plates are driven as for Z1
	plateX      = 400  // resistance that is assumed for the film's X plate, in ohm
)

// script returns what one transfer sends: two rounds of Z1, Z2, X and Y. A conversion takes 16
// clocks, so the result of conversion k is in bytes 1+2k and 2+2k of what comes back, the
// second of which overlaps the next control byte. Only the last conversion ends with the
// converter off and the pen interrupt on.
func script() []byte {
	var b []byte
	add := func(ctrl byte, n int) {
		for range n {
			b = append(b, ctrl|stayOn, 0)
		}
	}
	for range 2 {
		add(ctrlZ1, settle+1)
		add(ctrlZ2, zDrop+1)
		add(ctrlX, settle+conversions)
		add(ctrlY, settle+conversions)
	}
	b[len(b)-2] &^= stayOn
	return append(b, 0)
}

// round is the result of one round, in counts.
type round struct {
	z   int // pressure, Z1 + 4095 - Z2; 0: none
	ohm int // resistance of the contact
	at  image.Point
}

// powerDown makes one conversion that powers the chip down and turns its pen interrupt on.
func (d *Dev) powerDown() error {
	copy(d.short[:], []byte{ctrlY, 0, 0})
	return d.tx(d.short[:3], d.short[3:6])
}

// measure makes one transfer and returns its two rounds.
func (d *Dev) measure() (a, b round, err error) {
	if err := d.tx(d.w, d.r); err != nil {
		return a, b, err
	}
	if silent(d.r[1:]) {
		d.Counters.Absent.Add(1)
		return a, b, ErrAbsent
	}
	half := (len(d.r) - 1) / 2
	return roundOf(d.r[:half+1]), roundOf(d.r[half:]), nil
}

// silent reports whether all bits after the first control byte are the same. A chip that
// works never answers like that: each result has a busy bit and trailing zeros, and Z2 has
// ones.
func silent(r []byte) bool {
	for _, b := range r {
		if b != r[0] {
			return false
		}
	}
	return r[0] == 0xFF || r[0] == 0
}

// roundOf takes the results out of one half of a transfer.
func roundOf(r []byte) round {
	k := settle
	z1 := sample(r, k)
	k += 1 + zDrop
	z2 := sample(r, k)
	k += 1 + settle
	x := median(r, k)
	k += conversions + settle
	y := median(r, k)
	// In a contact Z2 is above Z1. Z1 = 0 means no contact at all, a position at the end of
	// the scale that no plate is driven.
	if z1 == 0 || z1 > z2 || x == full || y == full {
		return round{}
	}
	// TSC2046 data sheet, equation 2; the dividend needs 33 bits.
	ohm := int64(plateX*x) * int64(z2-z1) / int64(z1*(full+1))
	return round{z: z1 + full - z2, ohm: int(ohm), at: image.Pt(x, y)}
}

// sample returns the result of conversion k: a busy bit, 12 bits, three zeros.
func sample(r []byte, k int) int {
	return (int(r[1+2*k])<<8 | int(r[2+2*k])) >> 3 & full
}

// median returns that of the conversions from k on.
func median(r []byte, k int) int {
	var of [conversions]int
	for i := range of {
		of[i] = sample(r, k+i)
	}
	slices.Sort(of[:])
	return of[conversions/2]
}

func (d *Dev) tx(w, r []byte) error {
	if err := d.conn.Tx(w, r); err != nil {
		d.Counters.Errors.Add(1)
		return fmt.Errorf("touch: transfer: %w", err)
	}
	d.Counters.Transfers.Add(1)
	return nil
}
