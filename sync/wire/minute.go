package wire

import "time"

// toldEach is how many happenings of a kind within a minute are told one by one.
const toldEach = 10

// A Minute has the first ten happenings of a kind told one by one and counts
// the rest, so that whoever can cause them without a right fills no journal and
// no log. It begins with its first happening, and whoever keeps it starts
// another one when it is over. The zero value has not begun. Times are those of
// any clock that does not stop.
type Minute struct {
	end  time.Duration
	told uint8
	more uint64
}

// Tell says whether a happening is to be told; if not, it is only counted.
func (m *Minute) Tell(now time.Duration) bool {
	if m.end == 0 {
		m.end = now + time.Minute
	}
	if m.told == toldEach {
		m.more++
		return false
	}
	m.told++
	return true
}

// End returns when the minute is over; 0: it has not begun.
func (m Minute) End() time.Duration { return m.end }

// More returns how many happenings were only counted.
func (m Minute) More() uint64 { return m.more }
