package nfc_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/nfc"
	"latchkey/nfc/pn532"
)

// patient is a reader on a board whose chip falls ill, in a synctest bubble.
type patient struct {
	*testing.T
	board   *sim.Board
	dev     *pn532.Dev
	cards   [][]byte // presented, as reported
	healths []error  // as reported
	onCard  func(*nfc.Card)
}

// admit runs a reader until the test's end: with or without the chip's
// interrupt and reset lines.
func admit(t *testing.T, irq, reset bool) *patient {
	t.Helper()
	p := &patient{T: t, board: sim.New(&sim.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Seed: 3})}
	port, err := p.board.SPI("nfc")
	p.must(err)
	var out pn532.Output
	if reset {
		out, err = p.board.Output("nfc-reset")
		p.must(err)
	}
	p.dev, err = pn532.NewSPI(port, out)
	p.must(err)
	if irq {
		line, err := p.board.Input("nfc-irq", p.dev.Interrupt)
		p.must(err)
		p.dev.UseInterrupt(line)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = nfc.New(p.dev).Run(ctx, func(e nfc.Event) {
			switch e := e.(type) {
			case nfc.Presented:
				if p.onCard != nil {
					p.onCard(e.Card)
					break
				}
				p.cards = append(p.cards, e.Card.UID)
			case nfc.Health:
				p.healths = append(p.healths, e.Err)
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		p.must(p.board.Close())
	})
	return p
}

func (p *patient) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// pass lets time go by, and everything come to rest.
func (p *patient) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var shown = []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80}

// show holds the card there for a second and returns how often it was reported,
// and how often another one.
func (p *patient) show() (right, wrong int) {
	p.Helper()
	p.cards = nil
	p.must(p.board.PresentCard(sim.Card{UID: shown}))
	p.pass(time.Second)
	p.board.RemoveCard()
	for _, c := range p.cards {
		if bytes.Equal(c, shown) {
			right++
		} else {
			wrong++
		}
	}
	p.cards = nil
	p.pass(2 * time.Second)
	return right, wrong
}

// wirings runs a test with and without the chip's other lines.
func wirings(t *testing.T, f func(p *patient)) {
	for i := range 4 {
		irq, reset := i&1 != 0, i&2 != 0
		t.Run(fmt.Sprintf("irq=%v,reset=%v", irq, reset), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(admit(t, irq, reset)) })
		})
	}
}

// recovers expects a card within 5 s of a fault's end, and a working chip.
func (p *patient) recovers() {
	p.Helper()
	p.cards = nil
	p.must(p.board.PresentCard(sim.Card{UID: shown}))
	p.pass(5 * time.Second)
	if len(p.cards) != 1 || !bytes.Equal(p.cards[0], shown) {
		p.Errorf("5 s after the fault's end cards % X were reported", p.cards)
	}
	if last := p.healths[len(p.healths)-1]; last != nil {
		p.Errorf("5 s after the fault's end: %v", last)
	}
	losses, starts := p.dev.Counters.Losses.Load(), p.dev.Counters.Starts.Load()
	p.pass(time.Minute)
	if c := &p.dev.Counters; c.Losses.Load() != losses || c.Starts.Load() != starts {
		p.Errorf("it goes on failing: %d losses and %d starts, then %+v", losses, starts, c)
	}
	for _, v := range p.board.Violations() {
		p.Errorf("violation: %s", v)
	}
}

func TestAChipThatIsDeadForLongIsSaidOnceAndLookedForAtLeisureAndReadsCardsFiveSecondsLater(t *testing.T) {
	for _, fault := range []string{"nfc-absent", "nfc-stuck"} {
		for _, long := range []time.Duration{time.Hour, 60700 * time.Millisecond, 61900 * time.Millisecond, 62800 * time.Millisecond} {
			wirings(t, func(p *patient) {
				p.pass(10 * time.Second)
				p.must(p.board.Inject(fault, sim.Injection{Active: true, For: long}))
				before := p.dev.Counters.Transfers.Load()
				p.pass(long)
				if n := float64(p.dev.Counters.Transfers.Load()-before) / long.Seconds(); n > 15 {
					p.Errorf("%s: %.1f transfers a second to a chip that is not there", fault, n)
				}
				if len(p.healths) != 2 || p.healths[0] != nil || p.healths[1] == nil {
					p.Errorf("%s: reported %v, want nothing wrong, then once what is", fault, p.healths)
				}
				p.recovers()
			})
		}
	}
}

func TestAChipThatIsNotThereAtTheStartIsReadFiveSecondsAfterItCame(t *testing.T) {
	wirings(t, func(p *patient) {
		p.must(p.board.Inject("nfc-absent", sim.Injection{Active: true, For: 10 * time.Minute}))
		p.pass(10 * time.Minute)
		if len(p.healths) != 1 || p.healths[0] == nil {
			p.Errorf("reported %v, want once what is wrong", p.healths)
		}
		p.recovers()
	})
}

func TestCardsAreReadThroughNoiseAndBadFramesAndNobodyHears(t *testing.T) {
	for fault, amount := range map[string]float64{
		"nfc-noise":           0.001,
		"nfc-short-frames":    0.05,
		"nfc-garbled-frames":  0.05,
		"nfc-lost-acks":       0.05,
		"nfc-extended-frames": 0,
	} {
		t.Run(fault, func(t *testing.T) {
			wirings(t, func(p *patient) {
				p.must(p.board.Inject(fault, sim.Injection{Active: true, Amount: amount}))
				for range 100 {
					if right, wrong := p.show(); right != 1 || wrong != 0 {
						p.Fatalf("a card was reported %d times, another %d times: %+v", right, wrong, &p.dev.Counters)
					}
				}
				if c := &p.dev.Counters; c.Retries.Load() == 0 && fault != "nfc-extended-frames" {
					p.Errorf("there was no fault: %+v", c)
				}
				if len(p.healths) != 1 || p.healths[0] != nil {
					p.Errorf("reported %v", p.healths)
				}
				p.must(p.board.Inject(fault, sim.Injection{}))
				p.recovers()
			})
		})
	}
}

func TestAWireFullOfNoiseMakesNoOtherCardOfOne(t *testing.T) {
	wirings(t, func(p *patient) {
		p.must(p.board.Inject("nfc-garbled-frames", sim.Injection{Active: true, Amount: 0.3}))
		reported := 0
		for range 300 {
			right, wrong := p.show()
			if wrong != 0 || right > 1 {
				p.Fatalf("a card was reported %d times, another %d times: %+v", right, wrong, &p.dev.Counters)
			}
			reported += right
		}
		if reported < 200 {
			p.Errorf("%d of 300 cards were read", reported)
		}
		p.must(p.board.Inject("nfc-garbled-frames", sim.Injection{}))
		p.recovers()
	})
}

func TestAChipThatKeepsResettingReadsCardsAndIsHardlySpokenOf(t *testing.T) {
	wirings(t, func(p *patient) {
		p.must(p.board.Inject("nfc-reset", sim.Injection{Active: true, Amount: 20}))
		missed := 0
		for range 200 {
			if right, wrong := p.show(); right != 1 || wrong != 0 {
				missed++
			}
		}
		if missed > 4 {
			p.Errorf("%d of 200 cards were not read once", missed)
		}
		if c := &p.dev.Counters; c.Losses.Load() < 100 || len(p.healths) > 3 {
			p.Errorf("%d losses, reported %v", c.Losses.Load(), p.healths)
		}
		p.must(p.board.Inject("nfc-reset", sim.Injection{}))
		p.recovers()
	})
}
