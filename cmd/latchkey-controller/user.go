package main

import (
	"context"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// timesOfUsers says how a user's dates are written.
const timesOfUsers = "T is a day (2026-12-31, the last one included) or a time (2026-12-31T18:00) in the site's time\nzone, or a time with its offset (2026-12-31T18:00+01:00). Of a time that clocks show twice the first\nis meant unless an offset says otherwise; one that they leave out is refused."

// splitName splits a whole name: the last word is the last name.
func splitName(name string) (first, last string) {
	u := store.User{Name: desk.TidyName(name)}
	u.SplitName()
	return u.First, u.Last
}

// groupsFlag adds the flag of the groups that a user is in.
func groupsFlag(c *invocation, usage string) *[]string {
	groups := new([]string)
	c.Func("group", usage, func(group string) error {
		*groups = append(*groups, group)
		return wire.CheckName(group)
	})
	return groups
}

// printUser shows which user was changed, and the PIN if the site chose one.
func printUser(c *invocation, id uint64, name string, chosen digits) error {
	defer clear(chosen)
	if c.json {
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

// printDatesElsewhere shows what a user's dates are at doors in other time zones.
func printDatesElsewhere(ctx context.Context, c *invocation, id uint64) error {
	if c.json {
		return nil
	}
	u, err := c.desk.User(ctx, c.actor, id)
	if err != nil {
		return err
	}
	for _, there := range u.Elsewhere {
		if _, err := fmt.Fprintf(c.out, "dates %s\n", there.Said()); err != nil {
			return err
		}
	}
	return nil
}

// userSuspend suspends a user, or ends that.
func userSuspend(suspended bool) func(*invocation) action {
	return func(c *invocation) action {
		return func(ctx context.Context, args []string) error {
			u, err := c.desk.FindUser(ctx, c.actor, args[0])
			if err != nil {
				return err
			}
			if err := c.desk.SuspendUser(ctx, c.actor, u.ID, suspended); err != nil {
				return err
			}
			return printUser(c, u.ID, u.Name, nil)
		}
	}
}

func userRemove(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		u, err := c.desk.FindUser(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		if err := c.desk.RemoveUser(ctx, c.actor, u.ID); err != nil {
			return err
		}
		return printUser(c, u.ID, u.Name, nil)
	}
}
