package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// digits are a PIN on its way to the person who is to know it.
type digits []byte

func (d digits) MarshalText() ([]byte, error) { return d, nil }

// askPIN asks for a new PIN.
func askPIN(ctx context.Context, c *invocation) ([]byte, error) {
	return askSecret(ctx, c, "PIN", maxPINLine, "PIN, 8 digits: ", "once more:     ")
}

// limitFlags adds the flags of the limits of a PIN.
func limitFlags(c *invocation) *desk.PINLimits {
	l := new(desk.PINLimits)
	c.Func("uses", "how often the PIN may be used: a `number`, 1 to 100", func(text string) (err error) {
		if l.Uses, err = strconv.Atoi(text); err != nil || l.Uses < 1 || l.Uses > wire.MaxUses {
			return fmt.Errorf("write 1 to %d", wire.MaxUses)
		}
		return nil
	})
	c.Func("within", "how long the PIN may be used, from its first use on: a `duration`, like 30m or 8h, up to 744h", func(text string) (err error) {
		if l.Within, err = time.ParseDuration(text); err != nil || l.Within < wire.MinWithin*time.Second || l.Within > wire.MaxWithin*time.Second || l.Within%time.Second != 0 {
			return errors.New("write it like 30m or 8h, 1m to 744h in whole seconds")
		}
		return nil
	})
	return l
}

// eachReader says what limits do not do.
const eachReader = "With --uses and --within, each reader counts for itself: until it hears from the controller what the others\nhave counted, it takes the PIN as if it had not been used there."

func userPIN(c *invocation) action {
	c.details = "set asks for a new one, or reads it from standard input; generate makes one and shows it, this once;\nremove takes it away, with the one for duress. A PIN is never an argument: others could read it there.\n" + eachReader
	limits := limitFlags(c)
	c.check = func(args []string) error {
		if args[1] == "remove" && *limits != (desk.PINLimits{}) {
			return c.wrongUse("remove takes neither --uses nor --within")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		return givePIN(ctx, c, args, *limits, c.desk.SetPIN)
	}
}

func userDuressPIN(c *invocation) action {
	c.details = "A PIN for duress is a second one that a user enters when somebody forces them to: it opens the door as\never, and is an alarm in activity, which administrators of the role Limited Admin (Can View) do not see.\nset, generate and remove work as those of user pin do."
	return func(ctx context.Context, args []string) error {
		return givePIN(ctx, c, args, desk.PINLimits{}, c.desk.SetDuressPIN)
	}
}

// givePIN gives a user a PIN as args say: USER set|generate|remove.
func givePIN(ctx context.Context, c *invocation, args []string, limits desk.PINLimits, set func(context.Context, desk.Actor, uint64, desk.PIN) ([]byte, error)) error {
	choice := desk.PIN{Limits: limits} // remove
	switch args[1] {
	case "set":
		choice.Choice = desk.Chosen
	case "generate":
		choice.Choice = desk.Auto
	}
	u, err := c.desk.FindUser(ctx, c.actor, args[0])
	if err != nil {
		return err
	}
	if choice.Choice == desk.Chosen {
		if choice.Digits, err = askPIN(ctx, c); err != nil {
			return err
		}
		defer clear(choice.Digits)
	}
	chosen, err := set(ctx, c.actor, u.ID, choice)
	if err != nil {
		return err
	}
	return printUser(c, u.ID, u.Name, chosen)
}
