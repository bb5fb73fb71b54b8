package desfire_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/nfc"
	"latchkey/nfc/desfire"
	"latchkey/nfc/pn532"
)

var everyByte = flag.Bool("every-byte", false, "tear cards away after each byte on the air, not after every 23rd")

var simUID = []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80}

// emulated are the emulated cards that can have keys.
var emulated = []struct {
	kind sim.Kind
	chip desfire.Chip
	keys int
}{
	{sim.DESFireEV1, desfire.EV1, 3}, {sim.DESFireEV2, desfire.EV2, 3}, {sim.DESFireEV3, desfire.EV2, 3}, {sim.NTAG424, desfire.NTAG424, 5},
}

// reader is the driver on a simulated board, in a bubble of synctest.
type reader struct {
	*testing.T
	board *sim.Board
	cards chan *nfc.Card
	done  chan struct{} // the test has done with a card
	stop  func()
}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{T: t, cards: make(chan *nfc.Card), done: make(chan struct{})}
	r.board = sim.New(&sim.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	port, err := r.board.SPI("nfc")
	r.must(err)
	dev, err := pn532.NewSPI(port, nil)
	r.must(err)
	line, err := r.board.Input("nfc-irq", dev.Interrupt)
	r.must(err)
	dev.UseInterrupt(line)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		nfc.New(dev).Run(ctx, func(e nfc.Event) {
			if p, ok := e.(nfc.Presented); ok {
				r.cards <- p.Card
				<-r.done
			}
		})
	}()
	r.stop = func() {
		cancel()
		<-ended
		r.must(r.board.Close())
	}
	return r
}

func (r *reader) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// with presents a card, hands it to act, and takes it away.
func (r *reader) with(m *sim.Memory, act func(c *nfc.Card) error) error {
	r.Helper()
	r.must(r.board.PresentCard(sim.Card{UID: m.UID(), Kind: m.Kind(), Memory: m}))
	err := act(<-r.cards)
	r.done <- struct{}{}
	r.board.RemoveCard()
	time.Sleep(3 * time.Second)
	return err
}

// keySet is one of its generation; 0 is the factory's.
func keySet(generation byte, n int) desfire.KeySet {
	set := desfire.KeySet{Generation: generation}
	for i := range n {
		if generation != 0 {
			set.Keys = append(set.Keys, desfire.Key(bytes.Repeat([]byte{generation<<4 | byte(i+1)}, 16)))
		}
	}
	return set
}

func personalise(chip desfire.Chip, to desfire.KeySet, from ...desfire.KeySet) func(*nfc.Card) error {
	return func(c *nfc.Card) error {
		return desfire.Personalise(context.Background(), c, chip, c.UID, to, from, rand.Reader, func(int, int) {})
	}
}

func prove(chip desfire.Chip, set desfire.KeySet) func(*nfc.Card) error {
	n := 1 // of an NTAG 424 DNA: key 1
	if len(set.Keys) == 3 {
		n = 2 // of a DESFire: the application's key 1
	}
	return func(c *nfc.Card) error {
		return desfire.Prove(context.Background(), c, chip, &set.Keys[n], c.UID, rand.Reader)
	}
}

