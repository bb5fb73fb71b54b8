package sync

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/sync/wire"
)

var cardToKey = &wire.CardToKey{UID: []byte{4, 1, 2, 3, 4, 5, 6}, Version: make([]byte, 28)}

// cardSets are the keys of that card.
func cardSets(id wire.CommandID) *wire.CardKeySets {
	return &wire.CardKeySets{
		Command: id, UID: cardToKey.UID, Chip: wire.DESFireEV2,
		To: wire.KeySet{Generation: 1, Keys: bytes.Repeat([]byte{7}, 48)}, From: []wire.KeySet{{}},
	}
}

func cardKeys(id wire.CommandID) *wire.CardKeys {
	return must(wire.SealCardKeys(readerID, cardSets(id), sealingKey.PublicKey()))
}

// sentCard is a card that was sealed for a command.
func sentCard(id wire.CommandID, keys bool) Card {
	return Card{wire.CardRead{Command: id, Sealed: make([]byte, 52)}, keys}
}

// sendKeys has the controller answer a card.
func (w *world) sendKeys(k *wire.CardKeys) {
	w.step(Message{Topic: wire.OnCard.Topic(siteName, readerID), Payload: sign(wire.KindCard, k)})
}

func TestKeysCountOnceForTheCardThatWaitsForThem(t *testing.T) {
	id := wire.CommandID{1}
	stranger := must(ecdh.X25519().NewPrivateKey(seed(3))).PublicKey()
	otherInside := cardKeys(wire.CommandID{2})
	otherInside.Command = id
	broken := cardKeys(id)
	broken.Sealed[40] ^= 1
	const again = "again" // not refused, and it counts for nothing
	for name, test := range map[string]struct {
		keys    *wire.CardKeys
		before  func(w *world) // after the card was sent
		refused string         // "": they count; or again
	}{
		"as they should be":   {cardKeys(id), func(*world) {}, ""},
		"just in time":        {cardKeys(id), func(w *world) { w.now += keysWithin }, ""},
		"late":                {cardKeys(id), func(w *world) { w.now += keysWithin + 1 }, "too late"},
		"declined":            {&wire.CardKeys{Reader: readerID, Command: id}, func(*world) {}, ""},
		"of another command":  {cardKeys(wire.CommandID{2}), func(*world) {}, "no card waits"},
		"a second time":       {cardKeys(id), func(w *world) { w.sendKeys(cardKeys(id)) }, again},
		"after it declined":   {cardKeys(id), func(w *world) { w.sendKeys(&wire.CardKeys{Reader: readerID, Command: id}) }, again},
		"for an enrolment":    {cardKeys(id), func(w *world) { w.step(sentCard(id, false)) }, "no card waits"},
		"for a newer card":    {cardKeys(id), func(w *world) { w.step(sentCard(wire.CommandID{2}, true)) }, "no card waits"},
		"to another reader":   {must(wire.SealCardKeys(readerID, cardSets(id), stranger)), func(*world) {}, "card keys"},
		"with another inside": {otherInside, func(*world) {}, "another command"},
		"with a broken seal":  {broken, func(*world) {}, "card keys"},
		"the card came again": {cardKeys(id), func(w *world) {
			w.sendKeys(cardKeys(id))
			w.step(sentCard(id, true))
		}, ""},
	} {
		w := started(t)
		w.step(sentCard(id, true))
		test.before(w)
		w.step(Tick{})
		w.answers = nil
		before, heard := w.before(), len(w.news)
		w.sendKeys(test.keys)
		reasons := w.refusedSince(heard)
		if test.refused == again {
			if len(w.answers) != 0 || len(reasons) != 0 {
				t.Errorf("%s: %d answers, refused as %q", name, len(w.answers), reasons)
			}
			continue
		}
		if test.refused != "" {
			if len(w.answers) != 0 || w.before() != before || len(reasons) != 1 || !strings.HasPrefix(reasons[0], "card: ") || !strings.Contains(reasons[0], test.refused) {
				t.Errorf("%s: %d answers, refused as %q", name, len(w.answers), reasons)
			}
			continue
		}
		if len(reasons) != 0 || len(w.answers) != 1 || w.answers[0].Command != id {
			t.Errorf("%s: %+v, refused as %q", name, w.answers, reasons)
		} else if sets := w.answers[0].Sets; (sets == nil) != (len(test.keys.Sealed) == 0) || sets != nil && !bytes.Equal(wire.Marshal(sets), wire.Marshal(cardSets(id))) {
			t.Errorf("%s: %+v", name, sets)
		}
	}
	w := started(t)
	w.sendKeys(cardKeys(id))
	if len(w.answers) != 0 {
		t.Error("keys count that no card waits for")
	}
}

func TestACardGetsItsKeysThroughABroker(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t)
		w.run()
		defer w.stop()
		w.wait(time.Second)
		w.mu.Lock()
		command := w.controller.order(1, wire.Personalise)
		w.controller.keysFor = func(*wire.CardToKey) *wire.CardKeys { return cardKeys(command.ID) }
		w.mu.Unlock()
		synctest.Wait()
		for range 2 {
			sets, err := w.client.CardKeys(t.Context(), command.ID, cardToKey)
			if err != nil || !bytes.Equal(wire.Marshal(sets), wire.Marshal(cardSets(command.ID))) {
				t.Fatalf("%+v, %v", sets, err)
			}
			w.wait(time.Second)
		}
		w.mu.Lock()
		w.controller.order(2, wire.Enrol)
		w.controller.keysFor = func(*wire.CardToKey) *wire.CardKeys {
			return &wire.CardKeys{Reader: readerID, Command: command.ID}
		}
		w.controller.enrol = must(ecdh.X25519().NewPrivateKey(seed(1)))
		w.mu.Unlock()
		synctest.Wait()
		if _, err := w.client.CardKeys(t.Context(), command.ID, cardToKey); !errors.Is(err, ErrDeclined) {
			t.Errorf("declined, after a newer command: %v", err)
		}
		if _, err := w.client.CardKeys(t.Context(), wire.CommandID{9}, cardToKey); err == nil || errors.Is(err, ErrDeclined) {
			t.Errorf("for an order that nobody gave: %v", err)
		}
		w.mu.Lock()
		w.controller.keysFor = nil
		w.mu.Unlock()
		begin := time.Now()
		if _, err := w.client.CardKeys(t.Context(), command.ID, cardToKey); err == nil || errors.Is(err, ErrDeclined) || time.Since(begin) != keysWithin {
			t.Errorf("from a silent controller: %v after %v", err, time.Since(begin))
		}
		late := CardAnswered{command.ID, cardSets(command.ID)}
		w.client.answered(late)
		if !bytes.Equal(late.Sets.To.Keys, make([]byte, 48)) {
			t.Error("keys that nobody waits for are not wiped")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.client.CardKeys(ctx, command.ID, cardToKey); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}
