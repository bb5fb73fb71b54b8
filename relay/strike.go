// Package relay drives a door's strike and reads the door's inputs: exit
// button, door contact and tamper switch. It knows lines by small interfaces
// only and nothing of who may open the door.
//
// A Strike turns itself off: it needs nothing from the rest of the program
// once it is on, and nothing in the rest of the program can hold it up.
package relay

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Output is the line of the strike. Values are logical: 1 lets the door open,
// 0 does not; which level that is on the wire is for the line to know.
// *gpiocdev.Line fits.
type Output interface {
	SetValue(value int) error
}

// StrikeOpts says how a strike treats a line that fails. Zero fields are those
// of DefaultStrikeOpts.
type StrikeOpts struct {
	// Longest is the most that one call to Strike may ask for; more is cut.
	Longest time.Duration
	// RetryEvery is the pause before a line that failed is set again.
	RetryEvery time.Duration
	// ReleaseWithin is how long a failing release is tried before it is
	// given to Failed.
	ReleaseWithin time.Duration
	// Now reads a clock that only rises and runs on while the machine is
	// suspended. Nil is CLOCK_BOOTTIME.
	Now func() time.Duration
}

// DefaultStrikeOpts holds a door open for a day at most and has a release that
// fails known as a failure after half a second.
var DefaultStrikeOpts = StrikeOpts{
	Longest:       24 * time.Hour,
	RetryEvery:    10 * time.Millisecond,
	ReleaseWithin: 500 * time.Millisecond,
}

// resumeCheck bounds how late a strike ends that was on while the machine was
// suspended: timers stand still meanwhile, the clock does not.
const resumeCheck = time.Second

// Strike lets a door open for a time.
//
//	          Strike(d>0)
//	released ------------> energised --+ Strike(d>0): the later end wins
//	   ^                    |     ^----+
//	   |   end, Strike(0),  |
//	   +---- Halt ----------+
//	   |                    | SetValue(0) fails
//	   |   SetValue(0)      v
//	   +----------------- releasing --ReleaseWithin--> Failed, and on trying
//
// One goroutine owns the line and the off-timer. It waits for nothing but
// that timer and takes no lock while it sets the line, so no stalled disk,
// broker, worker or caller holds the door open.
//
// Times are those of CLOCK_BOOTTIME. While the machine is suspended no code
// runs and the line keeps its level; a strike whose end went by meanwhile is
// released at most a second after the machine resumes. A board that holds
// doors must not be suspended while one is on.
type Strike struct {
	line   Output
	o      StrikeOpts
	nudge  chan struct{} // one place: the goroutine must look again
	failed chan error    // one place
	halt   chan struct{}
	done   chan struct{}
	once   sync.Once
	err    error         // of the last release; read after done
	since  time.Duration // of Now: the first failure of a release that still fails

	mu     sync.Mutex
	end    time.Duration // of Now; the strike is wanted before it
	halted bool
	on     bool  // the line may be energised
	fault  error // why the line is not what it should be
}

// NewStrike releases the line, whatever state it was left in, and returns a
// strike that owns it until Halt has returned. Nil o is DefaultStrikeOpts.
// Closing the line afterwards is up to the caller.
func NewStrike(line Output, o *StrikeOpts) (*Strike, error) {
	s := &Strike{
		line:   line,
		o:      DefaultStrikeOpts,
		nudge:  make(chan struct{}, 1),
		failed: make(chan error, 1),
		halt:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	if o != nil {
		s.o = *o
	}
	if s.o.Longest == 0 {
		s.o.Longest = DefaultStrikeOpts.Longest
	}
	if s.o.RetryEvery == 0 {
		s.o.RetryEvery = DefaultStrikeOpts.RetryEvery
	}
	if s.o.ReleaseWithin == 0 {
		s.o.ReleaseWithin = DefaultStrikeOpts.ReleaseWithin
	}
	if s.o.Now == nil {
		s.o.Now = bootTime
	}
	if s.o.Longest < 0 || s.o.RetryEvery < 0 || s.o.ReleaseWithin < 0 {
		return nil, errors.New("strike: times must not be negative")
	}
	if err := line.SetValue(0); err != nil {
		return nil, fmt.Errorf("strike: release at start: %w", err)
	}
	go s.own()
	return s, nil
}

// Strike lets the door open for d from now on. Pulses do not add up: of two
// that overlap, the later end wins. Zero or less releases at once, whatever
// was asked before. It returns at once, and does nothing after Halt.
func (s *Strike) Strike(d time.Duration) {
	s.mu.Lock()
	now := s.o.Now()
	switch {
	case s.halted:
	case d <= 0:
		s.end = min(s.end, now)
	default:
		s.end = max(s.end, now+min(d, s.o.Longest))
	}
	s.mu.Unlock()
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// State says whether the line may be energised, and what is wrong with it: an
// error stays until the line could be set again.
func (s *Strike) State() (on bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on, s.fault
}

// Overdue reports whether the line may still be energised although it should
// have been released ReleaseWithin ago, be it that setting it fails or never
// returns. A watchdog must not be kicked then.
func (s *Strike) Overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on && s.o.Now() >= s.end+s.o.ReleaseWithin
}

// Failed delivers an error when the line could not be released for
// ReleaseWithin. The process must then end with a failure, so that whoever
// supervises it releases the line; until it does, the strike goes on trying.
func (s *Strike) Failed() <-chan error { return s.failed }

// String names the device.
func (s *Strike) String() string { return "strike" }

// Halt releases the strike for good and waits for it, ReleaseWithin at most
// if setting the line fails. The error is that of the release.
func (s *Strike) Halt() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.halted = true
		s.end = min(s.end, s.o.Now())
		s.mu.Unlock()
		close(s.halt)
	})
	<-s.done
	return s.err
}
