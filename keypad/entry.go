package keypad

// An entry is a PIN being typed, and the order of the keys it is typed on.
type entry struct {
	order order
	pick  func(n int) int // uniform, 0 to n-1
	pin   *[entryLen]byte // ASCII digits; nil while there are none
	n     int
}

// open begins an entry, on keys in a fresh random order if shuffled.
func (e *entry) open(shuffled bool) {
	e.wipe()
	e.order = telephone()
	if shuffled {
		for i := len(e.order) - 1; i > 0; i-- {
			j := e.pick(i + 1)
			e.order[i], e.order[j] = e.order[j], e.order[i]
		}
	}
}

// add takes the digit at a place of the pad. With the eighth it gives the buffer away and
// keeps nothing.
func (e *entry) add(place int) (full *[entryLen]byte) {
	if e.pin == nil {
		e.pin = new([entryLen]byte)
	}
	e.pin[e.n] = '0' + e.order[place]
	if e.n++; e.n < entryLen {
		return nil
	}
	full, e.pin, e.n = e.pin, nil, 0
	return full
}

// back takes the last digit away.
func (e *entry) back() {
	if e.n > 0 {
		e.n--
		e.pin[e.n] = 0
	}
}

// wipe forgets what was typed.
func (e *entry) wipe() {
	if e.pin != nil {
		clear(e.pin[:])
	}
	e.pin, e.n = nil, 0
}
