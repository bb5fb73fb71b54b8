package main

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func userAdd(c *invocation) action {
	c.details = timesOfUsers + "\n" + eachReader
	var form desk.UserForm
	c.Func("name", "the user's `name`, as screens greet: up to 64 bytes; the last word is the last name", func(name string) error {
		form.First, form.Last = splitName(name)
		return nil
	})
	c.StringVar(&form.First, "first", "", "the first `name`")
	c.StringVar(&form.Last, "last", "", "the last `name`")
	c.StringVar(&form.Email, "email", "", "the email `address`")
	c.StringVar(&form.Employee, "employee", "", "the employee `number`")
	groups := groupsFlag(c, "a `group` the user is in, besides everyone; may be repeated")
	for name, into := range map[string]*string{"from": &form.From, "until": &form.Until} {
		c.Func(name, "the `time` "+name+" which doors open", func(text string) error {
			*into = text
			return checkTime(text)
		})
	}
	pin := c.String("pin", "", "auto makes a `PIN` and shows it, this once; - asks for one, or reads it from standard input")
	limits := limitFlags(c)
	var cards []string
	c.Func("card", "a card's `UID` in hexadecimal; may be repeated", func(text string) error {
		cards = append(cards, text)
		_, err := site.ParseNewUID(text)
		return err
	})
	c.BoolVar(&form.Extended, "extended", false, "doors stay open longer for this user")
	c.check = func([]string) error {
		switch {
		case form.First == "" && form.Last == "":
			return c.wrongUse("needs --name, or --first and --last")
		case *pin != "" && *pin != "auto" && *pin != "-": // it may be a PIN, and is not repeated
			return c.wrongUse("--pin is auto or -: others could read a PIN in an argument")
		case *pin == "" && *limits != (desk.PINLimits{}):
			return c.wrongUse("--uses and --within limit a PIN, which --pin gives")
		}
		return nil
	}
	return func(ctx context.Context, _ []string) error {
		choice := desk.PIN{Limits: *limits}
		switch *pin {
		case "auto":
			choice.Choice = desk.Auto
		case "-":
			choice.Choice = desk.Chosen
			var err error
			if choice.Digits, err = askPIN(ctx, c); err != nil {
				return err
			}
			defer clear(choice.Digits)
		}
		form.Groups = *groups
		id, chosen, err := c.desk.AddUser(ctx, c.actor, form, choice, cards)
		if err != nil {
			return err
		}
		name := desk.TidyName(form.First + " " + form.Last)
		warnMissingLetters(c, name, desk.NoUserName)
		if err := printUser(c, id, name, chosen); err != nil {
			return err
		}
		return printDatesElsewhere(ctx, c, id)
	}
}
