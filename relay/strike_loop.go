package relay

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// run keeps the line as it should be until Halt, and releases it then.
func (s *Strike) run() {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	halt := s.halt
	var halted bool
	for {
		select {
		case <-halt:
			halted, halt = true, nil
		case <-s.wake:
		case <-timer.C:
		}
		wait, settled := s.update()
		if halted && settled {
			return
		}
		timer.Stop()
		if wait > 0 {
			timer.Reset(wait)
		}
	}
}

// update sets the line as it should be now. It returns when to call it again (zero: not before
// the next call of Strike or Halt), and whether a halted strike is done: released, or tried for
// long enough.
func (s *Strike) update() (wait time.Duration, settled bool) {
	s.mu.Lock()
	now := s.now()
	left := s.end - now
	want, on, fault := left > 0, s.on, s.fault
	if want {
		s.on = true // already now: a call that fails or does not return may have had its effect
	}
	s.mu.Unlock()

	if want == on && fault == nil {
		if want {
			return min(left, resumeCheck), false
		}
		return 0, true
	}
	value := 0
	if want {
		value = 1
	}
	err := s.line.SetValue(value)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
	failing := s.err != nil
	s.err = nil
	switch {
	case want && err == nil:
		return min(left, resumeCheck), false
	case want:
		s.fault = fmt.Errorf("strike: energise: %w", err)
		return min(left, retryEvery), false
	case err == nil:
		s.on = false
		return 0, true
	}
	s.fault = fmt.Errorf("strike: release: %w", err)
	s.err = s.fault
	if !failing {
		s.since = now
	}
	if now-s.since < releaseWithin {
		return retryEvery, false
	}
	select {
	case s.failed <- s.fault:
	default: // known already
	}
	return retryEvery, true
}

// bootTime reads CLOCK_BOOTTIME (clock_gettime(2)): the time since the machine started, including
// suspend.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("clock_gettime(CLOCK_BOOTTIME): " + err.Error()) // Linux has had it since 2.6.39
	}
	return time.Duration(ts.Nano())
}
