package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/nfc"
	"latchkey/nfc/desfire"
	"latchkey/sync/wire"
)

// A proof takes some 100 ms. A card that takes longer than proveWithin is refused, unless
// it is not there any more, which is asked within stillWithin.
const (
	proveWithin = 700 * time.Millisecond
	stillWithin = 250 * time.Millisecond
)

// prove lets a card prove that it has the key in its credential, and looks the credential
// up once more: it may have been withdrawn meanwhile. The error says why there is no proof.
func (w *worker) prove(ctx context.Context, m *material, epoch uint64, tag wire.Tag, answer *device.Identified, took *time.Duration) (damaged bool, err error) {
	before := answer.Credential
	begin := time.Now()
	outcome, err := w.proof(ctx, m, epoch, before.CardKey)
	*took = time.Since(begin)
	if outcome != device.Known {
		answer.Outcome = outcome
		if outcome != device.NotGenuine {
			answer.Credential = nil
		}
		return false, err
	}
	damaged = w.find(epoch, tag, answer)
	if answer.Outcome != device.Known {
		return damaged, nil
	}
	if now := answer.Credential; now.ID != before.ID || !bytes.Equal(now.CardKey, before.CardKey) {
		answer.Outcome, answer.Credential = device.EpochChanged, nil
		return false, nil
	}
	answer.Proven = true
	return false, nil
}

// errNoAPDU says that a card has nothing but its number.
var errNoAPDU = errors.New("the card does not speak ISO 14443-4")

// proof returns Known if the card has the key that is wrapped in its credential, or why it
// has not shown that.
//
//	no ISO 14443-4, a wrong answer, silence -> NotGenuine
//	the card was taken away, or has to be
//	held there longer to make up for keys
//	that others tried                       -> CardGone: it may be shown again
//	another epoch since the look-up         -> EpochChanged
//	the key cannot be unwrapped             -> KeyFailed
func (w *worker) proof(ctx context.Context, m *material, epoch uint64, wrapped []byte) (device.Outcome, error) {
	card := m.tap.card
	if !card.ISO14443_4() {
		return device.NotGenuine, errNoAPDU
	}
	key, err := w.held.cardKey(ctx, epoch, m.value(), wrapped)
	switch {
	case errors.Is(err, cache.ErrEpoch):
		return device.EpochChanged, err
	case err != nil:
		return device.KeyFailed, err
	}
	defer clear(key.Key[:])
	within, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	err = desfire.Prove(within, card, desfire.Chip(key.Chip), (*desfire.Key)(&key.Key), m.value(), rand.Reader)
	switch {
	case err == nil:
		return device.Known, nil
	case errors.Is(err, desfire.ErrNotGenuine):
		return device.NotGenuine, err
	case errors.Is(err, desfire.ErrDelayed), errors.Is(err, nfc.ErrGone), !still(ctx, card):
		return device.CardGone, err
	}
	return device.NotGenuine, err
}

// still says whether a card is still there.
func still(ctx context.Context, card *nfc.Card) bool {
	ctx, cancel := context.WithTimeout(ctx, stillWithin)
	defer cancel()
	return card.Select(ctx) == nil
}
