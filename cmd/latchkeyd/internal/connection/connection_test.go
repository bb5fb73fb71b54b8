package connection

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/sync/wire"
)

// connections is a data directory and what the journal beside it says.
type connections struct {
	t        *testing.T
	dir      string
	answered uint64
}

// next returns the next number by a clock that says so many Unix seconds.
func (c *connections) next(clock int64) uint64 {
	c.t.Helper()
	number, err := Next(c.dir, c.answered, time.Unix(1_700_000_000, 0), time.Unix(clock, 0))
	if err != nil {
		c.t.Fatal(err)
	}
	return number
}

func (c *connections) path() string { return filepath.Join(c.dir, datadir.Connection) }

func (c *connections) file() []byte {
	c.t.Helper()
	b, err := os.ReadFile(c.path())
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *connections) put(b []byte) {
	c.t.Helper()
	if err := os.WriteFile(c.path(), b, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func newConnections(t *testing.T) *connections {
	t.Helper()
	c := &connections{t: t, dir: t.TempDir()}
	if err := Begin(c.dir); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheNumberOfAConnectionOnlyRises(t *testing.T) {
	c := newConnections(t)
	if first := c.next(1_800_000_000); first != 1_800_000_000 {
		t.Errorf("the first is %d", first)
	}
	if err := Begin(c.dir); err != nil {
		t.Fatal(err)
	}
	for i, clock := range []int64{1_200_000_000, -5, 0} {
		if number := c.next(clock); number != 1_800_000_001+uint64(i) {
			t.Errorf("%d at %d", number, clock)
		}
	}
	c.answered = 1_900_000_000 // a file of an older copy of the disk
	if number := c.next(0); number != c.answered+1 {
		t.Errorf("%d, the controller having answered on %d", number, c.answered)
	}
}

func TestTheNumberRisesThoughItsFileIsLostOnABoardWithoutAClock(t *testing.T) {
	for what, damage := range map[string]func(string) error{
		"lost":    os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte{0xff, 1}, 0o600) },
		"emptied": func(path string) error { return os.Truncate(path, 0) },
	} {
		for _, journal := range []bool{true, false} {
			c := newConnections(t)
			last := c.next(1_800_000_000)
			for range 3 { // again and again
				if journal {
					c.answered = last
				}
				last = c.next(0)
				if err := damage(c.path()); err != nil {
					t.Fatal(err)
				}
				if number := c.next(0); number <= last {
					t.Errorf("%d after %d, the file being %s (with a journal: %v)", number, last, what, journal)
				} else {
					last = number
				}
				if !journal {
					break // twice without either is more than can be known
				}
			}
		}
	}
}

func TestNoFlippedBitOfTheNumberIsBelieved(t *testing.T) {
	c := newConnections(t)
	last := c.next(1_800_000_000)
	good := c.file()
	for i := range 8 * len(good) {
		b := append([]byte(nil), good...)
		b[i/8] ^= 1 << (i % 8)
		c.put(b)
		if number, err := read(c.dir); err == nil {
			t.Errorf("bit %d: %d", i, number)
		}
		if number := c.next(0); number <= last || number > wire.MaxNumber {
			t.Errorf("bit %d: %d after %d", i, number, last)
		}
	}
}

func TestTheNumberOfAReaderFromBeforeItHadAChecksumIsRead(t *testing.T) {
	c := newConnections(t)
	c.put(wire.Marshal(uint64(1_800_000_000)))
	if number := c.next(0); number != 1_800_000_001 {
		t.Errorf("%d", number)
	}
}

func TestTheNumberIsUsedThoughItCannotBeStored(t *testing.T) {
	c := &connections{t: t, dir: t.TempDir()}
	if err := os.Mkdir(c.path(), 0o700); err != nil { // cannot be replaced by a file
		t.Fatal(err)
	}
	if number, err := Next(c.dir, 7, time.Unix(5, 0), time.Unix(0, 0)); err == nil || number < 8 || errors.Is(err, errDamaged) {
		t.Errorf("number %d, error %v", number, err)
	}
}
