package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func userCard(c *invocation) action {
	c.details = `The UID is written in hexadecimal, like 04:A1:B2:C3:D4:E5:80. enrol takes the card that is shown next
to a reader, which opens nothing with it, and asks for its last four digits, or reads them from
standard input. Cards that come by add or enrol only have a number, and can be copied.

new has a reader write keys to the next card, with which the card proves at each door that it is no
copy, and asks for its last four digits: a MIFARE DESFire EV2 or EV3 or an NTAG 424 DNA, as it came from
the factory or with keys of this site. (A DESFire EV1 gets keys, too; its protocol is older and weaker.)
rekey gives a card other keys, after a theft, and its first ones if it can be copied. return takes a
card from its user and brings it back to its factory state, for use elsewhere. CARD is a card's number,
as user show prints it.

Give a card its first keys where no stranger stands close: its radio can be overheard. What asks for a
READER needs a running controller.`
	by := byFlag(c)
	c.check = func(args []string) error {
		switch _, err := site.ParseUID(args[2]); args[1] {
		case "add", "remove":
			if err != nil {
				return c.wrongUse("%v", err)
			}
		case "rekey", "return":
			if _, wrong := strconv.ParseUint(args[2], 10, 63); wrong != nil && err != nil {
				return c.wrongUse("%v; or write the card's number, as user show prints it", err)
			}
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
		default:
			return writeKeys(ctx, c, u, args[1:], by())
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
	_, err = confirm(ctx, c, running, u, read)
	return err
}

// confirm asks for the last four digits of a card that a reader has read, or has written
// keys to, and gives it to a user.
func confirm(ctx context.Context, c *invocation, running control.Client, u *desk.UserRow, read *desk.Enrolment) (*desk.KeyedCard, error) {
	what := "was read"
	if read.Keyed {
		what = "has its keys"
	}
	fmt.Fprintf(c.err, "The card %s %s. Its last four digits, to give it to %s: ", read.UID, what, u.Name)
	lastFour, err := untilInterrupted(ctx, func() ([]byte, error) { return readLine(c.in, "the card's digits", maxPINLine) })
	if err != nil {
		return nil, err
	}
	card, err := running.ConfirmCard(ctx, read.ID, string(lastFour))
	if err != nil {
		return nil, fmt.Errorf("%w; the card opens nothing, so start again", err)
	}
	return card, nil
}

// writeKeys has a reader write keys to a card: "new" READER, or "rekey" or "return", a UID
// or a number, and READER.
func writeKeys(ctx context.Context, c *invocation, u *desk.UserRow, args []string, by string) (err error) {
	running, reader := c.running(by), args[len(args)-1]
	var credential uint64
	what := "the new card of " + u.Name
	if len(args) == 3 {
		whole, err := c.desk.User(ctx, c.actor, u.ID)
		if err != nil {
			return err
		}
		card, err := cardOf(whole, args[1])
		if err != nil {
			return err
		}
		credential, what = card.ID, "the card "+card.UID+" of "+u.Name
	}
	sayHold(c, what, reader)
	var card *desk.KeyedCard
	switch args[0] {
	case "new":
		if card, err = running.NewCard(ctx, u.ID, reader); err == nil && card.Enrolment != nil {
			card, err = confirm(ctx, c, running, u, card.Enrolment)
		}
	case "rekey":
		card, err = running.RekeyCard(ctx, u.ID, credential, reader)
	case "return":
		card, err = running.ReturnCard(ctx, u.ID, credential, reader)
	}
	if err != nil {
		return err
	}
	return c.report(map[string]any{"user": u.ID, "name": u.Name, "card": card.UID, "outcome": card.Text}, "user  %d  %s\ncard  %s  %s\n", u.ID, u.Name, card.UID, card.Text)
}

// sayHold says what to do while a reader waits for a card.
func sayHold(c *invocation, what, reader string) {
	fmt.Fprintf(c.err, "Hold %s to %s within 30 seconds, and keep it there until its screen says Done.\n", what, reader)
}

// cardOf returns the user's card that a UID or a number names.
func cardOf(u *desk.User, named string) (*desk.Credential, error) {
	var found []desk.Credential
	if uid, err := site.ParseUID(named); err == nil {
		found = slices.DeleteFunc(slices.Clone(u.Credentials), func(c desk.Credential) bool { return c.UID != site.MaskUID(uid) })
	} else if id, err := strconv.ParseUint(named, 10, 63); err == nil {
		found = slices.DeleteFunc(slices.Clone(u.Credentials), func(c desk.Credential) bool { return c.ID != id || c.UID == "" })
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s has no card %s; latchkey-controller user show shows all of them", u.Name, named)
	case 1:
		return &found[0], nil
	}
	return nil, fmt.Errorf("%s has more than one card that ends in %s; write its number, as latchkey-controller user show prints it", u.Name, found[0].UID)
}

func cardReturn(c *invocation) action {
	c.details = "Such a card was removed from its user, or taken from the reader too early. It is brought back to its factory\nstate, for use elsewhere. For a card that a user still has: user card USER return."
	by := byFlag(c)
	return func(ctx context.Context, args []string) error {
		sayHold(c, "the card", args[0])
		card, err := c.running(by()).ReturnCard(ctx, 0, 0, args[0])
		if err != nil {
			return err
		}
		return c.report(map[string]any{"card": card.UID, "outcome": card.Text}, "card  %s  %s\n", card.UID, card.Text)
	}
}
