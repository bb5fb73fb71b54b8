package pn532_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"latchkey/board/sim"
	"latchkey/nfc"
	"latchkey/nfc/pn532"
)

// bench is a simulated board and a driver on its chip, in a synctest bubble.
type bench struct {
	*testing.T
	board  *sim.Board
	dev    *pn532.Dev
	target nfc.Target
	use    *use
}

type wiring struct {
	nfc        sim.NFCOptions
	irq, reset bool
	fault      sim.Fault
}

func setup(t *testing.T, w wiring) *bench {
	t.Helper()
	b := &bench{T: t, use: new(use), board: sim.New(&sim.Options{
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Seed: 1, NFC: w.nfc,
	})}
	t.Cleanup(func() { b.must(b.board.Close()) })
	b.must(b.board.SetFault("nfc", w.fault))
	port, err := b.board.SPI("nfc")
	b.must(err)
	var reset pn532.Output
	if w.reset {
		reset, err = b.board.Output("nfc-reset")
		b.must(err)
	}
	b.dev, err = pn532.NewSPI(watched{port, b.use}, reset)
	b.must(err)
	if w.irq {
		line, err := b.board.Input("nfc-irq", b.dev.Interrupt)
		b.must(err)
		b.dev.UseInterrupt(line)
	}
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// lookFor is longer than a look at a card that is there takes.
const lookFor = 200 * time.Millisecond

// look looks for a card and switches the field off then. The length is 0 without a card.
func (b *bench) look(ctx context.Context) (int, error) {
	found, err := b.dev.Poll(ctx, lookFor, &b.target)
	if !found {
		return 0, err
	}
	b.dev.Release()
	return b.target.N, err
}

// poll fails the test unless the chip is sound.
func (b *bench) poll() []byte {
	b.Helper()
	n, err := b.look(b.Context())
	b.must(err)
	return b.target.UID[:n]
}

func (b *bench) sound() {
	b.Helper()
	for _, v := range b.board.Violations() {
		b.Errorf("violation: %s", v)
	}
}

// each runs a test on every wiring a board may have.
func each(t *testing.T, f func(t *testing.T, w wiring)) {
	for name, w := range map[string]wiring{
		"bare":           {},
		"reset":          {reset: true},
		"line":           {irq: true},
		"all":            {irq: true, reset: true},
		"loses-first":    {nfc: sim.NFCOptions{LosesFirst: true}},
		"short-start":    {nfc: sim.NFCOptions{ShortStart: true}},
		"short-overread": {nfc: sim.NFCOptions{ShortStart: true, KeepsOverread: true}},
		"filler-ff":      {nfc: sim.NFCOptions{Filler: []byte{0xFF}}},
		"filler-00-ff":   {nfc: sim.NFCOptions{Filler: []byte{0x00, 0xFF}}},
		"slow":           {nfc: sim.NFCOptions{AckDelay: 14 * time.Millisecond, CommandTime: 20 * time.Millisecond, TryTime: 60 * time.Millisecond}},
		"fast":           {nfc: sim.NFCOptions{AckDelay: -1, CommandTime: -1, Turnaround: -1, TryTime: -1, ActivateTime: -1}},
		"early-irq":      {irq: true, nfc: sim.NFCOptions{IRQEarly: true}},
		"relists":        {nfc: sim.NFCOptions{Relists: true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, w) })
		})
	}
}

func TestEveryPollSeesTheCardThatLiesThere(t *testing.T) {
	each(t, func(t *testing.T, w wiring) {
		b := setup(t, w)
		if uid := b.poll(); len(uid) != 0 {
			t.Fatalf("an empty field has card % X", uid)
		}
		for _, c := range []sim.Card{
			{UID: []byte{0x00, 0x00, 0x5A, 0x01}},
			{UID: []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80}},
			{UID: []byte{0x04, 1, 2, 3, 4, 5, 6, 7, 8, 0}},
			{UID: []byte{0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}, Kind: sim.Copy},
			{UID: []byte{0x08, 0x11, 0x22, 0x33}, Kind: sim.Copy},
		} {
			b.must(b.board.PresentCard(c))
			for range 3 {
				if uid := b.poll(); !bytes.Equal(uid, c.UID) {
					t.Fatalf("% X instead of % X", uid, c.UID)
				}
				time.Sleep(100 * time.Millisecond)
			}
			b.board.RemoveCard()
			if uid := b.poll(); len(uid) != 0 {
				t.Fatalf("% X after the card was taken away", uid)
			}
		}
		if c := &b.dev.Counters; c.Losses.Load() != 0 || c.Garbled.Load() != 0 || c.Starts.Load() != 1 {
			t.Errorf("a sound chip needed help: %+v", c)
		}
		b.must(b.dev.Halt())
		b.sound()
	})
}

