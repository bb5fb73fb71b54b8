package nfc_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
)

// TestCardsAreFoundQuickly holds cards to the reader at any time, after none was there.
func TestCardsAreFoundQuickly(t *testing.T) {
	for _, test := range []struct {
		name            string
		irq             bool
		card            sim.Card
		median, slowest time.Duration
	}{
		{"a card, with the interrupt line", true, sim.Card{UID: shown, Kind: sim.DESFireEV3}, 45 * time.Millisecond, 100 * time.Millisecond},
		{"a telephone, with the interrupt line", true, sim.Card{UID: []byte{8, 1, 2, 3}, Kind: sim.Copy}, 45 * time.Millisecond, 100 * time.Millisecond},
		{"a card", false, sim.Card{UID: shown, Kind: sim.DESFireEV3}, 90 * time.Millisecond, 200 * time.Millisecond},
		{"a telephone", false, sim.Card{UID: []byte{8, 1, 2, 3}, Kind: sim.Copy}, 90 * time.Millisecond, 200 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := admit(t, test.irq, false)
				rng := rand.New(rand.NewPCG(1, 2))
				var took []time.Duration
				for range 200 {
					p.pass(3*time.Second + time.Duration(rng.Int64N(int64(3*time.Second))))
					p.cards = nil
					p.must(p.board.PresentCard(test.card))
					begin := time.Now()
					for len(p.cards) == 0 && time.Since(begin) < time.Second {
						p.pass(time.Millisecond)
					}
					took = append(took, time.Since(begin))
					p.board.RemoveCard()
				}
				slices.Sort(took)
				median, slowest := took[len(took)/2], took[len(took)-1]
				t.Logf("median %v, slowest %v", median, slowest)
				if median > test.median || slowest > test.slowest {
					t.Errorf("found after %v in the median, and after %v at most", median, slowest)
				}
			})
		})
	}
}
