package main

import (
	"context"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func userCard(c *invocation) action {
	c.details = "The UID is written in hexadecimal, like 04:A1:B2:C3:D4:E5:80. enrol takes the card that is shown next\nto a reader, which opens nothing with it, and asks for its last four digits, or reads them from\nstandard input. It needs a running controller."
	by := byFlag(c)
	c.check = func(args []string) error {
		if _, err := site.ParseUID(args[2]); args[1] != "enrol" && err != nil {
			return c.wrongUse("%v", err)
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		u, err := c.desk.FindUser(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		switch args[1] {
		case "add":
			err = c.desk.AddCard(ctx, c.actor, u.ID, args[2])
		case "remove":
			err = c.desk.RemoveCardUID(ctx, c.actor, u.ID, args[2])
		case "enrol":
			err = enrol(ctx, c, u, args[2], by())
		}
		if err != nil {
			return err
		}
		return printUser(c, u.ID, u.Name, nil)
	}
}

// enrol has a reader read the next card that is shown to it, and gives the card to
// a user once somebody has confirmed its last four digits.
func enrol(ctx context.Context, c *invocation, u *desk.UserRow, reader, by string) error {
	running := c.running(by)
	fmt.Fprintf(c.err, "Show %s's card to %s within 30 seconds.\n", u.Name, reader)
	read, err := running.Enrol(ctx, u.ID, reader)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "The card %s was read. Its last four digits, to give it to %s: ", read.UID, u.Name)
	lastFour, err := untilInterrupted(ctx, func() ([]byte, error) { return readLine(c.in, "the card's digits", maxPINLine) })
	if err != nil {
		return err
	}
	return running.ConfirmCard(ctx, read.ID, string(lastFour))
}
