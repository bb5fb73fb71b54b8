package relay

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Level is an input line: 1 is active. *gpiocdev.Line fits.
type Level interface {
	Value() (int, error)
}

// How long an input's line must be quiet before its level counts. A switch bounces for a few
// milliseconds; a push on an exit button lasts 80 ms or more, and interference on its long wires
// is shorter; a door shakes in its frame as it closes. A fire alarm panel's relay chatters for
// some milliseconds, its wire is the longest of all, and what it picks up must not open the door,
// while nobody who leaves a building notices 0.1 s.
const (
	ExitDebounce   = 30 * time.Millisecond
	DoorDebounce   = 100 * time.Millisecond
	TamperDebounce = 50 * time.Millisecond
	FireDebounce   = 100 * time.Millisecond
)

// Of a line that keeps changing, burst changes are handed on at once, and then one every
// so often; its final level is always handed on.
const (
	burst = 20
	every = 500 * time.Millisecond
)

// Input is one debounced input.
//
// Call NewInput, request the line with Changed as its handler, then Start with the line,
// and at the end Halt, before or after the line is closed.
type Input struct {
	name        string
	debounceFor time.Duration
	handle      func(active bool)

	changed chan struct{} // capacity 1: latest was set
	halt    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	latest  bool // the level of the line
	known   bool // latest is set
	started bool
	halted  bool
}

// NewInput returns an input that calls handle with each change, in order, from one goroutine,
// beginning with the level at the start. handle may take its time: only this input's next change
// waits for it, never the line. A line that keeps bouncing counts all the same after ten times
// the debounce.
func NewInput(name string, debounce time.Duration, handle func(active bool)) *Input {
	return &Input{
		name:        name,
		debounceFor: debounce,
		handle:      handle,
		changed:     make(chan struct{}, 1),
		halt:        make(chan struct{}),
		done:        make(chan struct{}),
	}
}

// Changed takes the line's level after an edge, as the line's handler. It never blocks
// and may be called before Start and after Halt.
func (in *Input) Changed(active bool) {
	in.mu.Lock()
	in.latest, in.known = active, true
	in.mu.Unlock()
	select {
	case in.changed <- struct{}{}:
	default:
	}
}

// Start reads the line's level and begins to hand on changes. An earlier call of Changed
// counts instead of that level: it is newer.
func (in *Input) Start(line Level) error {
	v, err := line.Value()
	if err != nil {
		return fmt.Errorf("%s: read the level at start: %w", in.name, err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.started || in.halted {
		return errors.New(in.name + ": already started or halted")
	}
	if !in.known {
		in.latest = v != 0
	}
	in.started = true
	go in.debounce(in.latest)
	return nil
}

// Halt stops the input and waits for it. It must not be called from the function that was
// given to NewInput.
func (in *Input) Halt() error {
	in.mu.Lock()
	first, started := !in.halted, in.started
	in.halted = true
	in.mu.Unlock()
	if first {
		close(in.halt)
	}
	if started {
		<-in.done
	}
	return nil
}
