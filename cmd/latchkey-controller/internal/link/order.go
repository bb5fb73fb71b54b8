package link

import (
	"context"
	"crypto/rand"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// placed is an order on its way to the desk.
type placed struct {
	order  store.Order
	card   func(uid []byte) (text string, ok bool)
	answer chan<- Outcome
}

// Order takes an order to a reader and returns what came of it, which takes 15
// s at most, and for a card 45 s. card takes the card of an enrol, whose bytes
// are wiped then, and says what became of it.
func (l *Link) Order(ctx context.Context, o store.Order, card func(uid []byte) (text string, ok bool)) (Outcome, error) {
	rand.Read(o.ID[:])
	o.At = time.Now().UnixMilli()
	if err := checkOrder(&o); err != nil {
		return Outcome{}, err
	}
	if (*l.peers.Load())[o.Reader] == nil {
		return Outcome{ID: o.ID, Text: unknownReader}, nil
	}
	if err := l.o.Site.AddOrder(ctx, &o); err != nil {
		return Outcome{}, err
	}
	answer := make(chan Outcome, 1)
	select {
	case l.placed <- placed{o, card, answer}:
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
	outcome := <-answer // the desk answers each order, also when it ends
	return outcome, l.o.Site.SetOutcome(context.WithoutCancel(ctx), o.ID, outcome.Text)
}

const unknownReader = "not sent: there is no such reader, or it was removed; latchkey-controller reader list shows all of them"

// checkOrder refuses an order that readers would refuse.
func checkOrder(o *store.Order) error {
	c := wire.Command{Reader: o.Reader, ID: o.ID, Order: o.Order, Seconds: o.Seconds, By: o.Who}
	if o.Order == wire.Enrol {
		c.Sealing[0] = 9 // any key: RFC 7748 §4.1's base point
	}
	return c.Check()
}
