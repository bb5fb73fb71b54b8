package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func unlockCommand(ctx context.Context, c console, args []string) error {
	return orderCommand(ctx, c, args, "unlock", wire.Unlock, "READER", "Opens a door once, and ends a lockout of its PIN entry.")
}

func holdCommand(ctx context.Context, c console, args []string) error {
	return orderCommand(ctx, c, args, "hold", wire.Hold, "READER DURATION", "Holds a door open for a time, like 30m or 8h, at most 24h.")
}

func releaseCommand(ctx context.Context, c console, args []string) error {
	return orderCommand(ctx, c, args, "release", wire.Release, "READER", "Ends a hold.")
}

func identifyCommand(ctx context.Context, c console, args []string) error {
	return orderCommand(ctx, c, args, "identify", wire.Identify, "READER", "Lets a reader show which one it is.")
}

func orderCommand(ctx context.Context, c console, args []string, name string, order wire.Order, form, purpose string) error {
	o := newOptions(c, name, form+" [--by NAME]", purpose+"\nWaits for the reader's record of it.")
	by := byFlag(o)
	n := 1
	if order == wire.Hold {
		n = 2
	}
	arguments, err := o.parse(args, n)
	if err != nil {
		return err
	}
	wanted := control.Order{Reader: arguments[0], Order: order, Who: by()}
	if order == wire.Hold {
		d, err := time.ParseDuration(arguments[1])
		if err != nil || d < time.Second || d > 24*time.Hour || d%time.Second != 0 {
			return usagef("latchkey-controller hold: %q is no duration of 1s to 24h, like 30m", arguments[1])
		}
		wanted.Seconds = uint32(d / time.Second)
	}
	return give(ctx, c, o, wanted)
}

// byFlag adds the flag that says who gives an order.
func byFlag(o *options) func() string {
	by := o.String("by", "", "`name` of who orders it, for the record; the user of this session unless given")
	return func() string { return cmp.Or(*by, sessionUser()) }
}

// give gives an order to the controller that runs on the site, and prints what
// came of it. What was not carried out is a failure.
func give(ctx context.Context, c console, o *options, wanted control.Order) error {
	outcome, err := control.Ask(ctx, o.dir, wanted)
	if err != nil {
		return err
	}
	if o.json {
		if err := printJSON(c.out, outcome); err != nil {
			return err
		}
		if !outcome.Done {
			return errors.New(outcome.Text)
		}
		return nil
	}
	if !outcome.Done {
		return fmt.Errorf("%s: %s", wanted.Reader, desk.Clean(outcome.Text))
	}
	_, err = fmt.Fprintf(c.out, "%s: %s\n", wanted.Reader, desk.Clean(outcome.Text))
	return err
}

// enrol asks a reader for the next card shown to it, and gives it to a user once
// somebody has confirmed its last four digits.
func enrol(ctx context.Context, c console, o *options, d *counter, who, reader, by string) error {
	u, err := d.FindUser(ctx, d.actor, who)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "Show %s's card to %s within 30 seconds.\n", u.Name, reader)
	outcome, err := control.Ask(ctx, o.dir, control.Order{Reader: reader, Order: wire.Enrol, User: u.ID, Who: by})
	if err != nil {
		return err
	}
	if !outcome.Done {
		return fmt.Errorf("%s: %s", reader, outcome.Text)
	}
	fmt.Fprintf(c.err, "The card %s was read. Its last four digits, to give it to %s: ", outcome.Card, u.Name)
	lastFour, err := untilInterrupted(ctx, func() ([]byte, error) { return readLine(c.in, "the card's digits", maxPINLine) })
	if err != nil {
		return err
	}
	if err := control.Confirm(ctx, o.dir, control.Confirmation{Enrolment: outcome.Enrolment, LastFour: string(lastFour), Who: by}); err != nil {
		return err
	}
	return printUser(c, o, u.ID, u.Name, nil)
}
