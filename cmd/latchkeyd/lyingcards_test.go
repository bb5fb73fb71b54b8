//go:build !firmware

package main

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
)

// lie has two cards that nobody knows lie on the reader until stopped: now one
// hides the other, now the other the one.
func (s *soaked) lie() (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	rng := rand.New(rand.NewPCG(1, 3))
	go func() {
		defer close(gone)
		for {
			uid := []byte{0x04, 0xDE, 0xAD, 0xBE, 0xEF, 0x00, byte(rng.IntN(2))}
			if err := s.board.PresentCard(sim.Card{UID: uid}); err != nil {
				s.t.Error(err)
			}
			select {
			case <-time.After(400 * time.Millisecond):
			case <-done:
				s.board.RemoveCard()
				return
			}
		}
	}()
	return func() { close(done); <-gone }
}

func TestTwoCardsThatLieOnTheReaderAreRefusedOnceAndLeaveTheKeypadAlone(t *testing.T) {
	data := adoptedData(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSoaked(t, data)
		s.start()
		stop := s.lie()
		s.pass(10 * time.Second)
		for range 10 {
			if !s.offers("pin") {
				t.Errorf("no PIN can be typed, but %v", s.offered())
				break
			}
			s.enter(adaPIN) // and fails where it does not open
		}
		stop()
		s.pass(time.Minute)
		if n := s.r.metrics.Figures(nil).Lookups["card"]["unknown"]; n < 2 || n > 4 {
			t.Errorf("two cards that lay there for ten minutes were looked up %d times", n)
		}
		s.must(s.stop())
	})
}
