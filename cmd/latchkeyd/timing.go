package main

import (
	"slices"
	"sync"
	"time"
)

// timing is how long something takes. Its zero value is ready.
type timing struct {
	mu     sync.Mutex
	counts [len(bounds) + 1]uint64 // of each bucket alone; the last is above all bounds
	sum    time.Duration
	newest [256]time.Duration // a ring
	n      uint64             // all that there ever were
}

// bounds of the buckets: 1, 2 and 5 of each power of ten, from 0.1 ms to 10 s.
var bounds = [...]time.Duration{
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second,
	10 * time.Second,
}

// took adds one.
func (t *timing) took(d time.Duration) {
	bucket, _ := slices.BinarySearch(bounds[:], d)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[bucket]++
	t.sum += d
	t.newest[t.n%uint64(len(t.newest))] = d
	t.n++
}

// times are what a timing has seen: all of it in buckets, and of the newest 256
// the half, the hundredth part and the one that took the longest.
type times struct {
	Count   uint64  `json:"count"`
	Seconds float64 `json:"seconds"` // together
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Longest float64 `json:"longest_ms"`

	counts [len(bounds) + 1]uint64
}

func (t *timing) now() times {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := times{Count: t.n, Seconds: t.sum.Seconds(), counts: t.counts}
	newest := slices.Sorted(slices.Values(t.newest[:min(t.n, uint64(len(t.newest)))]))
	if n := len(newest); n > 0 {
		// The least that so many hundredths do not exceed (nearest rank).
		rank := func(percent int) float64 { return milliseconds(newest[(n*percent+99)/100-1]) }
		all.P50, all.P99, all.Longest = rank(50), rank(99), rank(100)
	}
	return all
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// stopwatch measures from the last digit of a PIN to the strike's line. Its
// zero value is ready.
type stopwatch struct {
	timing timing

	mu    sync.Mutex
	typed time.Time // when the last digit was; zero: no PIN is being checked
	opens bool      // the strike was asked for
	on    bool      // the strike is energised
}

// digit starts with the last digit.
func (s *stopwatch) digit(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.typed, s.opens = now, false
}

// outcome says whether what was typed opens the door.
func (s *stopwatch) outcome(opens bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opens = opens && !s.on; !s.opens { // a door that is open already does not open
		s.typed = time.Time{}
	}
}

// line says that the strike's line was set, and stops if that was for a PIN.
func (s *stopwatch) line(energised bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = energised
	if energised && s.opens && !s.typed.IsZero() {
		s.timing.took(now.Sub(s.typed))
		s.typed, s.opens = time.Time{}, false
	}
}

// timedLine is the strike's line under the stopwatch's eye.
type timedLine struct {
	to interface{ SetValue(int) error }
	*stopwatch
}

func (l timedLine) SetValue(value int) error {
	err := l.to.SetValue(value)
	if err == nil {
		l.line(value != 0, time.Now())
	}
	return err
}
