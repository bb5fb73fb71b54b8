package nfc_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/nfc"
	"latchkey/nfc/pn532"
)

// door is a reader on a simulated board that runs while a test acts.
type door struct {
	*testing.T
	board *sim.Board
	dev   *pn532.Dev
	stop  func()

	mu       sync.Mutex
	reported []string
}

func open(t *testing.T, f sim.Fault) *door {
	t.Helper()
	d := &door{T: t, board: sim.New(&sim.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Seed: 2})}
	if err := d.board.SetFault("nfc", f); err != nil {
		t.Fatal(err)
	}
	port, err := d.board.SPI("nfc")
	if err != nil {
		t.Fatal(err)
	}
	if d.dev, err = pn532.NewSPI(port, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = nfc.New(d.dev).Run(ctx, func(e nfc.Event) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.reported = append(d.reported, say(e))
		})
	}()
	d.stop = func() {
		cancel()
		<-done
		if err := d.board.Close(); err != nil {
			t.Error(err)
		}
	}
	return d
}

// took returns what was reported within a time, and forgets it.
func (d *door) took(within time.Duration) string {
	time.Sleep(within)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := strings.Join(d.reported, ", ")
	d.reported = nil
	return s
}

func (d *door) want(within time.Duration, want string) {
	d.Helper()
	if got := d.took(within); got != want {
		d.Errorf("reported %q instead of %q", got, want)
	}
}

func (d *door) present(uid ...byte) {
	d.Helper()
	if err := d.board.PresentCard(sim.Card{UID: uid}); err != nil {
		d.Fatal(err)
	}
}

func TestACardIsSeenWithinAQuarterOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, sim.Fault{})
		defer d.stop()
		d.want(time.Second, "sound")
		for i := range 40 {
			time.Sleep(time.Duration(i) * 13 * time.Millisecond)
			d.present(0, byte(i), 2, 3)
			d.want(250*time.Millisecond, "00"+hexByte(i)+"0203")
			d.want(2*time.Second, "")
			d.board.RemoveCard()
			d.want(1100*time.Millisecond, "gone")
		}
		for _, v := range d.board.Violations() {
			t.Error(v)
		}
	})
}

func hexByte(i int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[i>>4], digits[i&15]})
}

func TestAReaderOutlivesItsChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, sim.Fault{Absent: true, MISO: 0xFF})
		defer d.stop()
		d.want(time.Minute, "!"+pn532.ErrAbsent.Error())
		d.present(4, 1, 2, 3, 4, 5, 6)
		if err := d.board.SetFault("nfc", sim.Fault{}); err != nil {
			t.Fatal(err)
		}
		d.want(6*time.Second, "04010203040506, sound")
		if err := d.board.ResetChip("nfc"); err != nil {
			t.Fatal(err)
		}
		d.want(5*time.Second, "") // nobody notices
		if err := d.board.SetFault("nfc", sim.Fault{Stuck: true}); err != nil {
			t.Fatal(err)
		}
		d.want(5*time.Second, "gone, !"+pn532.ErrAbsent.Error())
		if err := d.board.SetFault("nfc", sim.Fault{}); err != nil {
			t.Fatal(err)
		}
		d.want(6*time.Second, "04010203040506, sound")
	})
}

func TestPollingKeepsToItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, sim.Fault{})
		defer d.stop()
		d.took(10 * time.Second)
		before := d.board.Counters("nfc").Messages
		d.took(60 * time.Second)
		if n := d.board.Counters("nfc").Messages - before; n > 60*25 {
			t.Errorf("%d transfers in a minute without a card", n)
		}
	})
}
