package sim

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/spi"
)

func TestALineIsHandedOutOnceAtATime(t *testing.T) {
	b := New(nil)
	defer b.Close()
	first, err := b.Output("strike")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Output("strike"); !errors.Is(err, syscall.EBUSY) {
		t.Fatalf("second request: %v, want EBUSY", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.SetValue(1); err == nil {
		t.Fatal("a closed line was driven")
	}
	if _, err := b.Output("strike"); err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if _, err := b.Output("exit-button"); !errors.Is(err, syscall.ENOENT) {
		t.Fatalf("an input as output: %v, want ENOENT", err)
	}
}

func TestAHandlerSeesEveryEdgeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil)
		defer b.Close()
		var got []bool
		in, err := b.Input("door-open", func(active bool) {
			if v := b.Line("door-open"); v {
				t.Errorf("the level is already %v again", v) // set twice before the handler ran
			}
			got = append(got, active)
		})
		if err != nil {
			t.Fatal(err)
		}
		b.mu.Lock() // both edges are there before the first call
		b.drive(b.lines["door-open"], true)
		b.drive(b.lines["door-open"], true)
		b.drive(b.lines["door-open"], false)
		b.mu.Unlock()
		synctest.Wait()
		if len(got) != 2 || !got[0] || got[1] {
			t.Fatalf("edges %v, want [true false]", got)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		if err := b.SetLine("door-open", true); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(got) != 2 {
			t.Fatal("a closed input was called")
		}
	})
}

func TestAHandlerMayCloseItsInputAndIsCalledNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil)
		defer b.Close()
		var in *Input
		calls := 0
		in, err := b.Input("tamper", func(bool) {
			calls++
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		b.mu.Lock() // both edges wait before the first call
		b.drive(b.lines["tamper"], true)
		b.drive(b.lines["tamper"], false)
		b.mu.Unlock()
		synctest.Wait()
		if calls != 1 {
			t.Errorf("%d calls, want 1", calls)
		}
	})
}

func TestAHandlerThatHangsLosesPairsOfEdgesButNotTheLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil)
		defer b.Close()
		hang := make(chan struct{})
		var got []bool
		if _, err := b.Input("tamper", func(active bool) {
			<-hang
			got = append(got, active)
		}); err != nil {
			t.Fatal(err)
		}
		for i := range 4*maxEdges + 1 {
			if err := b.SetLine("tamper", i%2 == 0); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		close(hang)
		synctest.Wait()
		if len(got) > maxEdges+1 || !got[len(got)-1] {
			t.Fatalf("%d edges, the last %v; want at most %d, the last true", len(got), got[len(got)-1], maxEdges+1)
		}
		for i, v := range got {
			if v != (i%2 == 0) {
				t.Fatalf("edge %d is %v: they do not alternate", i, v)
			}
		}
	})
}

func TestOnlyButtonsAndContactsCanBeSetFromOutside(t *testing.T) {
	b := New(nil)
	defer b.Close()
	for name, want := range map[string]error{
		"exit-button": nil, "door-open": nil, "tamper": nil, "fire": nil,
		"strike": syscall.EPERM, "touch-irq": syscall.EPERM, "moon": syscall.ENOENT,
	} {
		if err := b.SetLine(name, true); !errors.Is(err, want) {
			t.Errorf("SetLine(%s): %v, want %v", name, err, want)
		}
	}
	lines := b.Lines()
	if len(lines) != 6 || !lines["exit-button"] || !lines["fire"] || lines["strike"] {
		t.Errorf("Lines() = %v", lines)
	}
}

func TestWatchersHearOfAChangeOnceUntilTheyLook(t *testing.T) {
	b := New(nil)
	defer b.Close()
	changes, stop := b.Watch()
	b.SetLine("tamper", true)
	b.SetLine("tamper", false)
	select {
	case <-changes:
	default:
		t.Fatal("no change was told")
	}
	select {
	case <-changes:
		t.Fatal("two changes did not become one")
	default:
	}
	stop()
	b.SetLine("tamper", true)
	select {
	case <-changes:
		t.Fatal("told after stop")
	default:
	}
}

// A rig is a chip of a board on the bus.
type rig struct {
	t *testing.T
	b *Board
	c spi.Conn
}

func (r *rig) clean() {
	r.t.Helper()
	if v := r.b.Violations(); len(v) != 0 {
		r.t.Errorf("violations: %q", v)
	}
}

func (r *rig) violated(part string) {
	r.t.Helper()
	if !slices.ContainsFunc(r.b.Violations(), func(v string) bool { return strings.Contains(v, part) }) {
		r.t.Errorf("no violation says %q: %q", part, r.b.Violations())
	}
}
