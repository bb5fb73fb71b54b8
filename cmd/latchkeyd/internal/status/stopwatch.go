package status

import (
	"sync"
	"time"
)

// A Stopwatch measures from the last digit of a PIN to the strike's line. Its zero value
// is ready.
type Stopwatch struct {
	timing Timing

	mu      sync.Mutex
	typed   time.Time // time of the last digit; zero: no PIN is being checked
	granted bool      // and it opens the door
	on      bool      // the strike is energised
}

// Times returns what was measured.
func (s *Stopwatch) Times() Times { return s.timing.Times() }

// LastDigit starts with the last digit.
func (s *Stopwatch) LastDigit(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.typed, s.granted = now, false
}

// Decided notes whether the PIN opens the door.
func (s *Stopwatch) Decided(granted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.granted = granted && !s.on; !s.granted { // a door that is open already does not open
		s.typed = time.Time{}
	}
}

// Strike notes that the strike's line was set, and stops if that was for a PIN.
func (s *Stopwatch) Strike(energised bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = energised
	if energised && s.granted && !s.typed.IsZero() {
		s.timing.Add(now.Sub(s.typed))
		s.typed, s.granted = time.Time{}, false
	}
}
