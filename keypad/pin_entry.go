package keypad

import "crypto/rand"

// A pinEntry is a PIN being typed, and the order of the keys it is typed on.
type pinEntry struct {
	order order
	pick  func(n int) int // uniform, 0 to n-1
	pin   *[pinLen]byte   // ASCII digits; nil while there are none
	n     int
}

// open begins an entry, on keys in a fresh random order if shuffled.
func (e *pinEntry) open(shuffled bool) {
	e.wipe()
	e.order = telephone()
	if shuffled {
		for i := len(e.order) - 1; i > 0; i-- {
			j := e.pick(i + 1)
			e.order[i], e.order[j] = e.order[j], e.order[i]
		}
	}
}

// add appends the digit whose key is at place in the order. With the eighth digit it returns
// the buffer and keeps no reference to it.
func (e *pinEntry) add(place int) (full *[pinLen]byte) {
	if e.pin == nil {
		e.pin = new([pinLen]byte)
	}
	e.pin[e.n] = '0' + e.order[place]
	if e.n++; e.n < pinLen {
		return nil
	}
	full, e.pin, e.n = e.pin, nil, 0
	return full
}

// back deletes the last digit.
func (e *pinEntry) back() {
	if e.n > 0 {
		e.n--
		e.pin[e.n] = 0
	}
}

// wipe erases what was typed.
func (e *pinEntry) wipe() {
	if e.pin != nil {
		clear(e.pin[:])
	}
	e.pin, e.n = nil, 0
}

// pick returns a uniformly random number from 0 to n-1, from crypto/rand. n is at most 256.
func pick(n int) int {
	var b [1]byte
	for {
		rand.Read(b[:])
		if v := int(b[0]); v < 256/n*n {
			return v % n
		}
	}
}

// order is the digit of each of the ten digit keys: row by row, the last one alone between
// cancel and backspace.
type order [10]uint8

// telephone is the order of a telephone: 1 to 9, then 0.
func telephone() order { return order{1, 2, 3, 4, 5, 6, 7, 8, 9, 0} }
