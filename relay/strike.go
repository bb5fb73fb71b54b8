// Package relay drives a door's strike and reads the door's inputs: exit button, door contact,
// tamper switch and the contact of the fire alarm. It knows nothing about who may open the door.
//
// A Strike turns itself off: once it is on it needs nothing from the rest of the program, and
// nothing in the rest of the program can delay it. So a door is kept open by a lease: whoever
// wants it open asks for some seconds, and again before they are over.
package relay

import (
	"fmt"
	"sync"
	"time"
)

// Output is the line of the strike. Values are logical: 1 lets the door open, 0 does not,
// whatever the level on the wire. *gpiocdev.Line fits.
type Output interface {
	SetValue(value int) error
}

const (
	// longest is what one call of Strike can ask for; more is cut. It is that of the longest pulse
	// that a policy can have. A program that hangs keeps no door open for longer than this.
	longest = 300 * time.Second

	retryEvery    = 10 * time.Millisecond  // until a line that failed is set again
	releaseWithin = 500 * time.Millisecond // or the release counts as failed

	// resumeCheck bounds how late a strike ends that was on while the machine was suspended:
	// timers stop meanwhile, the clock does not.
	resumeCheck = time.Second
)

// Strike lets a door open for a time.
//
//	          Strike(d>0)
//	released ------------> energised --+ Strike(d>0): the later end wins, and the
//	   ^                    |     ^----+ line is not set again: it has no edge
//	   |   end, Strike(0),  |
//	   +---- Halt ----------+
//	   |                    | SetValue(0) fails
//	   |   SetValue(0)      v
//	   +----------------- releasing --releaseWithin--> Failed, and keeps trying
//
// One goroutine owns the line and the off-timer. It waits for nothing but that timer and holds no
// lock while it sets the line, so no stalled disk, broker, worker or caller can hold the door
// open.
//
// Times are those of CLOCK_BOOTTIME. While the machine is suspended no code runs and the line
// keeps its level; a strike that should have ended meanwhile is released at most a second after
// the machine resumes. A board must not be suspended while a strike is on.
type Strike struct {
	line   Output
	now    func() time.Duration
	wake   chan struct{} // capacity 1: end has changed
	failed chan error    // capacity 1
	halt   chan struct{}
	done   chan struct{}
	once   sync.Once
	err    error         // of the last release; read after done
	since  time.Duration // by now: the first failure of a release that still fails

	mu     sync.Mutex
	end    time.Duration // by now: until then the strike is to be on
	halted bool
	on     bool  // the line may be energised
	fault  error // why the line is not what it should be
}

// NewStrike releases the line, whatever state it was left in, and returns a strike that owns it
// until Halt has returned. The caller closes the line afterwards. now reads a monotonic clock
// that also runs while the machine is suspended; nil is CLOCK_BOOTTIME.
func NewStrike(line Output, now func() time.Duration) (*Strike, error) {
	if now == nil {
		now = bootTime
	}
	s := &Strike{
		line:   line,
		now:    now,
		wake:   make(chan struct{}, 1),
		failed: make(chan error, 1),
		halt:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	if err := line.SetValue(0); err != nil {
		return nil, fmt.Errorf("strike: release at start: %w", err)
	}
	go s.run()
	return s, nil
}

// Strike lets the door open for d from now on, at most for 5 minutes. Times do not add up: the
// later end wins. Zero or less releases at once, whatever was asked for before. It returns at
// once, and does nothing after Halt.
func (s *Strike) Strike(d time.Duration) {
	s.mu.Lock()
	now := s.now()
	switch {
	case s.halted:
	case d <= 0:
		s.end = min(s.end, now)
	default:
		s.end = max(s.end, now+min(d, longest))
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// State returns whether the line may be energised, and what is wrong with it: an error stays
// until the line can be set again.
func (s *Strike) State() (on bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on, s.fault
}

// Overdue reports whether the line may still be energised although it should have been released
// half a second ago, be it that setting it fails or never returns. A watchdog must not be kicked
// then.
func (s *Strike) Overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on && s.now() >= s.end+releaseWithin
}

// Failed delivers an error when the line could not be released for half a second. The process
// must then exit with a failure, so that its supervisor releases the line. Until then the strike
// keeps trying.
func (s *Strike) Failed() <-chan error { return s.failed }

// Halt releases the strike for good and waits until that is done, at most half a second if
// setting the line fails. The error is that of the release.
func (s *Strike) Halt() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.halted = true
		s.end = min(s.end, s.now())
		s.mu.Unlock()
		close(s.halt)
	})
	<-s.done
	return s.err
}
