package main

import (
	"context"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// userFlags adds the flags that describe a user, and returns the form that they
// fill in.
func userFlags(o *options) *desk.UserForm {
	form := new(desk.UserForm)
	o.Func("name", "the user's `name`, as screens greet: up to 64 bytes; the last word is the last name", func(name string) error {
		u := store.User{Name: desk.TidyName(name)}
		u.SplitName()
		form.First, form.Last = u.First, u.Last
		return nil
	})
	o.StringVar(&form.First, "first", "", "the first `name`")
	o.StringVar(&form.Last, "last", "", "the last `name`")
	o.Func("group", "a `group` the user is in, besides everyone; may be repeated", func(group string) error {
		form.Groups = append(form.Groups, group)
		return wire.CheckName(group)
	})
	at := func(name, usage string, into *string) {
		o.Func(name, usage, func(text string) error {
			*into = text
			return checkTime(text)
		})
	}
	at("from", "the `time` from which doors open", &form.From)
	at("until", "the `time` until which doors open", &form.Until)
	return form
}

const timesOfUsers = "T is a day (2026-12-31, the last one included) or a time (2026-12-31T18:00) in the site's time\nzone, or a time with its offset (2026-12-31T18:00+01:00). Of a time that clocks show twice the first\nis meant unless an offset says otherwise; one that they leave out is refused."

// checkTime refuses what is no time, in whatever zone.
func checkTime(text string) error {
	_, err := desk.ParseTime(text, 0, time.UTC)
	return err
}

func userAddCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user add", "--name NAME [--pin auto|-] [--card UID]… [--group NAME]… [--from T] [--until T] [--extended]",
		"Adds a user. "+timesOfUsers)
	form := userFlags(o)
	var choice desk.PIN
	var cards []string
	pin := o.String("pin", "", "auto makes a `PIN` and shows it, this once; - asks for one, or reads it from standard input")
	o.Func("card", "a card's `UID` in hexadecimal; may be repeated", func(text string) error {
		cards = append(cards, text)
		_, err := site.ParseNewUID(text)
		return err
	})
	o.BoolVar(&form.Extended, "extended", false, "doors stay open longer for this user")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	if form.First == "" && form.Last == "" {
		return usagef("latchkey-controller user add needs --name, or --first and --last; see latchkey-controller user add --help")
	}
	if *pin != "" && *pin != "auto" && *pin != "-" {
		return usageError("latchkey-controller user add: --pin is auto or -: a PIN in an argument could be read by others")
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	switch *pin {
	case "auto":
		choice.Choice = desk.Auto
	case "-":
		choice.Choice = desk.Chosen
		if choice.Digits, err = askPIN(ctx, c); err != nil {
			return err
		}
		defer clear(choice.Digits)
	}
	id, chosen, err := d.AddUser(ctx, d.actor, *form, choice, cards)
	if err != nil {
		return err
	}
	name := desk.TidyName(form.First + " " + form.Last)
	sayLacks(c, name, desk.NoUserName)
	if err := printUser(c, o, id, name, chosen); err != nil {
		return err
	}
	return printElsewhere(ctx, c, o, d, id)
}

func userEditCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user edit", "USER [--name NAME] [--group NAME… | --no-groups] [--from T|always] [--until T|forever] [--extended on|off]",
		"Changes a user; what is not given stays. "+timesOfUsers)
	var edits []func(*desk.UserForm)
	edit := func(name, usage string, parse func(text string) (func(*desk.UserForm), error)) {
		o.Func(name, usage, func(text string) error {
			e, err := parse(text)
			edits = append(edits, e)
			return err
		})
	}
	edit("name", "the whole `name`; the last word is the last name", func(text string) (func(*desk.UserForm), error) {
		u := store.User{Name: desk.TidyName(text)}
		u.SplitName()
		return func(f *desk.UserForm) { f.First, f.Last = u.First, u.Last }, nil
	})
	edit("first", "the first `name`", func(text string) (func(*desk.UserForm), error) {
		return func(f *desk.UserForm) { f.First = text }, nil
	})
	edit("last", "the last `name`", func(text string) (func(*desk.UserForm), error) {
		return func(f *desk.UserForm) { f.Last = text }, nil
	})
	var groups []string
	o.Func("group", "a `group` the user is in, in place of all there are; may be repeated", func(group string) error {
		groups = append(groups, group)
		return wire.CheckName(group)
	})
	none := o.Bool("no-groups", false, "in everyone only")
	edit("from", "the `time` from which doors open, or always", func(text string) (func(*desk.UserForm), error) {
		if text == "always" {
			return func(f *desk.UserForm) { f.From = "" }, nil
		}
		err := checkTime(text)
		return func(f *desk.UserForm) { f.From = text }, err
	})
	edit("until", "the `time` until which doors open, or forever", func(text string) (func(*desk.UserForm), error) {
		if text == "forever" {
			return func(f *desk.UserForm) { f.Until = "" }, nil
		}
		err := checkTime(text)
		return func(f *desk.UserForm) { f.Until = text }, err
	})
	edit("extended", "`on|off`: doors stay open longer for this user", func(text string) (func(*desk.UserForm), error) {
		if text != "on" && text != "off" {
			return nil, fmt.Errorf("write on or off")
		}
		return func(f *desk.UserForm) { f.Extended = text == "on" }, nil
	})
	arguments, err := o.parse(args, 1)
	if err != nil {
		return err
	}
	if len(edits) == 0 && len(groups) == 0 && !*none {
		return usagef("latchkey-controller user edit: says nothing to change; see latchkey-controller user edit --help")
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	found, err := d.FindUser(ctx, d.actor, arguments[0])
	if err != nil {
		return err
	}
	var name string
	err = d.EditUser(ctx, d.actor, found.ID, "", nil, func(f *desk.UserForm) {
		if len(groups) > 0 || *none {
			f.Groups = groups
		}
		for _, e := range edits {
			e(f)
		}
		name = desk.TidyName(f.First + " " + f.Last)
	})
	if err != nil {
		return err
	}
	sayLacks(c, name, desk.NoUserName)
	if err := printUser(c, o, found.ID, name, nil); err != nil {
		return err
	}
	return printElsewhere(ctx, c, o, d, found.ID)
}

func userRemoveCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user remove", "USER", "Removes a user, with PIN and cards.")
	arguments, err := o.parse(args, 1)
	if err != nil {
		return err
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
	if err := d.RemoveUser(ctx, d.actor, u.ID); err != nil {
		return err
	}
	return printUser(c, o, u.ID, u.Name, nil)
}
