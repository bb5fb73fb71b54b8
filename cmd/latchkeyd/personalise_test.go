//go:build !firmware

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/device"
	"latchkey/nfc"
	"latchkey/nfc/desfire"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// give has the controller answer with the keys of a card.
func (b *bench) give(c *keyedCard) {
	b.keys = func(*wire.CardToKey) (*wire.CardKeySets, error) {
		sets := c.sets
		sets.To.Keys = slices.Clone(sets.To.Keys) // who gets them wipes them
		sets.From = slices.Clone(sets.From)
		for i := range sets.From {
			sets.From[i].Keys = slices.Clone(sets.From[i].Keys)
		}
		return &sets, nil
	}
}

// personalise gives cards their keys.
func personalise(t *testing.T, cards ...*keyedCard) {
	t.Helper()
	b := newBench(t, nil)
	defer b.stop()
	for _, c := range cards {
		b.give(c)
		if answer, _ := b.show(c.Card); answer.Outcome != device.Personalised {
			t.Fatalf("a %v gets its keys: outcome %d", c.Kind, answer.Outcome)
		}
	}
}

func TestACardGetsItsKeysAndGivesThemBack(t *testing.T) {
	for _, kind := range []sim.Kind{sim.DESFireEV1, sim.DESFireEV2, sim.DESFireEV3, sim.NTAG424} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			defer b.stop()
			c := newKeyedCard(t, kind, 1)
			for _, sets := range []struct {
				to   wire.KeySet
				from []wire.KeySet
			}{
				{c.generation(1), []wire.KeySet{{}}},
				{c.generation(2), []wire.KeySet{c.generation(1)}},
				{c.generation(2), []wire.KeySet{c.generation(1), {}}}, // already
				{wire.KeySet{}, []wire.KeySet{c.generation(2)}},
				{c.generation(3), []wire.KeySet{{}}},
			} {
				c.sets.To, c.sets.From = sets.to, sets.from
				b.give(c)
				answer, steps := b.show(c.Card)
				if answer.Outcome != device.Personalised || len(steps) < 2 || steps[len(steps)-1].Done != steps[0].Of {
					t.Errorf("%v, to generation %d: outcome %d, told %v", kind, sets.to.Generation, answer.Outcome, steps)
				}
			}
			c.sets.To, c.sets.From = c.generation(2), []wire.KeySet{c.generation(1)}
			b.give(c)
			if answer, _ := b.show(c.Card); answer.Outcome != device.ForeignKeys {
				t.Errorf("%v with other keys: outcome %d", kind, answer.Outcome)
			}
		})
	}
}

func TestACardTornAwayAgainAndAgainGetsItsKeys(t *testing.T) {
	for _, kind := range []sim.Kind{sim.DESFireEV3, sim.NTAG424} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			defer b.stop()
			c := newKeyedCard(t, kind, 1)
			b.give(c)
			gone := 0
			for bytes := 100; ; bytes += 170 {
				go func() { // the card is on the reader by then
					time.Sleep(50 * time.Millisecond)
					b.board.Tear(bytes)
				}()
				answer, _ := b.show(c.Card)
				if answer.Outcome == device.Personalised {
					break
				}
				if answer.Outcome != device.CardGone {
					t.Fatalf("%v, torn away after %d bytes: outcome %d", kind, bytes, answer.Outcome)
				}
				gone++
			}
			if gone < 3 {
				t.Errorf("%v: torn away %d times", kind, gone)
			}
		})
	}
}

// goneCard is a card that has left.
type goneCard struct{}

func (goneCard) Select(context.Context) error                       { return nfc.ErrGone }
func (goneCard) Transceive(context.Context, []byte) ([]byte, error) { return nil, nfc.ErrGone }

// The chips have one number, and as many keys, in the messages and at the card.
func TestBothPackagesMeanTheSameChips(t *testing.T) {
	for theirs, ours := range map[wire.CardChip]desfire.Chip{
		wire.DESFireEV2: desfire.EV2, wire.NTAG424: desfire.NTAG424, wire.DESFireEV1: desfire.EV1,
	} {
		if byte(theirs) != byte(ours) {
			t.Errorf("%d is %d at the card", theirs, ours)
		}
	}
	for n := range 256 {
		chip := wire.CardChip(n)
		to := desfire.KeySet{Generation: 1, Keys: make([]desfire.Key, chip.Keys())}
		want := nfc.ErrGone // it begins
		if chip.Keys() == 0 {
			want = desfire.ErrUnsuitable
		}
		err := desfire.Personalise(t.Context(), goneCard{}, desfire.Chip(chip), make([]byte, 7), to, []desfire.KeySet{{}}, rand.Reader, func(int, int) {})
		if !errors.Is(err, want) {
			t.Errorf("chip %d with %d keys: %v", n, chip.Keys(), err)
		}
	}
}

