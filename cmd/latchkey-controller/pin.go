package main

import (
	"context"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// digits are a PIN on its way to the person who is to know it.
type digits []byte

func (d digits) MarshalText() ([]byte, error) { return d, nil }

// askPIN asks for a new PIN.
func askPIN(ctx context.Context, c console) ([]byte, error) {
	return ask(ctx, c, "PIN", maxPINLine, "PIN, 8 digits: ", "once more:     ")
}

func userPINCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user pin", "USER set|generate|remove",
		"Changes a user's PIN: set asks for a new one, or reads it from standard input; generate makes one\nand shows it, this once; remove takes it away.")
	arguments, err := o.parse(args, 2)
	if err != nil {
		return err
	}
	var choice desk.PIN
	action := arguments[1]
	switch action {
	case "remove":
	case "set":
		choice.Choice = desk.Chosen
	case "generate":
		choice.Choice = desk.Auto
	default:
		// What stands there may be a PIN: it is not repeated.
		return usageError("latchkey-controller user pin: after USER comes set, generate or remove; a PIN is never an argument")
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	u, err := d.FindUser(ctx, d.actor, arguments[0])
	if err != nil {
		return err
	}
	if action == "set" {
		if choice.Digits, err = askPIN(ctx, c); err != nil {
			return err
		}
		defer clear(choice.Digits)
	}
	chosen, err := d.SetPIN(ctx, d.actor, u.ID, choice)
	if err != nil {
		return err
	}
	return printUser(c, o, u.ID, u.Name, chosen)
}

// printUser shows who was changed, and the PIN if the site chose one.
func printUser(c console, o *options, id uint64, name string, chosen digits) error {
	defer clear(chosen)
	if o.json {
		return printJSON(c.out, struct {
			User uint64 `json:"user"`
			Name string `json:"name"`
			PIN  digits `json:"pin,omitempty"`
		}{id, name, chosen})
	}
	if _, err := fmt.Fprintf(c.out, "user  %d  %s\n", id, name); err != nil || chosen == nil {
		return err
	}
	_, err := fmt.Fprintf(c.out, "PIN   %s  (shown this once: it is kept nowhere)\n", []byte(chosen))
	return err
}
