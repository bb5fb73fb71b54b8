package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An OrderResult is the result of an order.
type OrderResult struct {
	Command string // id, as in records
	Done    bool
	Unsent  bool               // it could not be sent
	Text    *language.Sentence // the result
}

// Order sends an order to a reader, wire.Unlock or Identify, and waits up to 15 s for
// the outcome. It is carried out a few seconds after it was asked for, or never. The error says that the order was not allowed or could not be sent; if
// the reader did not carry it out, Done is false. In a lockdown only those may unlock who
// may end it.
func (d *Desk) Order(ctx context.Context, a Actor, reader string, order wire.Order) (*OrderResult, error) {
	if order != wire.Unlock && order != wire.Identify {
		return nil, fmt.Errorf("%q is not an order for a door: choose unlock or identify", order)
	}
	asked := time.Now()
	var out *OrderResult
	target := &auditTarget{reader: reader, subject: reader}
	err := d.actAtReader(ctx, a, Act(order), target, func(starting context.Context) (*language.Sentence, error) {
		if d.live == nil {
			return nil, errNoController
		}
		o := store.Order{ID: target.orders[reader], Reader: reader, Order: order, Who: cut(a.Name, wire.MaxName)}
		var err error
		if order == wire.Unlock {
			if o.InLockdown, err = d.unlocksInLockdown(starting, a, reader); err != nil {
				return nil, err
			}
		}
		if o.By, err = d.latest(starting, reader, asked); err != nil {
			return nil, err
		}
		outcome, err := d.live.Order(starting, o, nil)
		if err != nil {
			return nil, err
		}
		if r := outcome.Record; r != nil && r.Kind == wire.CommandRefused {
			outcome.Text = language.Say("the reader refused: %s", reasonText(r.Reason))
		}
		out = &OrderResult{Command: outcome.ID.String(), Done: outcome.Done, Unsent: outcome.Unsent, Text: outcome.Text}
		if !outcome.Done {
			return nil, outcome.Text
		}
		return nil, nil // the act's description is enough, and the reader's record says the rest
	})
	if out != nil {
		return out, nil
	}
	return nil, err
}

// latest returns until when a reader may carry out an order. It is zero for a reader of an older
// version, which cannot tell: it takes an order for as long as its nonce lives.
func (d *Desk) latest(ctx context.Context, reader string, asked time.Time) (by time.Time, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		level, err := tx.ReaderLevel(reader)
		if err == nil && level >= wire.LevelMaxAge {
			by = asked.Add(startWithin)
		}
		return ignoreNotFound(err) // who sends the order says so
	})
	return by, err
}

// unlocksInLockdown says whether an unlock has to open in a lockdown, which is wanted at
// the reader, and refuses one of somebody who may not end it. Readers of older versions
// know no lockdown.
func (d *Desk) unlocksInLockdown(ctx context.Context, a Actor, reader string) (wanted bool, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		if err := a.reaches(tx, Unlock, &auditTarget{reader: reader}); err != nil { // the door may have been moved meanwhile
			return err
		}
		p, err := tx.Policy(reader)
		if err != nil {
			return ignoreNotFound(err) // who sends the order says so
		}
		level, err := tx.ReaderLevel(reader)
		if err != nil {
			return err
		}
		wanted = level != 0 && lockedDown(p, d.now())
		if wanted && !a.May(EndLockdown) {
			return notAllowed(language.Say("%s is locked down. Somebody who may end the lockdown can unlock it; %s", p.Door, a.requirement(EndLockdown)))
		}
		if wanted {
			err = a.reachesLockdowns(tx, reader, d.now())
		}
		if errors.Is(err, ErrNotAllowed) {
			return notAllowed(language.Say("%s is locked down with the whole site: an administrator of the whole site can unlock it", p.Door))
		}
		return err
	})
	return wanted, err
}

func ignoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
