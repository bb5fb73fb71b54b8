package main

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// digits are a PIN on its way to the person who is to know it.
type digits []byte

func (d digits) MarshalText() ([]byte, error) { return d, nil }

// askPIN asks for a new PIN.
func askPIN(ctx context.Context, c *invocation) ([]byte, error) {
	return askSecret(ctx, c, "PIN", maxPINLine, "PIN, 8 digits: ", "once more:     ")
}

func userPIN(c *invocation) action {
	c.details = "set asks for a new one, or reads it from standard input; generate makes one and shows it, this once;\nremove takes it away. A PIN is never an argument: others could read it there."
	return func(ctx context.Context, args []string) error {
		var choice desk.PIN // remove
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
		chosen, err := c.desk.SetPIN(ctx, c.actor, u.ID, choice)
		if err != nil {
			return err
		}
		return printUser(c, u.ID, u.Name, chosen)
	}
}
