package link

import (
	"bytes"
	"crypto/ecdh"

	"latchkey/cmd/latchkey-controller/internal/language"
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
	signed  []byte // the keys, for each time that the reader shows the card again; nil: they are being asked for
	answers int
}

// A cardAnswer is what whoever gave an order makes of its card.
type cardAnswer struct {
	id      wire.CommandID
	outcome OrderResult // of an enrolment

	// Of a personalisation.
	peer   *site.Peer // who gets the keys; nil: it is an enrolment
	signed []byte
	err    error // why it gets none
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
		if err := t.keyCard(peer, a, o, read); err != nil {
			t.decline(read.Command)
			t.orders.answer(o, OrderResult{Text: language.Of(err)})
		}
		return
	}
	delete(t.awaited, read.Command)
	uid, err := read.Unseal(a.key)
	if err != nil {
		t.orders.answer(o, OrderResult{Text: language.Say("the card cannot be read: %s", err)})
		return
	}
	t.ask(o, func() cardAnswer {
		defer clear(uid)
		text, ok := a.take(uid)
		return cardAnswer{id: read.Command, outcome: OrderResult{Done: ok, Text: language.Data(text)}}
	})
}

// keyCard has the keys for the card of a personalisation sent to its reader. One order gets
// the keys of one card only: a reader that somebody controls learns the keys of no card
// that it invents besides.
func (t *tracker) keyCard(peer *site.Peer, a *awaitedCard, o *pendingOrder, read *wire.CardRead) error {
	card, err := read.UnsealCardToKey(a.key)
	if err != nil {
		return language.Say("the card cannot be read: %s", err)
	}
	if a.uid == nil {
		for id, other := range t.awaited { // the desks of several controllers do not know of each other
			if t.orders[id] != nil && bytes.Equal(other.uid, card.UID) {
				clear(card.UID)
				return errCardBusy
			}
		}
		a.uid = bytes.Clone(card.UID)
		t.ask(o, func() cardAnswer {
			defer clear(card.UID)
			signed, err := t.keysFor(peer, a, read.Command, card)
			return cardAnswer{id: read.Command, peer: peer, signed: signed, err: err}
		})
		return nil
	}
	defer clear(card.UID)
	if !bytes.Equal(a.uid, card.UID) {
		return errOtherCard
	}
	if a.signed == nil {
		return nil // it gets them as soon as they are there
	}
	return t.sendKeys(peer, a)
}

func (t *tracker) sendKeys(peer *site.Peer, a *awaitedCard) error {
	if a.answers++; a.answers > maxCardAnswers {
		return language.Say("the reader asked for the keys of this card too often; do it again")
	}
	t.send(wire.OnCard, peer.Reader, a.signed)
	return nil
}

var (
	errOtherCard   = language.Say("another card was shown before the first one had all its keys; do it again, with the first one")
	errCardBusy    = language.Say("this card gets keys at another reader at this moment; wait until that has ended")
	errReaderGoing = language.Say("the reader was removed, or adopted again, before the card had its keys")
)

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

// ask asks whoever gave an order about its card, in a goroutine: they may take a while, for
// the database or another controller. Until then the order is not answered. Each order asks once.
func (t *tracker) ask(o *pendingOrder, ask func() cardAnswer) {
	o.asking = true
	t.asking++
	go func() { t.cards <- ask() }() // the tracker takes each of them, also when it ends
}

// cardAnswered goes on with an order whose card was asked about.
func (t *tracker) cardAnswered(c cardAnswer) {
	t.asking--
	o := t.orders[c.id]
	o.asking = false
	if c.peer == nil {
		t.orders.answer(o, c.outcome)
		return
	}
	if o.outcome != nil { // its time is over, the reader has given up, or another card was shown
		t.orders.answer(o, *o.outcome)
		return
	}
	a, err := t.awaited[c.id], c.err
	if now := (*t.peers.Load())[c.peer.Reader]; err == nil && (now == nil || now.Bundle != c.peer.Bundle) {
		err = errReaderGoing
	}
	if err == nil {
		a.signed = c.signed
		err = t.sendKeys(c.peer, a)
	}
	if err != nil {
		t.decline(c.id)
		t.orders.answer(o, OrderResult{Text: language.Of(err)})
	}
}

// decline tells a reader, unless it was removed, that the card of its order gets no keys.
func (t *tracker) decline(id wire.CommandID) {
	reader := t.orders[id].command.Reader
	clear(t.awaited[id].uid)
	delete(t.awaited, id)
	if (*t.peers.Load())[reader] == nil {
		return
	}
	signed, err := t.o.Site.Sign(wire.KindCard, &wire.CardKeys{Reader: reader, Command: id})
	if err != nil {
		t.o.Log.Error("sign that a card gets no keys", "err", err)
		return
	}
	t.send(wire.OnCard, reader, signed)
}
