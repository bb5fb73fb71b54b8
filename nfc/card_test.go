package nfc_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/nfc"
	"latchkey/nfc/desfire"
)

var getVersion = []byte{0x90, 0x60, 0, 0, 0}

// talk presents a card with a chip and lets f use it. When f returns its time must be over, and
// nobody may hear of a fault.
func talk(t *testing.T, irq bool, f func(p *patient, c *nfc.Card)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := admit(t, irq, false)
		done := make(chan struct{})
		var card *nfc.Card
		p.onCard = func(c *nfc.Card) {
			defer close(done)
			card = c
			f(p, c)
			p.onCard = nil
		}
		p.pass(time.Second)
		p.must(p.board.PresentCard(sim.Card{UID: shown, Kind: sim.DESFireEV3}))
		<-done
		p.pass(2 * time.Second)
		if _, err := card.Transceive(t.Context(), getVersion); err != nfc.ErrGone {
			t.Errorf("afterwards: %v", err)
		}
		if err := card.Select(t.Context()); err != nfc.ErrGone {
			t.Errorf("afterwards: %v", err)
		}
		if len(p.healths) != 1 || p.healths[0] != nil || p.dev.Counters.Losses.Load() != 0 {
			t.Errorf("reported %v, %+v", p.healths, &p.dev.Counters)
		}
	})
}

func TestACardMayBeTalkedToUntilItsTimeIsOver(t *testing.T) {
	talk(t, true, func(p *patient, c *nfc.Card) {
		if !c.ISO14443_4() || len(c.ATS) != 6 || c.ATQA != [2]byte{3, 0x44} {
			p.Errorf("%+v", c)
		}
		clear(c.UID) // the receiver's
		for range 3 {
			time.Sleep(5 * time.Second)
			reply, err := c.Transceive(p.Context(), getVersion)
			p.must(err)
			if len(reply) != 9 {
				p.Errorf("% X", reply)
			}
			p.must(c.Select(p.Context()))
		}
	})
}

func TestACardThatLiesThereAfterATalkIsPresentedOnce(t *testing.T) {
	n := 0
	talk(t, false, func(p *patient, c *nfc.Card) {
		n++
		_, err := c.Transceive(p.Context(), getVersion)
		p.must(err)
		time.Sleep(20 * time.Second) // longer than hiddenFor
		t.Cleanup(func() { n += len(p.cards) })
	})
	if n != 1 {
		t.Errorf("presented %d times", n)
	}
}

func TestSelectEndsEverySessionOnTheCard(t *testing.T) {
	talk(t, true, func(p *patient, c *nfc.Card) {
		_, err := c.Transceive(p.Context(), getVersion)
		p.must(err)
		p.must(c.Select(p.Context()))
		reply, err := c.Transceive(p.Context(), []byte{0x90, 0xAF, 0, 0, 0})
		if err != nil || len(reply) != 2 || reply[1] == 0xAF {
			p.Errorf("the second frame of before: % X, %v", reply, err)
		}
	})
}

func TestACardThatWasTakenAwayIsGoneAndAnotherOneIsNotTalkedTo(t *testing.T) {
	for name, other := range map[string]*sim.Card{
		"none":    nil,
		"another": {UID: []byte{4, 1, 1, 1, 1, 1, 1}, Kind: sim.DESFireEV3},
	} {
		t.Run(name, func(t *testing.T) {
			talk(t, true, func(p *patient, c *nfc.Card) {
				p.board.RemoveCard()
				if other != nil {
					p.must(p.board.PresentCard(*other))
				}
				if reply, err := c.Transceive(p.Context(), getVersion); !errors.Is(err, nfc.ErrRadio) {
					p.Errorf("% X, %v", reply, err)
				}
				if err := c.Select(p.Context()); err != nfc.ErrGone {
					p.Errorf("selected anew: %v", err)
				}
				if reply, err := c.Transceive(p.Context(), getVersion); !errors.Is(err, nfc.ErrRadio) {
					p.Errorf("% X, %v", reply, err)
				}
				p.board.RemoveCard()
			})
		})
	}
}

