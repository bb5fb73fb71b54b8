package relay

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type level struct {
	value int
	err   error
}

func (l level) Value() (int, error) { return l.value, l.err }

// handled keeps what an input handed on, and when.
type handled struct {
	start time.Time
	mu    sync.Mutex
	log   []string
}

func (t *handled) take(active bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = append(t.log, fmt.Sprintf("%v=%v", time.Since(t.start), active))
}

func (t *handled) wants(tb testing.TB, want ...string) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Equal(t.log, want) {
		tb.Errorf("handed on %v, want %v", t.log, want)
	}
}

func startInput(t *testing.T, debounce time.Duration, initial int) (*Input, *handled) {
	log := &handled{start: time.Now()}
	in := NewInput("exit button", debounce, log.take)
	if err := in.Start(level{value: initial}); err != nil {
		t.Fatal(err)
	}
	return in, log
}

func TestTheLevelAtTheStartIsHandedOn(t *testing.T) {
	for initial, want := range []string{"0s=false", "0s=true"} {
		synctest.Test(t, func(t *testing.T) {
			in, log := startInput(t, DoorDebounce, initial)
			synctest.Wait()
			log.wants(t, want)
			in.Halt()
		})
	}
}

func TestAnEdgeBeforeTheStartIsNewerThanTheLevelRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &handled{start: time.Now()}
		in := NewInput("tamper", TamperDebounce, log.take)
		in.Changed(true)
		if err := in.Start(level{value: 0}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		log.wants(t, "0s=true")
		in.Halt()
	})
}

func TestALineThatCannotBeReadAtTheStartIsAnErrorThatNamesIt(t *testing.T) {
	broken := errors.New("gone")
	in := NewInput("tamper", TamperDebounce, func(bool) { t.Error("handed on") })
	err := in.Start(level{err: broken})
	if !errors.Is(err, broken) || err.Error() != "tamper: read the level at start: gone" {
		t.Errorf("got %v", err)
	}
	in.Halt()
}

func TestABouncingPressIsHandedOnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, log := startInput(t, ExitDebounce, 0)
		time.Sleep(time.Second)
		for _, active := range []bool{true, false, true, false, true} {
			in.Changed(active)
			time.Sleep(4 * time.Millisecond)
		}
		time.Sleep(time.Second)
		log.wants(t, "0s=false", "1.046s=true")
		in.Halt()
	})
}

func TestAFireAlarmsChatteringContactIsHandedOnOnceAndItsInterferenceIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, log := startInput(t, FireDebounce, 0)
		for range 5 { // 50 Hz for 100 ms, from a cable beside it
			in.Changed(true)
			time.Sleep(10 * time.Millisecond)
			in.Changed(false)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(900 * time.Millisecond)
		for _, active := range []bool{true, false, true, false, true} {
			in.Changed(active)
			time.Sleep(8 * time.Millisecond)
		}
		time.Sleep(time.Second)
		log.wants(t, "0s=false", "1.132s=true")
		in.Halt()
	})
}

func TestAPulseShorterThanTheDebounceIsNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, log := startInput(t, ExitDebounce, 0)
		in.Changed(true)
		time.Sleep(29 * time.Millisecond)
		in.Changed(false)
		time.Sleep(time.Second)
		log.wants(t, "0s=false")
		in.Halt()
	})
}

func TestAContactThatNeverRestsIsStillHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, log := startInput(t, ExitDebounce, 0)
		synctest.Wait()
		const turn = 700 * time.Microsecond // no multiple of it is 300 ms: two things at once have no order
		for range 420 {                     // mostly active, and never quiet for 30 ms
			in.Changed(false)
			in.Changed(true)
			time.Sleep(turn)
		}
		log.wants(t, "0s=false")
		for range 10 {
			in.Changed(false)
			in.Changed(true)
			time.Sleep(turn)
		}
		log.wants(t, "0s=false", "300ms=true")
		in.Halt()
	})
}

func TestFlappingIsBoundedAndItsEndIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, log := startInput(t, ExitDebounce, 0)
		active := false
		for range 500 { // 50 s of a change every 100 ms
			active = !active
			in.Changed(active)
			time.Sleep(100 * time.Millisecond)
		}
		in.Changed(true)
		time.Sleep(time.Minute)
		log.mu.Lock()
		defer log.mu.Unlock()
		if n := len(log.log); n > burst+101 || n < burst+40 {
			t.Errorf("%d changes handed on in 50 s", n)
		}
		last := log.log[len(log.log)-1]
		if last[len(last)-5:] != "=true" {
			t.Errorf("the last change handed on is %s", last)
		}
		in.Halt()
	})
}

func TestASlowReceiverHoldsNeitherTheLineNorAnotherInputUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		in := NewInput("tamper", TamperDebounce, func(bool) { <-release })
		if err := in.Start(level{}); err != nil {
			t.Fatal(err)
		}
		other, log := startInput(t, ExitDebounce, 0)
		synctest.Wait()
		for i := range 1000 {
			in.Changed(i%2 == 0) // would block for ever, and fail the bubble
		}
		other.Changed(true)
		time.Sleep(time.Second)
		log.wants(t, "0s=false", "30ms=true")
		close(release)
		in.Halt()
		other.Halt()
	})
}

func TestAfterHaltNothingIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, log := startInput(t, ExitDebounce, 0)
		synctest.Wait()
		in.Changed(true)
		in.Halt()
		in.Halt()
		in.Changed(false)
		time.Sleep(time.Second)
		log.wants(t, "0s=false")
		if err := in.Start(level{}); err == nil {
			t.Error("started after Halt")
		}
	})
}
