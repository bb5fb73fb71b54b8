package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An OrderResult is the result of an order.
type OrderResult struct {
	Command string // id, as in records
	Done    bool
	Text    string // the result, for people
}

// Order sends an order to a reader, wire.Unlock, Hold (for seconds), Release or
// Identify, and waits up to 15 s for the outcome. The error says that the order was
// not allowed or could not be sent; if the reader did not carry it out, Done is
// false.
func (d *Desk) Order(ctx context.Context, a Actor, reader string, order wire.Order, seconds uint32) (*OrderResult, error) {
	if !slices.Contains([]wire.Order{wire.Unlock, wire.Hold, wire.Release, wire.Identify}, order) {
		return nil, fmt.Errorf("%q is not an order for a door", order)
	}
	var out *OrderResult
	err := d.actOutside(ctx, a, Act(order), &auditTarget{reader: reader, subject: reader}, func() (string, error) {
		if d.live == nil {
			return "", errNoController
		}
		outcome, err := d.live.Order(ctx, store.Order{Reader: reader, Order: order, Seconds: seconds, Who: cut(a.Name, wire.MaxName)}, nil)
		if err != nil {
			return "", err
		}
		out = &OrderResult{Command: outcome.ID.String(), Done: outcome.Done, Text: outcome.Text}
		if !outcome.Done {
			return "", errors.New(outcome.Text)
		}
		switch order {
		case wire.Hold:
			out.Text = "held open for " + durationText(seconds)
			return "for " + durationText(seconds), nil
		case wire.Identify, wire.Release:
			return "", nil // the act's description is enough
		}
		return outcome.Text, nil
	})
	if out != nil {
		return out, nil
	}
	return nil, err
}
