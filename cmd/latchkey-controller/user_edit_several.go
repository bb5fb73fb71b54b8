package main

import (
	"context"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func userEditSeveral(c *invocation) action {
	c.details = `First look at who would be changed: with --user, or with --search, --group and --state as of user list, or
with --all. It ends with a revision. Then do it, for all of them or for nobody: the same with --apply
REVISION. If one of them has changed since, or others are selected, nothing is done. Visitors are left
out. What is not given stays.
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
	revision := c.String("apply", "", "changes those whom the look with this `revision` showed")
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
		selection := desk.Selection{Query: desk.UserQuery{Search: *search, State: desk.UserState(*state), Group: *group}}
		for _, name := range who {
			u, err := c.desk.FindUser(ctx, c.actor, name)
			if err != nil {
				return err
			}
			selection.Users = append(selection.Users, u.ID)
		}
		if *revision == "" {
			selected, err := c.desk.SelectUsers(ctx, c.actor, selection)
			if err != nil {
				return err
			}
			return printSelected(c, selected)
		}
		changed, err := c.desk.EditUsers(ctx, c.actor, selection, *revision, edit)
		if err != nil {
			return err
		}
		return c.report(map[string]int{"changed": changed}, "users changed: %d\n", changed)
	}
}

// printSelected shows who would be changed.
func printSelected(c *invocation, s *desk.SelectedUsers) error {
	if c.json {
		return printJSON(c.out, struct {
			Users    int      `json:"users"`
			Names    []string `json:"names"`    // of some
			Visitors int      `json:"visitors"` // that are left out
			Revision string   `json:"revision"`
		}{s.Count, append([]string{}, s.Names...), s.Visitors, s.Revision})
	}
	text := fmt.Sprintf("users: %d", s.Count)
	if len(s.Names) > 0 {
		text += ": " + strings.Join(s.Names, ", ")
	}
	if s.More() > 0 {
		text += fmt.Sprintf(" and %d more", s.More())
	}
	if s.Visitors > 0 {
		text += fmt.Sprintf("\nvisitors that are left out: %d", s.Visitors)
	}
	if s.Count > 0 {
		text += "\nTo change them: the same with --apply " + s.Revision
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}
