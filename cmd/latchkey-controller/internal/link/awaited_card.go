package link

import (
	"bytes"
	"crypto/ecdh"
	"errors"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// An awaitedCard is what is needed when the card of an order comes.
type awaitedCard struct {
	key  *ecdh.PrivateKey
	take func(uid []byte) (text string, ok bool)          // of an enrolment
	keys func(*wire.CardToKey) (*wire.CardKeySets, error) // of a personalisation

	// Of a personalisation whose card has come.
	uid     []byte
	signed  []byte // the keys, for each time that the reader shows the card again
	answers int
}

// maxCardAnswers is how often one order is sent its keys. A reader asks again when the card
// was taken away too early, or when it has heard nothing.
const maxCardAnswers = 32

// card hands on the card of an order of this reader that still waits.
func (t *tracker) card(peer *site.Peer, read *wire.CardRead) {
	a, o := t.awaited[read.Command], t.orders[read.Command]
	if a == nil || o == nil || o.command.Reader != peer.Reader {
		return
	}
	if a.keys != nil {
		if err := t.sendKeys(peer, a, read); err != nil {
			t.decline(read.Command)
			t.orders.answer(o, OrderResult{Text: err.Error()})
		}
		return
	}
	delete(t.awaited, read.Command)
	uid, err := read.Unseal(a.key)
	if err != nil {
		t.orders.answer(o, OrderResult{Text: "the card cannot be read: " + err.Error()})
		return
	}
	text, ok := a.take(uid)
	t.orders.answer(o, OrderResult{Done: ok, Text: text})
	clear(uid)
}

// sendKeys sends the keys for the card of a personalisation to its reader. One order gets
// the keys of one card only: a reader that somebody controls learns the keys of no card
// that it invents besides.
func (t *tracker) sendKeys(peer *site.Peer, a *awaitedCard, read *wire.CardRead) error {
	card, err := read.UnsealCardToKey(a.key)
	if err != nil {
		return errors.New("the card cannot be read: " + err.Error())
	}
	defer clear(card.UID)
	if a.signed == nil {
		if a.signed, err = t.keysFor(peer, a, read.Command, card); err != nil {
			return err
		}
		a.uid = bytes.Clone(card.UID)
	}
	if !bytes.Equal(a.uid, card.UID) {
		return errOtherCard
	}
	if a.answers++; a.answers > maxCardAnswers {
		return errors.New("the reader asked for the keys of this card too often; do it again")
	}
	t.send(wire.OnCard, peer.Reader, a.signed)
	return nil
}

var errOtherCard = errors.New("another card was shown before the first one had all its keys; do it again, with the first one")

// keysFor returns the signed keys for a card.
func (t *tracker) keysFor(peer *site.Peer, a *awaitedCard, id wire.CommandID, card *wire.CardToKey) ([]byte, error) {
	sets, err := a.keys(card)
	if err != nil {
		return nil, err
	}
	defer sets.Wipe()
	sets.Command = id
	return t.o.Site.CardKeys(peer, sets)
}

// decline tells a reader that the card of its order gets no keys.
func (t *tracker) decline(id wire.CommandID) {
	reader := t.orders[id].command.Reader
	delete(t.awaited, id)
	signed, err := t.o.Site.Sign(wire.KindCard, &wire.CardKeys{Reader: reader, Command: id})
	if err != nil {
		t.o.Log.Error("sign that a card gets no keys", "err", err)
		return
	}
	t.send(wire.OnCard, reader, signed)
}
