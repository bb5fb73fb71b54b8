package wire

import "time"

// toldEach is how many events of a kind within a minute are told one by one.
const toldEach = 10

// A Minute limits how many events of a kind are told: the first ten one by one, the
// rest as a count. So nobody can fill a journal or a log with what they may cause
// without a right. It begins with its first event; the caller replaces it when it is
// over. The zero value has not begun. Times are those of any monotonic clock.
type Minute struct {
	end  time.Duration
	told uint8
	more uint64
}

// Tell says whether an event is to be told; if not, it is counted.
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

// End returns when the minute is over, 0 if it has not begun.
func (m Minute) End() time.Duration { return m.end }

// More returns how many events were counted instead of told.
func (m Minute) More() uint64 { return m.more }
