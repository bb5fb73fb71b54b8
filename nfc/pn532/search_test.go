package pn532_test

import (
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/nfc/pn532"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// watched is a port that counts how often a driver uses it, and wakes up for that.
type watched struct {
	spi.Port
	*use
}

type use struct {
	wakeups, transfers int
	last               time.Time // end of a transfer
}

type watchedConn struct {
	spi.Conn
	*use
}

func (w watched) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	c, err := w.Port.Connect(f, mode, bits)
	return watchedConn{c, w.use}, err
}

func (c watchedConn) Tx(w, r []byte) error {
	if time.Since(c.last) > 500*time.Microsecond {
		c.wakeups++
	}
	c.transfers++
	err := c.Conn.Tx(w, r)
	c.last = time.Now()
	return err
}

func TestAnIdleSearchKeepsToItsBudget(t *testing.T) {
	each(t, func(t *testing.T, w wiring) {
		b := setup(t, w)
		idle := func(d time.Duration) {
			for begin := time.Now(); time.Since(begin) < d; {
				if found, err := b.dev.Poll(t.Context(), 2*time.Second, &b.target); found || err != nil {
					t.Fatalf("%v, %v", found, err)
				}
			}
		}
		idle(10 * time.Second)
		*b.use = use{}
		idle(time.Minute)
		wakeups, transfers := float64(b.use.wakeups)/60, float64(b.use.transfers)/60
		limit := 15.0
		if w.irq {
			limit = 8
		}
		if slow := w.nfc.AckDelay > 10*time.Millisecond; !slow && (wakeups > limit || transfers > 25) {
			t.Errorf("%.1f wake-ups and %.1f transfers a second", wakeups, transfers)
		}
		t.Logf("%.1f wake-ups and %.1f transfers a second", wakeups, transfers)
		b.sound()
	})
}

// found presents a card after a while and returns how long it takes until it is found.
func (b *bench) found() time.Duration {
	b.Helper()
	for begin := time.Now(); time.Since(begin) < 10*time.Second; {
		if found, err := b.dev.Poll(b.Context(), 2*time.Second, &b.target); found || err != nil {
			b.Fatal(found, err)
		}
	}
	defer b.board.RemoveCard()
	b.must(b.board.PresentCard(sim.Card{UID: []byte{1, 2, 3, 4}}))
	begin := time.Now()
	if found, err := b.dev.Poll(b.Context(), 2*time.Second, &b.target); !found || err != nil {
		b.Error(found, err)
	}
	took := time.Since(begin)
	b.dev.Release()
	return took
}

func TestInterruptsThatGetLostHideNoCardForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, wiring{})
		port, err := b.board.SPI("nfc")
		b.must(err)
		b.dev, err = pn532.NewSPI(port, nil)
		b.must(err)
		lost := false
		line, err := b.board.Input("nfc-irq", func(active bool) {
			if !lost {
				b.dev.Interrupt(active)
			}
		})
		b.must(err)
		b.dev.UseInterrupt(line)
		if took := b.found(); took > 50*time.Millisecond {
			t.Errorf("with interrupts a card takes %v", took)
		}
		lost = true
		if took := b.found(); took > time.Second {
			t.Errorf("the first card takes %v", took)
		}
		if took := b.found(); took > 200*time.Millisecond {
			t.Errorf("the second card takes %v", took)
		}
		lost = false
		b.found()
		if took := b.found(); took > 50*time.Millisecond {
			t.Errorf("with interrupts again a card takes %v", took)
		}
		if c := &b.dev.Counters; c.Losses.Load() != 0 || c.Starts.Load() != 1 {
			t.Errorf("%+v", c)
		}
		b.sound()
	})
}

func TestAChipThatIsResetOrHangsWhileItSearchesIsNoticedWithinASecond(t *testing.T) {
	each(t, func(t *testing.T, w wiring) {
		b := setup(t, w)
		b.poll()
		for _, fault := range []func(){
			func() { b.must(b.board.ResetChip("nfc")) },
			func() { b.must(b.board.SetFault("nfc", sim.Fault{Stuck: true})) },
		} {
			before := b.dev.Counters.Losses.Load()
			fault()
			begin := time.Now()
			for b.dev.Counters.Losses.Load() == before && time.Since(begin) < 5*time.Second {
				_, _ = b.dev.Poll(t.Context(), 50*time.Millisecond, &b.target)
			}
			if took := time.Since(begin); took > 1100*time.Millisecond {
				t.Errorf("noticed after %v", took)
			}
		}
	})
}

func TestALineThatCallsInVainAllTheTimeIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, wiring{irq: true})
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(200 * time.Microsecond):
					b.dev.Interrupt(true)
				}
			}
		}()
		for begin := time.Now(); time.Since(begin) < 10*time.Second; {
			if _, err := b.dev.Poll(t.Context(), 2*time.Second, &b.target); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.dev.Counters.Transfers.Load(); n > 400 {
			t.Errorf("%d transfers in 10 s", n)
		}
		b.must(b.board.PresentCard(sim.Card{UID: []byte{4, 1, 2, 3, 4, 5, 6}}))
		if found, err := b.dev.Poll(t.Context(), time.Second, &b.target); !found || err != nil {
			t.Errorf("a card: %v, %v", found, err)
		}
		close(stop)
		synctest.Wait()
	})
}
