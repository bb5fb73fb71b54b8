package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func unlock(c *invocation) action   { return order(c, wire.Unlock) }
func identify(c *invocation) action { return order(c, wire.Identify) }

// order gives an order to a reader, through the controller that runs on the site,
// and prints what came of it. An order that was not carried out is a failure.
func order(c *invocation, order wire.Order) action {
	c.details = "Waits for the reader's record of it."
	by := byFlag(c)
	return func(ctx context.Context, args []string) error {
		reader := args[0]
		outcome, err := c.running(by()).Order(ctx, reader, order)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s: %s", reader, desk.Clean(outcome.Text))
		if c.json || outcome.Done {
			err = c.report(struct {
				Command string `json:"command"` // its id, as in records
				Done    bool   `json:"done"`
				Outcome string `json:"outcome"`
			}{outcome.Command, outcome.Done, outcome.Text}, "%s\n", text)
		}
		if err == nil && !outcome.Done {
			err = errors.New(text)
		}
		return err
	}
}

// byFlag adds the flag that says who gives an order.
func byFlag(c *invocation) func() string {
	by := c.String("by", "", "`name` of who orders it, for the record; the user of this session unless given")
	return func() string { return cmp.Or(*by, sessionUser()) }
}

// running is the controller that runs on the site, for who acts there.
func (c *invocation) running(who string) control.Client { return control.Client{Dir: c.dir, Who: who} }
