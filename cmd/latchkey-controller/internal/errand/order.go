package errand

import (
	"context"
	"crypto/rand"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// order has the leader of a cell carry out an order. shown is called with a card that a reader was shown, whose bytes are
// wiped when it returns.
func (c *Client) order(ctx context.Context, cell int64, o store.Order, shown func(*wire.CardToKey) *answer) (link.OrderResult, error) {
	if o.ID == (wire.CommandID{}) {
		rand.Read(o.ID[:])
	}
	t, m, err := c.begin(ctx, cell, askOrder, maxMessage, store.Beat{})
	if err != nil {
		return link.OrderResult{}, err
	}
	defer c.end(t)
	defer c.forget()
	if m.Kind != challenge {
		return link.OrderResult{}, c.nobody(cell)
	}
	now := time.Now() // no earlier than the challenge was made, so all ends in time
	given := &order{ID: o.ID, Reader: o.Reader, Order: o.Order, Who: o.Who, InLockdown: o.InLockdown, ActorID: o.Note.ActorID, ActorName: o.Note.ActorName, Extra: o.Note.Extra}
	start := now.Add(c.limits.order)
	if end, ok := ctx.Deadline(); ok && end.Before(start) {
		start = end
	}
	if !o.By.IsZero() {
		if o.By.Before(start) {
			start = o.By
		}
		given.By = uint64(min(max(0, o.By.Sub(now)), maxBy).Milliseconds())
	}
	given.Start = uint64(max(0, start.Sub(now).Milliseconds()))
	if err := ctx.Err(); err != nil || given.Start == 0 {
		t.leave(ctx)
		if err == nil {
			err = errLate
		}
		return link.OrderResult{}, err
	}
	t.say(context.WithoutCancel(ctx), &message{Kind: giveOrder, Order: given}) // if it failed, it may have been heard
	return t.await(ctx, o.ID, shown)
}

// leave says that nobody waits for the order any more. It does so without being waited for.
func (t *talk) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.limits.part)
	defer cancel()
	t.say(ctx, &message{Kind: leave})
}

// await waits for what comes of an order that was given. When ctx ends the leader hears that, and begins
// nothing any more; what was begun goes on, as with a link.
func (t *talk) await(ctx context.Context, given wire.CommandID, shown func(*wire.CardToKey) *answer) (link.OrderResult, error) {
	left := ctx.Done()
	quiet := time.NewTimer(t.limits.alive)
	defer quiet.Stop()
	for {
		select {
		case <-left:
			left = nil
			if ctx.Err() == context.Canceled { // otherwise the order says until when it may be begun
				t.leave(ctx)
			}
		case <-quiet.C:
			return link.OrderResult{ID: given, Text: doubtful}, nil
		case m := <-t.inbox:
			switch m.Kind {
			case card:
				a := shown(m.Card)
				t.say(context.WithoutCancel(ctx), &message{Kind: answerCard, Answer: a})
				if a.Keys != nil {
					a.Keys.Wipe()
				}
				m.wipe()
			case result:
				r, err := m.Result.result(given)
				if m.Result.Failed == gone && ctx.Err() != nil {
					err = ctx.Err()
				}
				return r, err
			}
			quiet.Reset(t.limits.alive)
		}
	}
}
