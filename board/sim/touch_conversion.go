package sim

import (
	"math"
	"time"
)

// The control byte is S A2 A1 A0 MODE SER/DFR PD1 PD0.
const (
	ctlEightBit    = 0x08
	ctlSingleEnded = 0x04
	ctlRefOn       = 0x02
	ctlADCOn       = 0x01
)

// Channels, A2-A0.
const (
	chTemp0 = iota
	ch90    // "Y" in the data sheet's table
	chVBat
	chZ1
	chZ2
	chD0 // "X"
	chAux
	chTemp1
)

// refSettle is how long the internal reference needs after PD1 switched it on
// (without a capacitor at the pin).
const refSettle = 100 * time.Microsecond

// bit is one clock: it takes DIN and gives DOUT as the host samples it on that
// clock's rising edge. Counted from the start bit, clocks 1 to 8 carry the
// control byte; clock 9 reads the null bit, 10 to 21 the twelve bits of the
// result, highest first, or 10 to 17 the eight; then zeros. The start bit of
// the next control byte may be clock 16, or 12 with 8 bits.
func (t *touch) bit(in byte) (out byte) {
	out = byte(t.out >> 31)
	t.out <<= 1
	if t.outBits > 0 {
		if t.outBits--; t.outBits == 0 {
			t.endConversion()
		}
	}
	switch {
	case t.controlBits > 0:
		t.control = t.control<<1 | in
		if t.controlBits++; t.controlBits == 8 {
			t.controlBits = 0
			t.convert()
		}
	case t.startBlocked > 0:
		t.startBlocked--
		if in == 1 {
			t.board.violate("touch", "a start bit before the conversion is through: ignored")
		}
	case in == 1:
		t.controlBits, t.control = 1, 1
	}
	return out
}

// convert runs at the last clock of the control byte.
func (t *touch) convert() {
	c := t.control
	wasOn := t.pd&ctlRefOn != 0
	t.pd = c & (ctlRefOn | ctlADCOn)
	if t.pd&ctlRefOn != 0 && !wasOn {
		t.refSince = time.Now()
	}
	v := uint32(t.sample(c>>4&7, c&ctlSingleEnded != 0, wasOn))
	if c&ctlEightBit != 0 {
		t.out, t.outBits, t.startBlocked = v>>4<<23, 9, 3
	} else {
		t.out, t.outBits, t.startBlocked = v<<19, 13, 7
	}
	switch c >> 4 & 7 {
	case ch90, chD0, chZ1, chZ2:
		t.busy = true
	default:
		t.busy = false
	}
	t.penIRQ()
}

func (t *touch) endConversion() {
	t.outBits, t.busy = 0, false
	t.penIRQ()
}

// sample is the result of a conversion, 0 to 4095.
func (t *touch) sample(channel byte, single, refOn bool) int {
	var v float64
	switch channel {
	case ch90, chD0, chZ1, chZ2:
		v = t.film(channel)
		if channel == ch90 || channel == chD0 {
			v = t.jump(v)
		}
	default:
		switch {
		case !single:
			t.board.violate("touch", "temperature, battery or AUX converted differentially: nothing is measured")
			return 0
		case !refOn || time.Since(t.refSince) < refSettle:
			t.board.violate("touch", "temperature, battery or AUX converted without a settled reference: anything is read")
			return t.board.rng.IntN(4096)
		}
		// Of a reference of 2.5 V: 600 mV and 720 mV at the diode, a supply
		// of 3.3 V through the divider by 4, nothing at AUX.
		v = map[byte]float64{chTemp0: 600, chTemp1: 720, chVBat: 825, chAux: 0}[channel] * 4096 / 2500
	}
	target := v
	if channel != t.lastChannel {
		v += (t.lastValue - v) * float64(t.opts.Settle) / 100
	}
	t.lastChannel, t.lastValue = channel, target
	if n := t.opts.Noise; n > 0 {
		v += float64(t.board.rng.IntN(2*n+1) - n)
	}
	return int(math.Round(min(max(v, 0), 4095)))
}