// level is an interrupt line that is stuck.
type level int

func (l level) Value() (int, error) { return int(l), nil }

func TestAStuckInterruptLineCostsTimeOnly(t *testing.T) {
	for _, stuck := range []level{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, wiring{})
			port, err := b.board.SPI("nfc")
			b.must(err)
			b.dev, err = pn532.NewSPI(port, nil)
			b.must(err)
			b.dev.UseInterrupt(stuck)
			b.must(b.board.PresentCard(sim.Card{UID: []byte{1, 2, 3, 4}}))
			begin := time.Now()
			for range 10 {
				if uid := b.poll(); len(uid) != 4 {
					t.Errorf("card % X", uid)
				}
			}
			if d := time.Since(begin); stuck == 0 && d > time.Second {
				t.Errorf("ten polls took %v: the line is still waited for", d)
			}
			if c := &b.dev.Counters; c.Losses.Load() != 0 || c.Starts.Load() != 1 || c.Retries.Load() != 0 {
				t.Errorf("%+v", c)
			}
			b.sound()
		})
	}
}

func TestAChipThatIsMissingAtFirstIsFoundLater(t *testing.T) {
	for _, miso := range []byte{0x00, 0xFF} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, wiring{fault: sim.Fault{Absent: true, MISO: miso}})
			begin := time.Now()
			for time.Since(begin) < time.Minute {
				if _, err := b.look(t.Context()); err != pn532.ErrAbsent {
					t.Fatalf("error %v", err)
				}
				time.Sleep(225 * time.Millisecond)
			}
			if c := &b.dev.Counters; c.Starts.Load() < 10 || c.Starts.Load() > 25 || c.Garbled.Load() != 0 || c.Losses.Load() != 0 {
				t.Errorf("in a minute %+v", c)
			}
			b.must(b.board.SetFault("nfc", sim.Fault{}))
			b.must(b.board.PresentCard(sim.Card{UID: []byte{1, 2, 3, 4}}))
			time.Sleep(3 * time.Second) // the longest wait
			if uid := b.poll(); !bytes.Equal(uid, []byte{1, 2, 3, 4}) {
				t.Errorf("found % X", uid)
			}
			b.sound()
		})
	}
}

func TestAResetBehindTheDriversBackIsNotNoticed(t *testing.T) {
	each(t, func(t *testing.T, w wiring) {
		b := setup(t, w)
		b.must(b.board.PresentCard(sim.Card{UID: []byte{1, 2, 3, 4}}))
		for i := range 5 {
			b.poll()
			b.must(b.board.ResetChip("nfc"))
			time.Sleep(100 * time.Millisecond)
			if uid := b.poll(); len(uid) != 4 {
				t.Fatalf("no card after reset %d", i)
			}
		}
		if c := &b.dev.Counters; c.Starts.Load() != 6 || c.Losses.Load() != 5 {
			t.Errorf("%+v", c)
		}
	})
}

func TestAChipThatHangsIsGivenUpAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, wiring{reset: true, irq: true})
		b.poll()
		for range 8 { // each outage begins with the shortest wait
			b.must(b.board.SetFault("nfc", sim.Fault{Stuck: true}))
			hung := time.Now()
			_, err := b.look(t.Context())
			for err == nil && time.Since(hung) < time.Second {
				_, err = b.look(t.Context())
			}
			if err != pn532.ErrAbsent {
				t.Fatalf("error %v after %v", err, time.Since(hung))
			}
			before := b.dev.Counters.Transfers.Load()
			if _, err := b.look(t.Context()); err != pn532.ErrAbsent {
				t.Fatalf("error %v", err)
			}
			if n := b.dev.Counters.Transfers.Load() - before; n != 0 {
				t.Errorf("%d transfers while waiting", n)
			}
			b.must(b.board.SetFault("nfc", sim.Fault{}))
			time.Sleep(300 * time.Millisecond)
			b.poll()
		}
	})
}

func TestNoiseIsOvercome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, wiring{fault: sim.Fault{Noise: 0.002}})
		uid := []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80}
		b.must(b.board.PresentCard(sim.Card{UID: uid}))
		seen, failed := 0, 0
		for range 400 {
			n, err := b.look(t.Context())
			switch {
			case err != nil:
				failed++
			case n > 0 && !bytes.Equal(b.target.UID[:n], uid):
				t.Fatalf("noise became card % X", b.target.UID[:n])
			case n > 0:
				seen++
			}
			time.Sleep(400 * time.Millisecond)
		}
		if seen < 380 || failed > 5 {
			t.Errorf("seen %d times, failed %d times: %+v", seen, failed, &b.dev.Counters)
		}
		if b.dev.Counters.Retries.Load() == 0 {
			t.Error("there was no noise")
		}
	})
}

func TestTheEndOfTheContextEndsAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, wiring{})
		b.poll()
		for d := time.Duration(0); d < 70*time.Millisecond; d += 3 * time.Millisecond {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			if _, err := b.look(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("after %v: %v", d, err)
			}
			cancel()
			b.poll()
		}
		if c := &b.dev.Counters; c.Starts.Load() != 1 {
			t.Errorf("an aborted command cost a start: %+v", c)
		}
		b.sound()
	})
}

// mortal is a port of a program that dies after some transfers: nothing it sends
// then reaches the chip.
type mortal struct {
	spi.Port
	left *int
}

type mortalConn struct {
	spi.Conn
	left *int
}

func (m mortal) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	c, err := m.Port.Connect(f, mode, bits)
	return mortalConn{c, m.left}, err
}

func (m mortalConn) Tx(w, r []byte) error {
	if *m.left--; *m.left < 0 {
		return errors.New("dead")
	}
	return m.Conn.Tx(w, r)
}

func TestADriverThatStartsAnewIsNotFooledByOldAnswers(t *testing.T) {
	for lived := 1; lived < 45; lived++ {
		for _, pause := range []time.Duration{0, 100 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, wiring{})
				card := sim.Card{UID: []byte{1, 2, 3, 4}}
				b.must(b.board.PresentCard(card))
				port, err := b.board.SPI("nfc")
				b.must(err)
				left := lived
				before, err := pn532.NewSPI(mortal{port, &left}, nil)
				b.must(err)
				for left >= 0 {
					if _, err := before.Poll(t.Context(), lookFor, &b.target); err != nil && left >= 0 {
						t.Fatal(err)
					}
				}
				time.Sleep(pause)
				if uid := b.poll(); !bytes.Equal(uid, card.UID) {
					t.Errorf("after %d transfers: card % X", lived, uid)
				}
				if c := &b.dev.Counters; c.Losses.Load() != 0 {
					t.Errorf("after %d transfers: %+v", lived, c)
				}
			})
		}
	}
}

func TestACardOnANoisyWireIsListedTwiceForFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, wiring{irq: true}) // no look comes too early
		b.must(b.board.PresentCard(sim.Card{UID: []byte{1, 2, 3, 4}}))
		transfers := func() int {
			before := b.board.Counters("nfc").Messages
			if uid := b.poll(); !bytes.Equal(uid, []byte{1, 2, 3, 4}) {
				t.Fatalf("card % X", uid)
			}
			return b.board.Counters("nfc").Messages - before
		}
		b.poll()
		if n := transfers(); n != 10 {
			t.Errorf("%d transfers on a quiet wire", n)
		}
		b.must(b.board.SetFault("nfc", sim.Fault{GarbledFrames: 0.2}))
		for b.dev.Counters.Garbled.Load() == 0 {
			b.poll()
		}
		b.must(b.board.SetFault("nfc", sim.Fault{}))
		if n := transfers(); n != 20 {
			t.Errorf("%d transfers just after noise", n)
		}
		time.Sleep(5 * time.Minute)
		if n := transfers(); n != 10 {
			t.Errorf("%d transfers five minutes after noise", n)
		}
	})
}

// changing runs a poll on a noisy wire while the card becomes another one, and
// another, before each look.
func changing(t *testing.T, uid func(i byte) []byte) (n int, losses uint64, err error) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, wiring{irq: true})
		b.poll()
		b.must(b.board.SetFault("nfc", sim.Fault{GarbledFrames: 0.2}))
		for b.dev.Counters.Garbled.Load() == 0 {
			b.poll()
		}
		b.must(b.board.SetFault("nfc", sim.Fault{}))
		before := b.dev.Counters.Losses.Load()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range byte(200) {
				if err := b.board.PresentCard(sim.Card{UID: uid(i)}); err != nil {
					b.Error(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		n, err = b.look(t.Context())
		losses = b.dev.Counters.Losses.Load() - before
		<-done
	})
	return n, losses, err
}

func TestATelephoneIsReadOnANoisyWire(t *testing.T) {
	n, losses, err := changing(t, func(i byte) []byte { return []byte{8, i, 1, 1} })
	if n != 4 || err != nil || losses != 0 {
		t.Errorf("%d bytes, %v, %d losses", n, err, losses)
	}
}

func TestACardThatIsAnotherOneAtEachLookOnANoisyWireIsNoneAndNoFault(t *testing.T) {
	n, losses, err := changing(t, func(i byte) []byte { return []byte{4, i, 1, 1} })
	if n != 0 || err != nil || losses != 0 {
		t.Errorf("%d bytes, %v, %d losses", n, err, losses)
	}
}
