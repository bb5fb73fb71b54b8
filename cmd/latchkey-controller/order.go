package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
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
		text := fmt.Sprintf("%s: %s", reader, desk.Clean(outcome.Text.String()))
		if c.json || outcome.Done {
			err = c.report(struct {
				Command string `json:"command"` // its id, as in records
				Done    bool   `json:"done"`
				Outcome string `json:"outcome"`
			}{outcome.Command, outcome.Done, outcome.Text.String()}, "%s\n", text)
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
func (c *invocation) running(who string) control.Client {
	return control.Client{Dir: c.dir, Who: who, Elsewhere: c.elsewhere}
}

// elsewhere says which controller serves the site in another directory, as
// desk.ServedElsewhere. A command that only needs the one here has not opened the site.
func (c *invocation) elsewhere(ctx context.Context) desk.Elsewhere {
	if c.desk != nil {
		return c.desk.ServedElsewhere(ctx)
	}
	s, err := site.Open(ctx, c.dir)
	if err != nil {
		return desk.Elsewhere{}
	}
	defer s.Close()
	return desk.New(desk.Options{Site: s}).ServedElsewhere(ctx)
}

// notRunning says that no controller runs here, or which one serves the site elsewhere.
func notRunning(err error) string {
	if elsewhere := (*control.ElsewhereError)(nil); errors.As(err, &elsewhere) {
		return elsewhere.Runs() + ": " + elsewhere.There()
	}
	return "no controller runs"
}
