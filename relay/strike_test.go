package relay

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// line is an output that keeps what was done to it, with times since it was
// made, and fails on demand.
type line struct {
	start time.Time

	mu    sync.Mutex
	value int
	log   []string
	fail  error
	block chan struct{} // SetValue waits for it, if not nil
}

func newLine() *line { return &line{start: time.Now(), value: -1} }

func (l *line) SetValue(v int) error {
	l.mu.Lock()
	block := l.block
	l.mu.Unlock()
	if block != nil {
		<-block
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	l.value = v
	l.log = append(l.log, fmt.Sprintf("%v=%d", time.Since(l.start), v))
	return nil
}

func (l *line) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *line) now() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value
}

func (l *line) wants(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.log, want) {
		t.Errorf("the line saw %v, want %v", l.log, want)
	}
}

// fakeClock makes the strike's clock the bubble's.
func fakeClock() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Hour + time.Since(start) }
}

func newStrike(t interface{ Fatal(...any) }, l Output) *Strike {
	s, err := NewStrike(l, fakeClock())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAStrikeEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		defer s.Halt()
		s.Strike(5 * time.Second)
		synctest.Wait()
		if on, err := s.State(); !on || err != nil {
			t.Errorf("during the pulse: on %v, %v", on, err)
		}
		time.Sleep(time.Minute)
		if on, err := s.State(); on || err != nil {
			t.Errorf("after the pulse: on %v, %v", on, err)
		}
		l.wants(t, "0s=0", "0s=1", "5s=0")
	})
}

func TestPulsesDoNotAddUpAndTheLaterEndWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		defer s.Halt()
		s.Strike(5 * time.Second)
		time.Sleep(time.Second)
		s.Strike(5 * time.Second) // until 6 s, not 10
		time.Sleep(time.Second)
		s.Strike(time.Second) // an earlier end changes nothing
		time.Sleep(time.Minute)
		l.wants(t, "0s=0", "0s=1", "6s=0")
	})
}

// hold renews a lease of 30 s every 15 s, n times.
func hold(s *Strike, n int) {
	for range n {
		s.Strike(30 * time.Second)
		time.Sleep(15 * time.Second)
	}
}

func TestALeaseThatIsRenewedHoldsTheLineWithoutAnEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		defer s.Halt()
		hold(s, 40)
		l.wants(t, "0s=0", "0s=1")
	})
}

func TestALeaseThatIsNotRenewedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		defer s.Halt()
		hold(s, 4) // the last time at 45 s
		time.Sleep(time.Hour)
		l.wants(t, "0s=0", "0s=1", "1m15s=0")
	})
}

func TestStrikeZeroReleasesAHoldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		defer s.Halt()
		hold(s, 40)
		s.Strike(0)
		time.Sleep(24 * time.Hour)
		l.wants(t, "0s=0", "0s=1", "10m0s=0")
	})
}

func TestAStrikeIsCutToTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		defer s.Halt()
		s.Strike(1<<63 - 1)
		time.Sleep(48 * time.Hour)
		l.wants(t, "0s=0", "0s=1", "5m0s=0")
	})
}

func TestHaltReleasesAndEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		s.Strike(time.Hour)
		time.Sleep(time.Second)
		if err := s.Halt(); err != nil {
			t.Fatal(err)
		}
		s.Strike(time.Hour)
		time.Sleep(time.Minute)
		l.wants(t, "0s=0", "0s=1", "1s=0")
		if err := s.Halt(); err != nil {
			t.Errorf("a second Halt: %v", err)
		}
	})
}

func TestAStrikeDuringHaltDoesNotTurnTheDoorOnAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		unblock := make(chan struct{})
		l.set(func() { l.block = unblock })
		s.Strike(time.Hour)
		synctest.Wait()
		go s.Halt()
		synctest.Wait() // Halt waits for the line, which hangs
		s.Strike(time.Hour)
		close(unblock)
		s.Halt()
		time.Sleep(time.Minute)
		l.wants(t, "0s=0", "0s=1", "0s=0")
	})
}

func TestALineThatCannotBeReleasedAtTheStartIsAnError(t *testing.T) {
	broken := errors.New("no such chip")
	if _, err := NewStrike(&line{fail: broken}, nil); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}

func TestAReleaseThatFailsForAMomentIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		defer s.Halt()
		s.Strike(time.Second)
		synctest.Wait()
		l.set(func() { l.fail = errors.New("bus busy") })
		time.Sleep(1045 * time.Millisecond)
		if on, err := s.State(); !on || err == nil {
			t.Errorf("while the release fails: on %v, %v", on, err)
		}
		l.set(func() { l.fail = nil })
		time.Sleep(time.Minute)
		l.wants(t, "0s=0", "0s=1", "1.05s=0")
		select {
		case err := <-s.Failed():
			t.Errorf("reported a failure that ended in time: %v", err)
		default:
		}
		if _, err := s.State(); err != nil {
			t.Errorf("after it ended: %v", err)
		}
	})
}

func TestAReleaseThatGoesOnFailingIsReportedAndTriedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		broken := errors.New("bus dead")
		s.Strike(time.Second)
		synctest.Wait()
		l.set(func() { l.fail = broken })
		for range 100 { // orders to release do not put the failure off
			time.Sleep(15 * time.Millisecond)
			s.Strike(0)
		}
		select {
		case err := <-s.Failed():
			if !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
		default:
			t.Error("half a second of failed releases was not reported")
		}
		if !s.Overdue() {
			t.Error("an energised line past its end is not overdue")
		}
		l.set(func() { l.fail = nil })
		time.Sleep(time.Second)
		if l.now() != 0 || s.Overdue() {
			t.Errorf("gave up: line %d, overdue %v", l.now(), s.Overdue())
		}
		if err := s.Halt(); err != nil {
			t.Error(err)
		}
	})
}

func TestHaltReturnsTheErrorOfALineThatCannotBeReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		broken := errors.New("bus dead")
		s.Strike(time.Hour)
		synctest.Wait()
		l.set(func() { l.fail = broken })
		if err := s.Halt(); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		if on, _ := s.State(); !on {
			t.Error("says released, and is not")
		}
	})
}

func TestALineThatCannotBeEnergisedIsTriedUntilThePulseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		defer s.Halt()
		l.set(func() { l.fail = errors.New("bus busy") })
		s.Strike(time.Second)
		time.Sleep(95 * time.Millisecond)
		if _, err := s.State(); err == nil {
			t.Error("the failure is not in the state")
		}
		l.set(func() { l.fail = nil })
		time.Sleep(time.Minute)
		l.wants(t, "0s=0", "100ms=1", "1s=0")
	})
}

func TestACallThatNeverReturnsIsOverdueAndHoldsNoCallerUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		s := newStrike(t, l)
		s.Strike(time.Second)
		synctest.Wait()
		unblock := make(chan struct{})
		l.set(func() { l.block = unblock })
		time.Sleep(1400 * time.Millisecond)
		if s.Overdue() {
			t.Error("overdue before its time")
		}
		time.Sleep(200 * time.Millisecond)
		s.Strike(0) // returns, although the line hangs
		if !s.Overdue() {
			t.Error("a hanging release is not overdue")
		}
		close(unblock)
		if err := s.Halt(); err != nil {
			t.Error(err)
		}
	})
}

func TestASuspendedMachineReleasesWithinASecondOfResuming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		var mu sync.Mutex
		var asleep time.Duration
		awake := fakeClock()
		s, err := NewStrike(l, func() time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return awake() + asleep
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Halt()
		s.Strike(30 * time.Second)
		time.Sleep(2500 * time.Millisecond)
		mu.Lock()
		asleep = time.Hour // timers did not run
		mu.Unlock()
		time.Sleep(time.Minute)
		l.wants(t, "0s=0", "0s=1", "3s=0")
	})
}

// TestManyOverlappingStrikesLeaveTheLineAsTheModelSays holds the strike
// against the one line of arithmetic that it is.
func TestManyOverlappingStrikesLeaveTheLineAsTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			l := newLine()
			s := newStrike(t, l)
			defer s.Halt()
			start := time.Now()
			var end time.Duration
			for range rapid.IntRange(1, 30).Draw(t, "steps") {
				now := time.Since(start)
				if rapid.Bool().Draw(t, "strike") {
					d := rapid.SampledFrom([]time.Duration{-1, 0, 1, time.Millisecond, 999 * time.Millisecond,
						time.Second, 5 * time.Second, time.Minute, 30 * time.Hour}).Draw(t, "for")
					s.Strike(d)
					if d <= 0 {
						end = now
					} else {
						end = max(end, now+min(d, 5*time.Minute))
					}
				}
				synctest.Wait()
				want := 0
				if time.Since(start) < end {
					want = 1
				}
				if got := l.now(); got != want {
					t.Fatalf("at %v with end %v the line is %d", time.Since(start), end, got)
				}
				time.Sleep(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "sleep")))
			}
		})
	})
}
