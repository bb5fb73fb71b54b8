//go:build !firmware

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/nfc"
	"latchkey/sync/wire"
)

// heldOf opens the credentials of a reader of keyedData.
func heldOf(t *testing.T, data string) *held {
	t.Helper()
	h := openHeld(t.Context(), cache.Options{Dir: data, Site: wire.SiteID{1}, Controller: keyedController.Public().(ed25519.PublicKey)}, nil)
	if err := h.current().err; err != nil {
		t.Fatal(err)
	}
	return h
}

// change adds an entry to the log that h follows.
func change(t *testing.T, h *held, tag wire.Tag, to *wire.Credential) {
	t.Helper()
	at, entry := h.cache.Held(), wire.Change{Tag: tag, Credential: to}
	d := &wire.Delta{Epoch: at.Epoch, From: at.Revision, To: at.Revision + 1, FromHash: at.Hash, ToHash: at.Hash.Extend(entry), Changes: []wire.Change{entry}}
	signed, err := d.Sign(wire.SiteID{1}, keyedController)
	if err != nil {
		t.Fatal(err)
	}
	delta, err := wire.OpenDelta(wire.SiteID{1}, signed, keyedController.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if applied, err := h.cache.Apply(delta); !applied || err != nil {
		t.Fatal(applied, err)
	}
}

// replaceEpoch begins an epoch with another key of the site's, in which there is a card with
// the same tag.
func replaceEpoch(t *testing.T, h *held, is wire.Entry) {
	t.Helper()
	m := &wire.Manifest{Site: wire.SiteID{1}, Epoch: 6, Hash: wire.Start(6), KDF: wire.KDF{Memory: 19456, Time: 2, Threads: 4}}
	snapshot, err := wire.WriteSnapshot(m, []wire.Entry{is}, keyedController)
	if err != nil {
		t.Fatal(err)
	}
	signed, chunk, err := wire.Next(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := wire.OpenManifest(wire.SiteID{1}, signed, keyedController.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.cache.PutKey(6, keyedKeys(t, 8)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.cache.Begin(manifest); err != nil {
		t.Fatal(err)
	}
	if switched, err := h.cache.PutChunks(6, 0, []wire.ChunkPart{{Chunk: chunk}}); !switched || err != nil {
		t.Fatal(switched, err)
	}
}

func TestWhatChangesWhileACardProvesItselfCounts(t *testing.T) {
	site := pinKeys(t, keyedKeys(t, 7))
	other := newKeyedCard(t, sim.DESFireEV3, 2)
	for name, test := range map[string]struct {
		then func(t *testing.T, h *held, is wire.Entry)
		want device.Outcome
	}{
		"nothing": {func(*testing.T, *held, wire.Entry) {}, device.Known},
		"it is withdrawn": {func(t *testing.T, h *held, is wire.Entry) {
			change(t, h, is.Tag, nil)
		}, device.Unknown},
		"it gets another name": {func(t *testing.T, h *held, is wire.Entry) {
			is.Credential.Name = "Eve"
			change(t, h, is.Tag, &is.Credential)
		}, device.Known},
		"it is another's": {func(t *testing.T, h *held, is wire.Entry) {
			is.Credential.ID = 9
			change(t, h, is.Tag, &is.Credential)
		}, device.EpochChanged},
		"it gets another key": {func(t *testing.T, h *held, is wire.Entry) {
			is.Credential.CardKey = other.credential(t, site, 1).Credential.CardKey
			change(t, h, is.Tag, &is.Credential)
		}, device.EpochChanged},
		"the site gets another key": {func(t *testing.T, h *held, is wire.Entry) {
			replaceEpoch(t, h, is)
		}, device.EpochChanged},
		"the site gets another key, which is open": {func(t *testing.T, h *held, is wire.Entry) {
			replaceEpoch(t, h, is)
			h.openKeys(t.Context())
		}, device.EpochChanged},
		"it can be copied": {func(t *testing.T, h *held, is wire.Entry) {
			is.Credential.CardKey = nil
			change(t, h, is.Tag, &is.Credential)
		}, device.EpochChanged},
	} {
		t.Run(name, func(t *testing.T) {
			card := newKeyedCard(t, sim.DESFireEV3, 1)
			data := keyedData(t, card)
			synctest.Test(t, func(t *testing.T) {
				personalise(t, card)
				h := heldOf(t, data)
				defer h.cache.Close()
				b := newBench(t, h)
				defer b.stop()
				b.order = wire.CommandID{}
				is := card.credential(t, site, 1)
				is.Credential.CardKey = nil
				credential, err := h.cache.Lookup(5, is.Tag)
				if err != nil {
					t.Fatal(err)
				}
				is.Credential = *credential
				b.exchange = func(apdu []byte, card func([]byte) ([]byte, error)) ([]byte, error) {
					if apdu[1] == 0x51 { // GetCardUID, the last
						test.then(t, h, is)
					}
					return card(apdu)
				}
				answer, _ := b.show(card.Card)
				if proven := test.want == device.Known; answer.Outcome != test.want || answer.Proven != proven || (answer.Credential != nil) != proven {
					t.Errorf("%+v", answer)
				}
				if now, err := h.cache.Lookup(5, is.Tag); answer.Proven && (err != nil || now.Name != answer.Credential.Name) {
					t.Errorf("%+v, and %+v is held", answer.Credential, now)
				}
				if unknown := test.want == device.Unknown; bytes.Equal(answer.Tag[:], is.Tag[:8]) != unknown {
					t.Errorf("tag %x", answer.Tag)
				}
			})
		})
	}
}

func TestARecordedProofOpensNothing(t *testing.T) {
	for _, kind := range []sim.Kind{sim.DESFireEV1, sim.DESFireEV2, sim.NTAG424} {
		card := newKeyedCard(t, kind, 1)
		data := keyedData(t, card)
		synctest.Test(t, func(t *testing.T) {
			personalise(t, card)
			h := heldOf(t, data)
			defer h.cache.Close()
			b := newBench(t, h)
			defer b.stop()
			b.order = wire.CommandID{}
			var recorded, replay [][]byte
			b.exchange = func(apdu []byte, card func([]byte) ([]byte, error)) ([]byte, error) {
				reply, err := card(apdu)
				recorded = append(recorded, slices.Clone(reply))
				return reply, err
			}
			if answer, _ := b.show(card.Card); answer.Outcome != device.Known || !answer.Proven || len(recorded) != 4 {
				t.Fatalf("%v: %+v after %d exchanges", kind, answer, len(recorded))
			}
			replay = recorded
			b.exchange = func([]byte, func([]byte) ([]byte, error)) ([]byte, error) {
				if len(replay) == 0 {
					return nil, nfc.ErrRadio
				}
				reply := replay[0]
				replay = replay[1:]
				return reply, nil
			}
			answer, _ := b.show(sim.Card{UID: card.UID, Kind: sim.Copy})
			if answer.Outcome != device.NotGenuine || answer.Proven || answer.Credential == nil || len(replay) == 4 {
				t.Errorf("%v: %+v", kind, answer)
			}
		})
	}
}

func TestACardThatTakesTooLongIsRefusedUnlessItIsGone(t *testing.T) {
	for _, gone := range []bool{false, true} {
		card := newKeyedCard(t, sim.DESFireEV3, 1)
		data := keyedData(t, card)
		synctest.Test(t, func(t *testing.T) {
			personalise(t, card)
			h := heldOf(t, data)
			defer h.cache.Close()
			b := newBench(t, h)
			defer b.stop()
			b.order = wire.CommandID{}
			b.exchange = func(apdu []byte, card func([]byte) ([]byte, error)) ([]byte, error) {
				time.Sleep(proveWithin)
				if gone {
					b.board.RemoveCard()
				}
				return card(apdu)
			}
			want := map[bool]device.Outcome{false: device.NotGenuine, true: device.CardGone}[gone]
			if answer, _ := b.show(card.Card); answer.Outcome != want || (answer.Credential != nil) == gone {
				t.Errorf("gone %v: %+v", gone, answer)
			}
		})
	}
}

func TestAKeyThatCannotBeUnwrappedProvesNothing(t *testing.T) {
	card, other := newKeyedCard(t, sim.DESFireEV3, 1), newKeyedCard(t, sim.DESFireEV3, 2)
	site := pinKeys(t, keyedKeys(t, 7))
	data := keyedData(t, card)
	for name, test := range map[string]struct {
		change func(t *testing.T, h *held)
		want   device.Outcome
	}{
		"another card's key": {func(t *testing.T, h *held) {
			is := card.credential(t, site, 1)
			is.Credential.CardKey = other.credential(t, site, 2).Credential.CardKey
			change(t, h, is.Tag, &is.Credential)
		}, device.KeyFailed},
		"another epoch's key": {func(t *testing.T, h *held) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.keys.epoch.Number++
		}, device.EpochChanged},
	} {
		t.Run(name, func(t *testing.T) {
			h := heldOf(t, data)
			defer h.cache.Close()
			w := &worker{kind: wire.Card, held: h}
			is := card.credential(t, site, 1)
			answer := device.Identified{}
			if w.find(5, is.Tag, &answer); answer.Outcome != device.Known {
				t.Fatalf("%+v", answer)
			}
			test.change(t, h)
			w.find(5, is.Tag, &answer)
			m := &material{tap: &tap{card: &nfc.Card{SAK: 0x20}, over: make(chan struct{})}}
			m.n = copy(m.bytes[:], card.UID)
			if outcome, err := w.proof(context.Background(), m, 5, answer.Credential.CardKey); outcome != test.want || err == nil {
				t.Errorf("outcome %d, %v", outcome, err)
			}
		})
	}
}
