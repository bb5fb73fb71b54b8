package status

import (
	"slices"
	"sync"
	"time"
)

// A Timing collects how long something takes. Its zero value is ready.
type Timing struct {
	mu     sync.Mutex
	counts [len(bounds) + 1]uint64 // of each bucket alone; the last is above all bounds
	sum    time.Duration
	newest [256]uint64 // in microseconds, a ring
	n      uint64      // of all
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

// Add adds one.
func (t *Timing) Add(d time.Duration) {
	bucket, _ := slices.BinarySearch(bounds[:], d)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[bucket]++
	t.sum += d
	t.newest[t.n%uint64(len(t.newest))] = uint64(max(0, d.Microseconds()))
	t.n++
}

// Times is what a Timing has collected: all of it in buckets, and of the newest 256 the
// median, the 99th percentile and the maximum.
type Times struct {
	Count   uint64  `json:"count"`
	Seconds float64 `json:"seconds"` // in total
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Longest float64 `json:"longest_ms"`

	counts [len(bounds) + 1]uint64
}

// Times returns what there is so far.
func (t *Timing) Times() Times {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := Times{Count: t.n, Seconds: t.sum.Seconds(), counts: t.counts}
	newest := slices.Sorted(slices.Values(t.newest[:min(t.n, uint64(len(t.newest)))]))
	if n := len(newest); n > 0 {
		// The least that so many hundredths do not exceed (nearest rank).
		rank := func(percent int) float64 { return float64(newest[(n*percent+99)/100-1]) / 1000 }
		all.P50, all.P99, all.Longest = rank(50), rank(99), rank(100)
	}
	return all
}
