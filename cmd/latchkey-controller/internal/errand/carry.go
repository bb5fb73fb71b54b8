package errand

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

var noResult link.OrderResult

// A shown is a card that a reader was shown, for the stand-by.
type shown struct {
	card   *wire.CardToKey
	answer chan *answer
}

// order makes a challenge, and carries out the order that names it. The link bounds how long that takes.
func (s *server) order(ctx context.Context, c *conversation) {
	if err := c.say(ctx, &message{Kind: challenge}); err != nil {
		return // whoever asked has not heard it, or gives the order in vain
	}
	given := s.await(ctx, c)
	var r link.OrderResult
	var err error = context.DeadlineExceeded
	if given != nil && given.Start <= uint64(s.limits.order.Milliseconds()) && given.By <= uint64(maxBy.Milliseconds()) {
		r, err = s.carry(ctx, c, given)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Canceled
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.part)
	defer cancel()
	if err := c.say(last, &message{Kind: result, Result: outcomeOf(r, err)}); err != nil {
		s.log.Warn("a stand-by may not have heard what came of its order", "err", err)
	}
}

// maxBy bounds how long after the challenge an order may be carried out, if it says so.
const maxBy = time.Minute

// await returns the order of a conversation; nil: none came in time.
func (s *server) await(ctx context.Context, c *conversation) *order {
	within, cancel := context.WithDeadline(ctx, c.after(uint64(s.limits.order.Milliseconds())))
	defer cancel()
	select {
	case m := <-c.inbox:
		if m.Kind != giveOrder { // they have left
			return nil
		}
		return m.Order
	case <-within.Done():
		return nil
	}
}

// after returns a moment after the challenge.
func (c *conversation) after(milliseconds uint64) time.Time {
	return time.Now().Add(c.made + time.Duration(milliseconds)*time.Millisecond - clock.Running())
}

// carry carries out an order.
func (s *server) carry(ctx context.Context, c *conversation, given *order) (link.OrderResult, error) {
	starting, cancel := context.WithDeadline(ctx, c.after(given.Start))
	defer cancel()
	if err := starting.Err(); err != nil {
		return noResult, err
	}
	o := store.Order{ID: given.ID, Reader: given.Reader, Order: given.Order, Who: given.Who, InLockdown: given.InLockdown,
		Note: store.UnlockNote{ActorID: given.ActorID, ActorName: given.ActorName, Extra: given.Extra}}
	if given.By > 0 {
		o.By = c.after(given.By)
	}
	talking, end := context.WithCancel(ctx)
	defer end()
	cards := make(chan shown)
	type ended struct {
		r   link.OrderResult
		err error
	}
	done := make(chan ended, 1)
	go func() {
		var e ended
		if o.Order == wire.Personalise {
			e.r, e.err = s.live.Personalise(starting, o, func(read *wire.CardToKey) (*wire.CardKeySets, error) {
				a := s.ask(talking, cards, read)
				if !a.OK || a.Keys == nil {
					return nil, language.Data(a.Text)
				}
				return a.Keys, nil
			})
		} else {
			e.r, e.err = s.live.Order(starting, o, func(uid []byte) (string, bool) {
				a := s.ask(talking, cards, &wire.CardToKey{UID: uid})
				return a.Text, a.OK
			})
		}
		done <- e
	}()
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	var waiting chan *answer
	for {
		select {
		case e := <-done:
			return e.r, e.err
		case <-tick.C:
			c.say(ctx, &message{Kind: alive})
		case q := <-cards:
			waiting = q.answer
			c.say(ctx, &message{Kind: card, Card: q.card})
			clear(q.card.UID)
		case m := <-c.inbox:
			switch {
			case m.Kind == leave:
				cancel()
			case m.Kind == answerCard && waiting != nil:
				waiting <- m.Answer
				waiting = nil
			default:
				m.wipe()
			}
		}
	}
}

// ask asks the stand-by what to do with a card.
func (s *server) ask(ctx context.Context, cards chan<- shown, read *wire.CardToKey) *answer {
	within, cancel := context.WithTimeout(ctx, s.limits.card)
	defer cancel()
	q := shown{cloned(read), make(chan *answer, 1)}
	select {
	case cards <- q:
	case <-within.Done():
		return &answer{Text: unanswered}
	}
	select {
	case a := <-q.answer:
		return a
	case <-within.Done():
		return &answer{Text: unanswered}
	}
}
