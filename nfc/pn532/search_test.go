package pn532_test

import (
	"testing"
	"time"

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
