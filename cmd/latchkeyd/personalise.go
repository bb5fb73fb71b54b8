package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"latchkey/device"
	"latchkey/nfc"
	"latchkey/nfc/desfire"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

const (
	askWithin         = time.Second
	personaliseWithin = 18 * time.Second // some 2 s, and what the controller takes; less than the brain waits
)

// personalise writes to a card the keys that the controller gives it, and has it prove
// the newest.
//
//	no chip of ours, a random UID    -> Unsuitable
//	the controller gives no keys     -> Declined
//	no answer                        -> Unanswered
//	keys for another card            -> KeyFailed
//	keys that nobody here has set    -> ForeignKeys
//	the card was taken away          -> CardGone: shown again, it goes on from there
func (w *worker) personalise(ctx context.Context, j *job) device.Outcome {
	card, uid := j.material.tap.card, j.material.value()
	if !card.ISO14443_4() || len(uid) == 4 && uid[0] == 0x08 {
		return device.Unsuitable
	}
	ctx, cancel := context.WithTimeout(ctx, personaliseWithin)
	defer cancel()
	chip, sets, outcome := w.keysOf(ctx, j.enrol, card, uid)
	if outcome != 0 {
		return outcome
	}
	defer sets.Wipe()
	to := keySet(&sets.To)
	defer clear(to.Keys)
	var from []desfire.KeySet
	for i := range sets.From {
		from = append(from, keySet(&sets.From[i]))
		defer clear(from[i].Keys)
	}
	progress := func(done, of int) {
		w.task.Progress()
		w.answer(device.Progress{Seq: j.seq, Done: uint8(done), Of: uint8(of)})
	}
	for {
		err := desfire.Personalise(ctx, card, chip, uid, to, from, rand.Reader, progress)
		switch {
		case err == nil:
			return device.Personalised
		case errors.Is(err, desfire.ErrForeignKeys):
			return device.ForeignKeys
		case errors.Is(err, desfire.ErrUnsuitable):
			return device.Unsuitable
		case errors.Is(err, desfire.ErrNotGenuine):
			return device.NotGenuine
		case errors.Is(err, nfc.ErrGone) || !still(ctx, card):
			return device.CardGone
		}
	}
}

// keysOf asks a card what it is, and the controller for its keys. The outcome is 0 if it
// has them; the caller wipes them.
func (w *worker) keysOf(ctx context.Context, id wire.CommandID, card *nfc.Card, uid []byte) (desfire.Chip, *wire.CardKeySets, device.Outcome) {
	chip, what, outcome := ask(ctx, card)
	if outcome != 0 {
		return 0, nil, outcome
	}
	what.UID = uid
	sets, err := w.keys(ctx, id, what)
	switch {
	case errors.Is(err, readersync.ErrDeclined):
		return 0, nil, device.Declined
	case err != nil:
		return 0, nil, device.Unanswered
	case !bytes.Equal(sets.UID, uid) || desfire.Chip(sets.Chip) != chip:
		sets.Wipe()
		return 0, nil, device.KeyFailed
	}
	return chip, sets, 0
}

// ask asks a card what it is, and for the generations of its keys. The outcome is 0 if it
// can prove itself.
func ask(ctx context.Context, card *nfc.Card) (desfire.Chip, *wire.CardToKey, device.Outcome) {
	limited, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	for {
		version, err := desfire.GetVersion(limited, card)
		chip, ok := version.Chip()
		if err == nil && !ok {
			return 0, nil, device.Unsuitable
		}
		var generations []byte
		if err == nil {
			generations, err = desfire.Generations(limited, card, chip)
		}
		switch {
		case err == nil:
			return chip, &wire.CardToKey{Version: version, Generations: generations}, 0
		case errors.Is(err, desfire.ErrUnsuitable):
			return 0, nil, device.Unsuitable
		case errors.Is(err, nfc.ErrGone) || !still(ctx, card):
			return 0, nil, device.CardGone
		case limited.Err() != nil:
			return 0, nil, device.Unsuitable // it is there and does not answer
		}
	}
}

// keySet copies a set of keys. The caller wipes the copy.
func keySet(set *wire.KeySet) desfire.KeySet {
	keys := make([]desfire.Key, len(set.Keys)/len(desfire.Key{}))
	for i := range keys {
		copy(keys[i][:], set.Keys[i*len(keys[i]):])
	}
	return desfire.KeySet{Generation: set.Generation, Keys: keys}
}
