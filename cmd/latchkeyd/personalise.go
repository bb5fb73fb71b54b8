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
// the newest. The error says why a card has not got them.
//
//	no chip of ours, a random UID    -> Unsuitable: the controller tells people why
//	the controller gives no keys     -> Declined
//	no answer                        -> Unanswered
//	keys for another card            -> KeyFailed
//	keys that nobody here has set    -> ForeignKeys
//	the card was taken away          -> CardGone: shown again, it goes on from there
func (w *worker) personalise(ctx context.Context, j *job) (device.Outcome, error) {
	card, uid := j.material.tap.card, j.material.value()
	switch {
	case !card.ISO14443_4():
		return device.Unsuitable, errNoAPDU
	case len(uid) == 4 && uid[0] == 0x08:
		return device.Unsuitable, errors.New("the card makes up its UID")
	}
	ctx, cancel := context.WithTimeout(ctx, personaliseWithin)
	defer cancel()
	chip, sets, outcome, err := w.keysOf(ctx, j.enrol, card, uid)
	if err != nil {
		return outcome, err
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
			return device.Personalised, nil
		case errors.Is(err, desfire.ErrForeignKeys):
			return device.ForeignKeys, err
		case errors.Is(err, desfire.ErrUnsuitable):
			return device.Unsuitable, err
		case errors.Is(err, desfire.ErrNotGenuine):
			return device.NotGenuine, err
		case errors.Is(err, nfc.ErrGone) || !still(ctx, card):
			return device.CardGone, err
		}
	}
}

// keysOf asks a card what it is, and the controller for its keys, which the caller wipes.
func (w *worker) keysOf(ctx context.Context, id wire.CommandID, card *nfc.Card, uid []byte) (desfire.Chip, *wire.CardKeySets, device.Outcome, error) {
	chip, what, outcome, err := ask(ctx, card)
	if err != nil {
		return 0, nil, outcome, err
	}
	what.UID = uid
	sets, err := w.keys(ctx, id, what)
	switch {
	case chip == 0:
		if err == nil {
			sets.Wipe()
		}
		return 0, nil, device.Unsuitable, errors.New("the card says that it is of another kind")
	case errors.Is(err, readersync.ErrDeclined):
		return 0, nil, device.Declined, err
	case err != nil:
		return 0, nil, device.Unanswered, err
	case !bytes.Equal(sets.UID, uid) || desfire.Chip(sets.Chip) != chip:
		sets.Wipe()
		return 0, nil, device.KeyFailed, errors.New("the controller has sent keys for another card")
	}
	return chip, sets, 0, nil
}

// ask asks a card what it is, and for the generations of its keys. The chip is 0 if it is
// none that can prove itself.
func ask(ctx context.Context, card *nfc.Card) (desfire.Chip, *wire.CardToKey, device.Outcome, error) {
	limited, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	for {
		version, err := desfire.GetVersion(limited, card)
		chip, ok := version.Chip()
		var generations []byte
		if err == nil && ok {
			generations, err = desfire.Generations(limited, card, chip)
		}
		switch {
		case err == nil:
			return chip, &wire.CardToKey{Version: version, Generations: generations}, 0, nil
		case errors.Is(err, desfire.ErrUnsuitable):
			return 0, nil, device.Unsuitable, err
		case errors.Is(err, nfc.ErrGone) || !still(ctx, card):
			return 0, nil, device.CardGone, err
		case limited.Err() != nil:
			return 0, nil, device.Unsuitable, err // it is there and does not answer
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
