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

// InputOpts says when a change of an input counts.
type InputOpts struct {
	// Debounce is how long a line must be quiet before its level counts.
	Debounce time.Duration
	// Longest is how long a line may chatter before its level counts all the
	// same: a contact that never rests must not hide what it says. Zero is
	// ten times Debounce.
	Longest time.Duration
}

// The door's inputs. A switch bounces for a few milliseconds; a push on an
// exit button lasts 80 ms and more, and its long wires pick up what is shorter
// than that; a door trembles in its frame as it closes.
var (
	DefaultExitOpts   = InputOpts{Debounce: 30 * time.Millisecond}
	DefaultDoorOpts   = InputOpts{Debounce: 100 * time.Millisecond}
	DefaultTamperOpts = InputOpts{Debounce: 50 * time.Millisecond}
)

// A line that flaps hands on burst changes at once and one each every after
// that; what it says in the end is always handed on.
const (
	burst = 20
	every = 500 * time.Millisecond
)

// Input is one debounced input.
//
// Order matters: NewInput; request the line with Changed as its handler; Start
// with the line; Halt before the line is closed, or after.
type Input struct {
	name string
	o    InputOpts
	to   func(active bool)

	nudge chan struct{} // one place: latest was written
	halt  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	latest  bool // what the line says
	known   bool // latest was handed over by the line
	started bool
	halted  bool
}

// NewInput returns an input that hands each change to to, from one goroutine,
// in order, beginning with the level at the start. to may take its time: the
// line is never held up, and only this input's next change waits.
func NewInput(name string, o InputOpts, to func(active bool)) *Input {
	if o.Longest == 0 {
		o.Longest = 10 * o.Debounce
	}
	return &Input{
		name:  name,
		o:     o,
		to:    to,
		nudge: make(chan struct{}, 1),
		halt:  make(chan struct{}),
		done:  make(chan struct{}),
	}
}

// Changed takes the line's level after an edge. It is the line's handler and
// never blocks; it may be called before Start and after Halt.
func (in *Input) Changed(active bool) {
	in.mu.Lock()
	in.latest, in.known = active, true
	in.mu.Unlock()
	select {
	case in.nudge <- struct{}{}:
	default:
	}
}

// Start reads the line's level and begins to hand on. An edge that Changed was
// told of before is newer than that level.
func (in *Input) Start(line Level) error {
	v, err := line.Value()
	if err != nil {
		return fmt.Errorf("%s: read the level at start: %w", in.name, err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.started || in.halted {
		return errors.New(in.name + ": started twice, or halted")
	}
	if !in.known {
		in.latest = v != 0
	}
	in.started = true
	go in.follow(in.latest)
	return nil
}

// String is the name given to NewInput.
func (in *Input) String() string { return in.name }

// Halt ends the handing on, once, and waits for it. It must not be called from
// within the function that was given to NewInput.
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
