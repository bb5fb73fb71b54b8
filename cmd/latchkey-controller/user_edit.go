package main

import (
	"context"
	"errors"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func userEdit(c *invocation) action {
	c.details = "What is not given stays. " + timesOfUsers
	var edits []func(*desk.UserForm)
	edit := func(name, usage string, parse func(text string) (func(*desk.UserForm), error)) {
		c.Func(name, usage, func(text string) error {
			e, err := parse(text)
			edits = append(edits, e)
			return err
		})
	}
	edit("name", "the whole `name`; the last word is the last name", func(text string) (func(*desk.UserForm), error) {
		return func(f *desk.UserForm) { f.First, f.Last = splitName(text) }, nil
	})
	edit("first", "the first `name`", func(text string) (func(*desk.UserForm), error) {
		return func(f *desk.UserForm) { f.First = text }, nil
	})
	edit("last", "the last `name`", func(text string) (func(*desk.UserForm), error) {
		return func(f *desk.UserForm) { f.Last = text }, nil
	})
	groups := groupsFlag(c, "a `group` the user is in, in place of all there are; may be repeated")
	noGroups := c.Bool("no-groups", false, "the user is in everyone only")
	date := func(name, unbounded string, field func(*desk.UserForm) *string) {
		edit(name, "the `time` "+name+" which doors open, or "+unbounded, func(text string) (func(*desk.UserForm), error) {
			if text == unbounded {
				return func(f *desk.UserForm) { *field(f) = "" }, nil
			}
			return func(f *desk.UserForm) { *field(f) = text }, checkTime(text)
		})
	}
	date("from", "always", func(f *desk.UserForm) *string { return &f.From })
	date("until", "forever", func(f *desk.UserForm) *string { return &f.Until })
	edit("extended", "`on|off`: doors stay open longer for this user", func(text string) (func(*desk.UserForm), error) {
		if text != "on" && text != "off" {
			return nil, errors.New("write on or off")
		}
		return func(f *desk.UserForm) { f.Extended = text == "on" }, nil
	})
	return func(ctx context.Context, args []string) error {
		if len(edits) == 0 && len(*groups) == 0 && !*noGroups {
			return usagef("latchkey-controller user edit: says nothing to change; see latchkey-controller user edit --help")
		}
		found, err := c.desk.FindUser(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		var name string
		err = c.desk.EditUser(ctx, c.actor, found.ID, "", nil, func(f *desk.UserForm) {
			if len(*groups) > 0 || *noGroups {
				f.Groups = *groups
			}
			for _, e := range edits {
				e(f)
			}
			name = desk.TidyName(f.First + " " + f.Last)
		})
		if err != nil {
			return err
		}
		warnMissingLetters(c, name, desk.NoUserName)
		if err := printUser(c, found.ID, name, nil); err != nil {
			return err
		}
		return printDatesElsewhere(ctx, c, found.ID)
	}
}