func factoryFresh(t *testing.T, kind sim.Kind) *sim.Memory {
	t.Helper()
	m, err := sim.NewMemory(kind, simUID)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAnEmulatedCardGetsKeysAndProvesThemAndIsGivenBack(t *testing.T) {
	for _, e := range emulated {
		t.Run(e.kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReader(t)
				defer r.stop()
				m := factoryFresh(t, e.kind)
				first, second, factory := keySet(1, e.keys), keySet(2, e.keys), keySet(0, 0)
				r.must(r.with(m, func(c *nfc.Card) error {
					v, err := desfire.GetVersion(t.Context(), c)
					if chip, ok := v.Chip(); err != nil || !ok || chip != e.chip {
						t.Errorf("version % X is chip %d, %v, %v", v, chip, ok, err)
					}
					return personalise(e.chip, first, factory)(c)
				}))
				r.must(r.with(m, prove(e.chip, first)))
				if err := r.with(m, prove(e.chip, second)); !errors.Is(err, desfire.ErrNotGenuine) {
					t.Errorf("another key: %v", err)
				}
				r.must(r.with(m, personalise(e.chip, second, first)))
				r.must(r.with(m, prove(e.chip, second)))
				if err := r.with(m, prove(e.chip, first)); !errors.Is(err, desfire.ErrNotGenuine) {
					t.Errorf("the key of before: %v", err)
				}
				if err := r.with(m, personalise(e.chip, keySet(4, e.keys), first, factory)); !errors.Is(err, desfire.ErrForeignKeys) {
					t.Errorf("keys that it does not have: %v", err)
				}
				r.must(r.with(m, prove(e.chip, second)))
				r.must(r.with(m, personalise(e.chip, factory, second)))
				r.must(r.with(m, personalise(e.chip, keySet(3, e.keys), factory)))
				r.must(r.with(m, prove(e.chip, keySet(3, e.keys))))
				if v := r.board.Violations(); len(v) > 0 {
					t.Errorf("violations: %q", v)
				}
			})
		})
	}
}

func TestACopyOfAUIDIsNotGenuineWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t)
		defer r.stop()
		r.must(r.board.PresentCard(sim.Card{UID: simUID, Kind: sim.Copy}))
		c := <-r.cards
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		key := keySet(1, 3).Keys[2]
		begin := time.Now()
		if err := desfire.Prove(ctx, c, desfire.EV2, &key, c.UID, rand.Reader); !errors.Is(err, desfire.ErrNotGenuine) {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		r.done <- struct{}{}
	})
}

// A card is torn away after each number of bytes on the air, on the way to keys, to other
// keys and back to the factory's state, and goes on when it is there again.
func TestATornPersonalisationGoesOn(t *testing.T) {
	for _, e := range emulated {
		first, second, factory := keySet(1, e.keys), keySet(2, e.keys), keySet(0, 0)
		for _, way := range []struct {
			name     string
			to, from desfire.KeySet
		}{{"new", first, factory}, {"other keys", second, first}, {"given back", factory, first}} {
			t.Run(fmt.Sprint(e.kind, " ", way.name), func(t *testing.T) {
				step := 23
				if *everyByte {
					step = 1
				}
				torn := 0
				for after := 0; ; after += step {
					if !tear(t, e.kind, e.chip, way.to, way.from, after) {
						break
					}
					torn++
				}
				t.Logf("torn %d times", torn)
				if torn < 20 {
					t.Errorf("torn only %d times", torn)
				}
			})
		}
	}
}

// tear says whether the card was torn away before it was done.
func tear(t *testing.T, kind sim.Kind, chip desfire.Chip, to, from desfire.KeySet, after int) (torn bool) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t)
		defer r.stop()
		m := factoryFresh(t, kind)
		if from.Generation != 0 {
			r.must(r.with(m, personalise(chip, from, keySet(0, 0))))
		}
		r.must(r.board.PresentCard(sim.Card{UID: m.UID(), Kind: m.Kind(), Memory: m}))
		c := <-r.cards
		r.board.Tear(after)
		err := personalise(chip, to, from)(c)
		torn = err != nil
		r.done <- struct{}{}
		r.board.RemoveCard()
		time.Sleep(3 * time.Second)
		if torn && (errors.Is(err, desfire.ErrForeignKeys) || errors.Is(err, desfire.ErrUnsuitable)) {
			t.Errorf("torn after %d bytes: %v", after, err)
		}
		if err := r.with(m, personalise(chip, to, from)); err != nil {
			t.Fatalf("torn after %d bytes (%v), then: %v", after, err, err)
		}
		if to.Generation != 0 {
			r.must(r.with(m, prove(chip, to)))
		} else {
			r.must(r.with(m, personalise(chip, keySet(5, len(from.Keys)), to)))
		}
	})
	return torn
}
