package board

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/warthog618/go-gpiocdev"
)

// fakeLine stands for a requested line of the kernel. As a gpiocdev line does,
// its Close waits for the handler and keeps Value waiting meanwhile.
type fakeLine struct {
	mu     sync.Mutex
	value  int
	err    error
	closed func()
}

func (l *fakeLine) Value() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.err
}

func (l *fakeLine) SetValue(int) error { return errors.New("an input") }

func (l *fakeLine) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed()
	return nil
}

func rising(n uint32) gpiocdev.LineEvent {
	return gpiocdev.LineEvent{Type: gpiocdev.LineEventRisingEdge, LineSeqno: n}
}

func falling(n uint32) gpiocdev.LineEvent {
	return gpiocdev.LineEvent{Type: gpiocdev.LineEventFallingEdge, LineSeqno: n}
}

func TestEdgesInStepTellTheirLevel(t *testing.T) {
	var got []bool
	e := &edges{on: func(active bool) { got = append(got, active) }, line: &fakeLine{err: errors.New("must not be read")}}
	for _, ev := range []gpiocdev.LineEvent{rising(1), falling(2), rising(3)} {
		e.event(ev)
	}
	if want := []bool{true, false, true}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAGapInTheNumbersReadsTheLevelAgain(t *testing.T) {
	var got []bool
	line := &fakeLine{}
	e := &edges{on: func(active bool) { got = append(got, active) }, line: line}
	e.event(rising(1))
	line.value = 0
	e.event(rising(5)) // 2 to 4 were lost, and the line has fallen since
	e.event(rising(6)) // in step again
	line.value = 1
	e.event(falling(3)) // out of step in the other direction
	line.err = errors.New("cannot be read")
	e.event(falling(9)) // the event is all there is
	if want := []bool{true, false, true, true, false}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAFirstEventThatIsNotNumber1IsAGap(t *testing.T) {
	var got []bool
	e := &edges{on: func(active bool) { got = append(got, active) }, line: &fakeLine{value: 1}}
	e.event(falling(2))
	if want := []bool{true}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAKernelThatDoesNotNumberEventsHasEachLevelRead(t *testing.T) {
	var got []bool
	line := &fakeLine{value: 1}
	e := &edges{on: func(active bool) { got = append(got, active) }, line: line}
	e.event(falling(0))
	line.value = 0
	e.event(falling(0))
	if want := []bool{true, false}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCloseDoesNotWaitForAHandlerThatWaitsForClose(t *testing.T) {
	called := false
	e := &edges{on: func(bool) { called = true }}
	line := &fakeLine{}
	line.closed = func() {
		handled := make(chan struct{})
		go func() {
			defer close(handled)
			e.event(rising(7)) // a gap: it would read the level
		}()
		<-handled
	}
	e.line = line
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if called {
		t.Error("a handler was called while the line was being closed")
	}
}
