package main

import (
	"sync"
	"time"
)

// duty is work that one goroutine gives to another and that is done piece by
// piece, each within a time. Its methods may be called from any goroutine; the
// zero value is a duty without a bound, which is never late.
type duty struct {
	name   string
	within time.Duration

	mu     sync.Mutex
	left   int       // pieces that were given and are not done
	worked bool      // a piece was done
	since  time.Time // when the first of them was given, or the one before it was done
}

// given notes a piece of work, before it is handed over.
func (d *duty) given() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		d.since = time.Now()
	}
	d.left++
}

// withdraw takes back a piece that could not be handed over.
func (d *duty) withdraw() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left--
}

// done notes that a piece is done.
func (d *duty) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = max(0, d.left-1)
	d.worked = true
	d.since = time.Now()
}

// forget forgets what was given.
func (d *duty) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = 0
}

// open reports whether there is work left.
func (d *duty) open() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left > 0
}

// late reports whether the piece that is being worked at takes too long.
func (d *duty) late(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left > 0 && d.within > 0 && now.Sub(d.since) > d.within
}

// broken reports whether the piece that is being worked at takes too long, after
// others were done.
func (d *duty) broken(now time.Time) bool {
	d.mu.Lock()
	worked := d.worked
	d.mu.Unlock()
	return worked && d.late(now)
}