func TestACardThatHasLeftIsNewWhenItIsShownAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := admit(t, true, false)
		taken := make(chan bool)
		p.onCard = func(c *nfc.Card) {
			p.onCard = func(*nfc.Card) { close(taken) }
			p.board.RemoveCard()
			if err := c.Select(p.Context()); err != nfc.ErrGone {
				p.Errorf("selected anew: %v", err)
			}
		}
		p.pass(time.Second)
		card := sim.Card{UID: shown, Kind: sim.DESFireEV3}
		p.must(p.board.PresentCard(card))
		p.pass(250 * time.Millisecond)
		p.must(p.board.PresentCard(card))
		select {
		case <-taken:
		case <-time.After(200 * time.Millisecond):
			t.Error("it is not presented again")
		}
		p.onCard = nil
		p.pass(2 * time.Second)
	})
}

func TestTheEndOfACardsTimeEndsItsExchange(t *testing.T) {
	failed := make(chan error, 1)
	talk(t, true, func(p *patient, c *nfc.Card) {
		p.must(p.board.SetFault("nfc", sim.Fault{CardWaits: true}))
		go func() {
			_, err := c.Transceive(context.Background(), getVersion)
			failed <- err
		}()
		time.Sleep(100 * time.Millisecond)
	})
	if err := <-failed; err != nfc.ErrGone {
		t.Error(err)
	}
}

func TestACardIsNewWhenItIsBackAtOnceAfterAnotherOneTookItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := admit(t, true, false)
		card, other := sim.Card{UID: shown, Kind: sim.DESFireEV3}, sim.Card{UID: []byte{1, 2, 3, 4}}
		p.onCard = func(c *nfc.Card) {
			p.onCard = nil
			p.must(p.board.PresentCard(other))
			if err := c.Select(p.Context()); err != nfc.ErrGone {
				p.Errorf("selected anew: %v", err)
			}
		}
		p.pass(time.Second)
		p.must(p.board.PresentCard(card))
		p.pass(500 * time.Millisecond)
		p.must(p.board.PresentCard(card))
		p.pass(500 * time.Millisecond)
		p.must(p.board.PresentCard(other))
		p.pass(500 * time.Millisecond)
		if len(p.cards) != 2 || !bytes.Equal(p.cards[0], other.UID) || !bytes.Equal(p.cards[1], shown) {
			t.Errorf("presented: % X", p.cards)
		}
	})
}

// TestCardsAreGivenKeysAndProveThemselvesOverTheRadio goes the whole way, through noise too.
func TestCardsAreGivenKeysAndProveThemselvesOverTheRadio(t *testing.T) {
	for _, fault := range []sim.Fault{{}, {GarbledFrames: 0.1}} {
		talk(t, true, func(p *patient, c *nfc.Card) {
			p.must(p.board.SetFault("nfc", fault))
			keys := desfire.KeySet{Generation: 1, Keys: make([]desfire.Key, 3)}
			for i := range keys.Keys {
				_, _ = rand.Read(keys.Keys[i][:])
			}
			ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
			defer cancel()
			p.must(desfire.Personalise(ctx, c, desfire.EV2, c.UID, keys, []desfire.KeySet{{}}, rand.Reader, func(int, int) {}))
			begin := time.Now()
			p.must(desfire.Prove(ctx, c, desfire.EV2, &keys.Keys[2], c.UID, rand.Reader))
			p.Logf("proven in %v", time.Since(begin))
			if err := desfire.Prove(ctx, c, desfire.EV2, &keys.Keys[1], c.UID, rand.Reader); !errors.Is(err, desfire.ErrNotGenuine) {
				p.Errorf("with another key: %v", err)
			}
		})
	}
}
