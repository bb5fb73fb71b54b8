package status

import (
	"sync"
	"time"
)

// A Stopwatch measures until the strike's line is set: from the last digit of a PIN, and
// from the presentation of a card that proves itself. Its zero value is ready.
type Stopwatch struct{ PIN, Card Span }

// Strike notes that the strike's line was set, and ends the spans of what opens the door.
func (s *Stopwatch) Strike(energised bool, now time.Time) {
	s.PIN.strike(energised, now)
	s.Card.strike(energised, now)
}

// A Span measures one way to the strike.
type Span struct {
	timing Timing

	mu      sync.Mutex
	began   time.Time // zero: nothing is being checked
	granted bool      // and it opens the door
	on      bool      // the strike is energised
}

// Times returns what was measured.
func (s *Span) Times() Times { return s.timing.Times() }

// Begin starts: with the last digit, or with the card.
func (s *Span) Begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.granted = now, false
}

// Decided notes whether that opens the door.
func (s *Span) Decided(granted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.granted = granted && !s.on; !s.granted { // a door that is open already does not open
		s.began = time.Time{}
	}
}

func (s *Span) strike(energised bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = energised
	if energised && s.granted && !s.began.IsZero() {
		s.timing.Add(now.Sub(s.began))
		s.began, s.granted = time.Time{}, false
	}
}
