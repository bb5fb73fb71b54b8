//go:build !firmware

package main

import (
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/device"
	"latchkey/sync/wire"
)

// identified returns the answers since it was last asked.
func (b *bench) identified() (all []device.Identified) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.answers {
		if answer, ok := e.(device.Identified); ok {
			all = append(all, answer)
		}
	}
	b.answers = nil
	return all
}

func TestACardThatTakesAnothersPlaceIsTakenForItself(t *testing.T) {
	sticker := sim.Card{UID: []byte{1, 2, 3, 4}}
	for name, test := range map[string]struct {
		order         wire.CommandID
		other, second device.Outcome
	}{
		"during a proof":          {wire.CommandID{}, device.Known, device.Known},
		"during a personalise":    {wire.CommandID{9}, device.Unsuitable, device.Personalised},
		"before the keys arrived": {wire.CommandID{9}, device.Unsuitable, device.Personalised},
	} {
		t.Run(name, func(t *testing.T) {
			card := newKeyedCard(t, sim.DESFireEV3, 1)
			data := keyedData(t, card)
			synctest.Test(t, func(t *testing.T) {
				personalise(t, card)
				h := heldOf(t, data)
				defer h.cache.Close()
				tag, err := pinKeys(t, keyedKeys(t, 7)).Tag(wire.Card, sticker.UID)
				if err != nil {
					t.Fatal(err)
				}
				change(t, h, tag, &wire.Credential{ID: 9, Kind: wire.Card, User: 9, Name: "Bob"})
				b := newBench(t, h)
				defer b.stop()
				b.order = test.order
				b.give(card)
				swap := func() {
					if err := b.board.PresentCard(sticker); err != nil {
						t.Error(err)
					}
				}
				exchanges := 0
				b.exchange = func(apdu []byte, card func([]byte) ([]byte, error)) ([]byte, error) {
					if exchanges++; exchanges == 4 && name != "before the keys arrived" {
						swap()
					}
					return card(apdu)
				}
				if give := b.keys; name == "before the keys arrived" {
					b.keys = func(read *wire.CardToKey) (*wire.CardKeySets, error) {
						swap()
						b.keys = give
						return give(read)
					}
				}
				if err := b.board.PresentCard(card.Card); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				if answers := b.identified(); len(answers) != 2 || answers[0].Outcome != device.CardGone || answers[0].Credential != nil ||
					answers[1].Outcome != test.other || answers[1].Proven || test.other == device.Known && answers[1].Credential.ID != 9 {
					t.Errorf("%+v", answers)
				}
				if err := b.board.PresentCard(card.Card); err != nil { // at once
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				answers := b.identified()
				if len(answers) != 1 || answers[0].Seq != 3 || answers[0].Outcome != test.second || answers[0].Proven != (test.second == device.Known) {
					t.Errorf("the first one again: %+v", answers)
				}
			})
		})
	}
}
