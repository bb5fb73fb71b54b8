package main

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func userEdit(c *invocation) action {
	c.details = "What is not given stays.\n" + timesOfUsers
	var edits []func(*desk.UserForm)
	edit := func(name, usage string, set func(f *desk.UserForm, text string) error) {
		c.Func(name, usage, func(text string) error {
			edits = append(edits, func(f *desk.UserForm) { set(f, text) })
			return set(new(desk.UserForm), text)
		})
	}
	edit("name", "the whole `name`; the last word is the last name", func(f *desk.UserForm, text string) error {
		f.First, f.Last = splitName(text)
		return nil
	})
	edit("first", "the first `name`", func(f *desk.UserForm, text string) error { f.First = text; return nil })
	edit("last", "the last `name`", func(f *desk.UserForm, text string) error { f.Last = text; return nil })
	edit("email", "the email `address`, or '' for none", func(f *desk.UserForm, text string) error { f.Email = text; return nil })
	edit("employee", "the employee `number`, or '' for none", func(f *desk.UserForm, text string) error { f.Employee = text; return nil })
	groups := groupsFlag(c, "a `group` the user is in, in place of all there are; may be repeated")
	noGroups := c.Bool("no-groups", false, "the user is in everyone only")
	date := func(name, unbounded string, field func(*desk.UserForm) *string) {
		edit(name, "the `time` "+name+" which doors open, or "+unbounded, func(f *desk.UserForm, text string) error {
			if text == unbounded {
				*field(f) = ""
				return nil
			}
			*field(f) = text
			return checkTime(text)
		})
	}
	date("from", "always", func(f *desk.UserForm) *string { return &f.From })
	date("until", "forever", func(f *desk.UserForm) *string { return &f.Until })
	edit("extended", "`on|off`: doors stay open longer for this user", func(f *desk.UserForm, text string) (err error) {
		f.Extended, err = parseOnOff(text)
		return err
	})
	c.check = func([]string) error {
		if len(edits) == 0 && len(*groups) == 0 && !*noGroups {
			return c.wrongUse("says nothing to change")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
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
