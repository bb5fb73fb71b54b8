package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheNumberOfAConnectionOnlyRises(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1_800_000_000, 0)
	next := func(now time.Time) uint64 {
		t.Helper()
		number, err := nextConnection(dir, 0, now)
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
		"damaged": func(path string) error { return os.WriteFile(path, make([]byte, 12), 0o600) },
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
	if number, err := nextConnection(dir, 0, now); err == nil || number < first {
		t.Errorf("number %d, error %v, where nothing can be stored", number, err)
	}
}

// A board without a clock begins in 1970. Its file of the number is lost, or one
// bit of it is another; the journal has the newest number on which the
// controller answered.
func TestTheNumberOfAConnectionGoesOnFromTheJournal(t *testing.T) {
	const known, unanswered = 40, 3
	for name, damage := range map[string]func(path string, b []byte) error{
		"lost":  func(path string, b []byte) error { return os.Remove(path) },
		"empty": func(path string, b []byte) error { return os.WriteFile(path, nil, 0o600) },
		"a bit flipped": func(path string, b []byte) error {
			b[0] ^= 0x40
			return os.WriteFile(path, b, 0o600)
		},
		"put back": func(path string, b []byte) error { return nil },
	} {
		dir, early := t.TempDir(), time.Unix(100, 0)
		for range 20 {
			if _, err := nextConnection(dir, 0, early); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, connectionFile)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := damage(path, b); err != nil {
			t.Fatal(err)
		}
		least := uint64(known + unanswered)
		if name == "put back" {
			least = 119 // the file's own
		}
		number, err := nextConnection(dir, known, early)
		if err != nil || number <= least || number > 1<<40 {
			t.Errorf("%s: number %d, error %v", name, number, err)
		}
		if again, err := nextConnection(dir, known, early); err != nil || again != number+1 {
			t.Errorf("%s: then %d, error %v", name, again, err)
		}
	}
}
