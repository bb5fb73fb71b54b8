package relay_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/relay"
)

// lock is a strike on a simulated board whose line fails on demand.
type lock struct {
	*testing.T
	board  *sim.Board
	strike *relay.Strike
}

func onStrike(t *testing.T, f func(l *lock)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lock{T: t, board: sim.New(&sim.Options{Log: slog.New(slog.DiscardHandler)})}
		defer l.board.Close()
		line, err := l.board.Output("strike")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		now := func() time.Duration { return time.Since(start) }
		if l.strike, err = relay.NewStrike(line, now); err != nil {
			t.Fatal(err)
		}
		defer l.strike.Halt()
		f(l)
	})
}

func (l *lock) fails(yes bool) {
	l.Helper()
	if err := l.board.Inject("strike-fails", sim.Injection{Active: yes}); err != nil {
		l.Fatal(err)
	}
}

// after lets time go by and expects the line so.
func (l *lock) after(d time.Duration, energised bool) {
	l.Helper()
	time.Sleep(d)
	synctest.Wait()
	if got := l.board.Line("strike"); got != energised {
		l.Errorf("energised is %v, want %v", got, energised)
	}
}

// failed tells whether the process has been told to exit.
func (l *lock) failed() bool {
	select {
	case <-l.strike.Failed():
		return true
	default:
		return false
	}
}

func TestADoorThatCannotBeOpenedOpensWhenTheLineWorksAgain(t *testing.T) {
	onStrike(t, func(l *lock) {
		l.fails(true)
		l.strike.Strike(5 * time.Second)
		l.after(2*time.Second, false)
		if _, err := l.strike.State(); err == nil {
			t.Error("nothing is said to be wrong")
		}
		l.fails(false)
		l.after(20*time.Millisecond, true)
		if _, err := l.strike.State(); err != nil {
			t.Errorf("still wrong: %v", err)
		}
		l.after(2970*time.Millisecond, true)
		l.after(20*time.Millisecond, false) // at its time, not later
		if l.failed() {
			t.Error("a door that would not open ended the process")
		}
	})
}

func TestADoorThatIsNotOpenedInTimeStaysShut(t *testing.T) {
	onStrike(t, func(l *lock) {
		l.fails(true)
		l.strike.Strike(time.Second)
		l.after(2*time.Second, false)
		l.fails(false)
		l.after(10*time.Second, false)
		if on, err := l.strike.State(); on || err != nil {
			t.Errorf("on %v, %v", on, err)
		}
	})
}

func TestAShortFailureOfTheReleaseHealsByItself(t *testing.T) {
	onStrike(t, func(l *lock) {
		l.strike.Strike(time.Second)
		l.after(900*time.Millisecond, true)
		l.fails(true)
		l.after(400*time.Millisecond, true)
		l.fails(false)
		l.after(20*time.Millisecond, false)
		if l.failed() || l.strike.Overdue() {
			t.Error("a failure of 0.3 s ended the process")
		}
		l.strike.Strike(time.Second) // and goes on as before
		l.after(20*time.Millisecond, true)
		l.after(time.Second, false)
	})
}

func TestALongFailureOfTheReleaseEndsTheProcessAndIsStillTried(t *testing.T) {
	onStrike(t, func(l *lock) {
		l.strike.Strike(time.Second)
		l.after(900*time.Millisecond, true)
		l.fails(true)
		l.after(time.Second, true)
		if !l.failed() {
			t.Error("nobody was told that the door stays open")
		}
		if !l.strike.Overdue() {
			t.Error("the watchdog would be kicked")
		}
		l.fails(false) // before anybody has ended it
		l.after(20*time.Millisecond, false)
		if l.strike.Overdue() {
			t.Error("released, and still overdue")
		}
	})
}
