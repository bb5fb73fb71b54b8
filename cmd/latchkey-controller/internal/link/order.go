package link

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A placedOrder is an order on its way to the tracker.
type placedOrder struct {
	order  store.Order
	card   func(uid []byte) (text string, ok bool)          // of an enrolment
	keys   func(*wire.CardToKey) (*wire.CardKeySets, error) // of a personalisation
	answer chan<- OrderResult
}

// Order sends an order to a reader and returns the outcome, after at most 15 s, or 45 s
// for an enrolment, or two seconds after o.By. An id that the order has already is kept; it fails if one
// with that was given before. card gets the card of an enrolment, whose bytes are wiped when it
// returns, and returns the outcome.
func (l *Link) Order(ctx context.Context, o store.Order, card func(uid []byte) (text string, ok bool)) (OrderResult, error) {
	return l.order(ctx, placedOrder{order: o, card: card})
}

// Personalise has a reader write keys to the next card shown to it, and returns the
// outcome, after at most 170 s. keys gets the card, whose bytes are wiped when it returns,
// and returns the keys, without the command; an error declines the card, and is the
// outcome. It is called once.
func (l *Link) Personalise(ctx context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (OrderResult, error) {
	o.Order = wire.Personalise
	return l.order(ctx, placedOrder{order: o, keys: keys})
}

func (l *Link) order(ctx context.Context, p placedOrder) (OrderResult, error) {
	o := &p.order
	if o.ID == (wire.CommandID{}) {
		rand.Read(o.ID[:])
	}
	o.At = time.Now().UnixMilli()
	if err := checkOrder(o); err != nil {
		return OrderResult{}, err
	}
	if err := l.running(ctx); err != nil {
		return OrderResult{}, err
	}
	if (*l.peers.Load())[o.Reader] == nil {
		return OrderResult{ID: o.ID, Unsent: true, Text: unknownReader}, nil
	}
	if err := l.o.Site.Update(ctx, func(tx *store.Tx) error { return tx.AddOrder(o) }); err != nil {
		return OrderResult{}, err
	}
	answer := make(chan OrderResult, 1)
	p.answer = answer
	var result OrderResult
	select {
	case l.placed <- p:
		result = <-answer // the tracker answers each order, also when it ends
	case <-l.ended:
		result = OrderResult{ID: o.ID, Unsent: true, Text: language.Say("not sent: this controller has just stopped leading the site; try again")}
	case <-ctx.Done():
		return OrderResult{}, ctx.Err()
	}
	err := l.o.Site.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.SetOutcome(o.ID, result.Text.String()) })
	if err != nil { // what the reader did is done: whoever hears of an error would take it as not done
		l.o.Log.Error("cannot store what came of an order", "reader", o.Reader, "err", err)
	}
	return result, nil
}

var unknownReader = language.Say("not sent: there is no such reader, or it was removed, or has just gone to another cell; latchkey-controller reader list shows all of them")

// commandOf returns an order's command, without a nonce.
func commandOf(o *store.Order) wire.Command {
	return wire.Command{Reader: o.Reader, ID: o.ID, Order: o.Order, By: o.Who, InLockdown: o.InLockdown}
}

// checkOrder returns an error for an order that readers would refuse.
func checkOrder(o *store.Order) error {
	c := commandOf(o)
	if o.Order.ReadsCard() {
		c.Sealing[0] = 9 // any key: RFC 7748 §4.1's base point
	}
	return c.Check()
}

// place sends an order to its reader.
func (t *tracker) place(now time.Time, p placedOrder) {
	o, c := p.order, commandOf(&p.order)
	refuse := func(text *language.Sentence) { p.answer <- OrderResult{ID: o.ID, Unsent: true, Text: text} }
	if (*t.peers.Load())[o.Reader] == nil {
		refuse(unknownReader)
		return
	}
	at := t.presence(o.Reader)
	switch {
	case at.elsewhere:
		refuse(language.Say("not sent: %s is being moved between cells, and is not at the brokers of this one now; try again", o.Reader))
		return
	case !t.reached():
		refuse(language.Say("not sent: the controller has no connection to its broker"))
		return
	case at.is == unheard:
		refuse(language.Say("not sent: %s has never reported", o.Reader))
		return
	case at.is == disconnected || now.Sub(at.heard) >= freshFor:
		refuse(language.Say("not sent: %s is not connected; it last reported %s ago", o.Reader, now.Sub(at.heard).Round(time.Second)))
		return
	}
	if !o.By.IsZero() {
		if at.state == nil || at.state.Level < wire.LevelMaxAge {
			refuse(language.Say("not sent: the program of %s is too old to refuse an order that comes late; update it", o.Reader))
			return
		}
		heard := time.Duration(0)
		if at.direct { // otherwise by the clock of another run, which may have been set
			heard = now.Sub(at.heard)
		}
		if c.MaxAge = maxAge(now, o.By, heard); c.MaxAge == 0 {
			refuse(language.Say("not sent: the controller is too busy, and it would have come too late"))
			return
		}
	}
	c.Nonce = at.nonce
	if o.Order.ReadsCard() {
		key, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			refuse(language.Say("not sent: %s", err))
			return
		}
		c.Sealing = [32]byte(key.PublicKey().Bytes())
		t.awaited[o.ID] = &awaitedCard{key: key, take: p.card, keys: p.keys}
	}
	if t.orders.place(now, c, o.By, p.answer) {
		t.command(&c)
	}
}

// records gives records to the orders that they answer.
func (t *tracker) records(now time.Time, s answers) {
	for _, r := range s.records {
		if again := t.orders.record(now, s.reader, r, t.presence(s.reader).nonce); again != nil {
			t.command(again)
		}
	}
}
