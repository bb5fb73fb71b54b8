package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheClockIsTrustedOnTheControllersWordOrAsThePolicySays(t *testing.T) {
	c := newClock(time.Now().Add(-time.Hour))
	if c.now().Trusted {
		t.Error("trusted on nobody's word")
	}
	c.trustSystem(true)
	if now := c.now(); !now.Trusted || time.Since(now.Wall).Abs() > time.Minute {
		t.Errorf("the policy trusts the system's clock: %+v", now)
	}
	// What the controller says comes first, from the moment it was so.
	wall := time.Date(2031, 5, 4, 12, 0, 0, 0, time.UTC)
	c.set(wall, c.now().Monotonic-10*time.Second)
	if now := c.now(); !now.Trusted || now.Wall.Before(wall.Add(10*time.Second)) || now.Wall.After(wall.Add(time.Minute)) {
		t.Errorf("10 s after %v: %+v", wall, now)
	}
	c.trustSystem(false)
	if !c.now().Trusted {
		t.Error("the controller's time is trusted whatever the policy thinks of the system's")
	}
	c.forget()
	if c.now().Trusted {
		t.Error("trusted on the word of a controller that may not be in charge any more")
	}
	c = newClock(time.Now().Add(time.Hour))
	c.trustSystem(true)
	if c.now().Trusted {
		t.Error("a clock from before the program was built is trusted")
	}
}

func TestTheNumberOfAConnectionOnlyRises(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1_800_000_000, 0)
	next := func(now time.Time) uint64 {
		t.Helper()
		number, err := nextConnection(dir, now)
		if err != nil {
			t.Fatal(err)
		}
		return number
	}
	first := next(now)
	if second := next(now.Add(-20 * 365 * 24 * time.Hour)); second != first+1 {
		t.Errorf("%d after %d, the clock having been put back", second, first)
	}
	if third := next(time.Unix(-5, 0)); third != first+2 {
		t.Errorf("%d, not %d, before 1970", third, first+2)
	}
	for what, damage := range map[string]func(string) error{
		"lost":    os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte{0xff, 1}, 0o600) },
	} {
		if err := damage(filepath.Join(dir, connectionFile)); err != nil {
			t.Fatal(err)
		}
		last := next(now.Add(time.Hour))
		if last <= first+2 {
			t.Errorf("%d after the file was %s", last, what)
		}
	}
	if err := os.Remove(filepath.Join(dir, connectionFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, connectionFile), 0o700); err != nil { // cannot be replaced by a file
		t.Fatal(err)
	}
	if number, err := nextConnection(dir, now); err == nil || number < first {
		t.Errorf("number %d, error %v, where nothing can be stored", number, err)
	}
}
