package wire

import "time"

// toldEach is how many events of a kind within a minute are reported individually.
const toldEach = 10

// A Minute limits the events of a kind that are reported: the first ten individually,
// the others as a count. So nobody can fill a journal or a log with events that need no
// right. It begins with its first event; the caller replaces it when it is over. The
// zero value has not begun. Times are those of any monotonic clock.
type Minute struct {
	end  time.Duration
	told uint8
	more uint64
}

// Tell returns whether to report an event; if not, it counts it.
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

// More returns how many events were only counted.
func (m Minute) More() uint64 { return m.more }