// TestATelephoneGetsNoKeys shows one that says it is a DESFire EV3: its UID is another one
// each time.
func TestATelephoneGetsNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		defer b.stop()
		version := [][]byte{
			{0x04, 0x01, 0x01, 0x33, 0x00, 0x18, 0x05, 0x91, 0xAF},
			{0x04, 0x01, 0x01, 0x03, 0x00, 0x18, 0x05, 0x91, 0xAF},
			append(make([]byte, 14), 0x91, 0x00),
		}
		b.exchange = func([]byte, func([]byte) ([]byte, error)) ([]byte, error) {
			frame := version[0]
			version = append(version[1:], frame)
			return frame, nil
		}
		b.keys = func(*wire.CardToKey) (*wire.CardKeySets, error) { return nil, errors.New("silent") }
		for uid, want := range map[string]device.Outcome{"\x08\x01\x02\x03": device.Unsuitable, "\x04\x01\x02\x03": device.Unanswered} {
			if answer, _ := b.show(sim.Card{UID: []byte(uid), Kind: sim.Copy}); answer.Outcome != want {
				t.Errorf("UID %x: outcome %d", uid, answer.Outcome)
			}
		}
		if b.asked != 1 {
			t.Errorf("the controller was asked %d times", b.asked)
		}
	})
}

func TestACardThatGetsNoKeys(t *testing.T) {
	for name, test := range map[string]struct {
		card  sim.Card // beside the one that gets keys
		keys  func(*keyedCard) (*wire.CardKeySets, error)
		want  device.Outcome
		asked int
	}{
		"by its UID alone":  {card: sim.Card{UID: []byte{1, 2, 3, 4}}, want: device.Unsuitable},
		"a telephone":       {card: sim.Card{UID: []byte{8, 2, 3, 4}, Kind: sim.Copy}, want: device.Unsuitable},
		"a copy":            {card: sim.Card{UID: []byte{4, 2, 3, 4, 5, 6, 7}, Kind: sim.Copy}, want: device.Unsuitable},
		"a D40":             {card: sim.Card{UID: []byte{4, 2, 3, 4, 5, 6, 7}, Kind: sim.D40}, want: device.Unsuitable, asked: 1},
		"declined":          {keys: func(*keyedCard) (*wire.CardKeySets, error) { return nil, readersync.ErrDeclined }, want: device.Declined, asked: 1},
		"without an answer": {keys: func(*keyedCard) (*wire.CardKeySets, error) { return nil, errors.New("silent") }, want: device.Unanswered, asked: 1},
		"keys for another card": {keys: func(c *keyedCard) (*wire.CardKeySets, error) {
			s := c.sets
			s.UID = []byte{4, 9, 9, 9, 9, 9, 9}
			return &s, nil
		}, want: device.KeyFailed, asked: 1},
		"keys for another chip": {keys: func(c *keyedCard) (*wire.CardKeySets, error) { s := c.sets; s.Chip = wire.DESFireEV1; return &s, nil }, want: device.KeyFailed, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				defer b.stop()
				c := newKeyedCard(t, sim.DESFireEV3, 1)
				b.give(c)
				if test.keys != nil {
					b.keys = func(*wire.CardToKey) (*wire.CardKeySets, error) { return test.keys(c) }
					test.card = c.Card
				}
				if answer, steps := b.show(test.card); answer.Outcome != test.want || len(steps) != 0 || b.asked != test.asked {
					t.Errorf("outcome %d, told %v, the controller was asked %d times", answer.Outcome, steps, b.asked)
				}
				c.sets.To, c.sets.From = c.generation(1), []wire.KeySet{{}}
				b.give(c)
				if answer, _ := b.show(c.Card); answer.Outcome != device.Personalised {
					t.Errorf("the next card: outcome %d", answer.Outcome)
				}
			})
		})
	}
}
