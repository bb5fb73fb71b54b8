package main

import (
	"context"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func userEditSeveral(c *invocation) action {
	c.details = `First look at what would be changed, and of whom: with --user, or with --search, --group and --state as of
user list, or with --all. It ends with a revision. Then do it, for all of them or for nobody: the same with
--apply REVISION. If one of them has changed since, if others are selected or if the change is another one,
nothing is done. Visitors are left out. What is not given stays.
` + timesOfUsers
	var who []string
	c.Func("user", "a `user`, by number or by a name that only one has; may be repeated", func(text string) error {
		who = append(who, text)
		return nil
	})
	all := c.Bool("all", false, "all users")
	search := c.String("search", "", "those whose name, groups, email or employee number have `words` that begin so")
	group := c.String("group", "", "those in this `group`")
	state := stateFlag(c)
	revision := c.String("apply", "", "does what the look with this `revision` showed")
	var edit desk.UsersEdit
	edits := 0
	change := func(name, usage string, set func(text string) error) {
		c.Func(name, usage, func(text string) error {
			edits++
			return set(text)
		})
	}
	change("into", "puts them into a `group`; may be repeated", func(text string) error { edit.Add = append(edit.Add, text); return nil })
	change("out-of", "takes them out of a `group`; may be repeated", func(text string) error { edit.Remove = append(edit.Remove, text); return nil })
	date := func(name, unbounded string, into **string) {
		change(name, "the `time` "+name+" which doors open, or "+unbounded, func(text string) error {
			if text == unbounded {
				*into = new("")
				return nil
			}
			*into = new(text)
			return checkTime(text)
		})
	}
	date("from", "always", &edit.From)
	date("until", "forever", &edit.Until)
	change("suspended", "`on|off`: readers forget their PINs and cards, which stay theirs", func(text string) error {
		on, err := parseOnOff(text)
		edit.Suspend = &on
		return err
	})
	c.check = func([]string) error {
		filtered := *search+*group+*state != ""
		switch chosen := len(who) > 0; {
		case !chosen && !filtered && !*all:
			return c.wrongUse("says nobody to change: give --user, --search, --group, --state or --all")
		case chosen && (filtered || *all) || filtered && *all:
			return c.wrongUse("give --user, or --all, or what selects them, not two of these")
		case edits == 0:
			return c.wrongUse("says nothing to change")
		}
		return nil
	}
	return func(ctx context.Context, _ []string) error {
		if err := c.checkGroup(ctx, *group); err != nil {
			return err
		}
		selection := desk.Selection{Query: desk.UserQuery{Search: *search, State: desk.UserState(*state), Group: *group}}
		for _, name := range who {
			u, err := c.desk.FindUser(ctx, c.actor, name)
			if err != nil {
				return err
			}
			selection.Users = append(selection.Users, u.ID)
		}
		if *revision == "" {
			p, err := c.desk.PreviewUsersEdit(ctx, c.actor, selection, edit)
			if err != nil {
				return err
			}
			return printUsersPreview(c, p)
		}
		changed, err := c.desk.EditUsers(ctx, c.actor, selection, *revision, edit)
		if err != nil {
			return err
		}
		return c.report(map[string]int{"changed": changed}, "users changed: %d\n", changed)
	}
}

// printUsersPreview shows what would be changed, and of whom.
func printUsersPreview(c *invocation, p *desk.UsersPreview) error {
	if c.json {
		return printJSON(c.out, struct {
			Users    int      `json:"users"`
			Names    []string `json:"names"`    // of some
			Change   int      `json:"change"`   // of users
			Keep     int      `json:"keep"`     // of users: they are so already
			Visitors int      `json:"visitors"` // that are left out
			Revision string   `json:"revision"`
		}{p.Count, append([]string{}, p.Names...), p.Changed, p.Count - p.Changed, p.Visitors, p.Revision})
	}
	text := fmt.Sprintf("users: %d", p.Count)
	if len(p.Names) > 0 {
		text += ": " + strings.Join(p.Names, ", ")
	}
	if p.More() > 0 {
		text += fmt.Sprintf(" and %d more", p.More())
	}
	if p.Count > 0 {
		text += fmt.Sprintf("\n%d to change, %d so already", p.Changed, p.Count-p.Changed)
	}
	if p.Visitors > 0 {
		text += fmt.Sprintf("\nvisitors that are left out: %d", p.Visitors)
	}
	if p.Changed > 0 {
		text += "\nTo change them: the same with --apply " + p.Revision
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}
