package supervision

import (
	"fmt"
	"sync"
	"time"
)

// A Task is work that one goroutine gives another, piece by piece, each to be done within
// a time. Its methods may be called from any goroutine.
type Task struct {
	name   string
	within time.Duration // 0: as long as it takes

	mu     sync.Mutex
	left   int       // pieces that are not done
	worked bool      // a piece was done
	since  time.Time // when the current piece was given, or the one before it done
}

// NewTask returns a task without work. The name completes "… takes more than 30s".
func NewTask(name string, within time.Duration) *Task { return &Task{name: name, within: within} }

// Add notes a piece of work, before it is handed over.
func (t *Task) Add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == 0 {
		t.since = time.Now()
	}
	t.left++
}

// Cancel takes a piece back that could not be handed over.
func (t *Task) Cancel() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left--
}

// Done notes that a piece is done.
func (t *Task) Done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = max(0, t.left-1)
	t.worked = true
	t.since = time.Now()
}

// Progress notes that the current piece goes on: its time begins anew.
func (t *Task) Progress() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since = time.Now()
}

// reset forgets the work that is left.
func (t *Task) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = 0
}

// open reports whether there is work left.
func (t *Task) open() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left > 0
}

// late reports whether the current piece takes too long.
func (t *Task) late(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left > 0 && t.within > 0 && now.Sub(t.since) > t.within
}

// hasWorked reports whether a piece was ever done.
func (t *Task) hasWorked() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.worked
}

// complaint says what is wrong with a task that is late.
func (t *Task) complaint() string { return fmt.Sprintf("%s takes more than %s", t.name, t.within) }
