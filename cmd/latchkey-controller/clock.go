package main

import (
	"cmp"
	"context"
)

func clockDoubt(c *invocation) action {
	c.details = "It is in doubt if somebody has moved it by more than a minute, or if it is behind what the site has\nstored, or more than a day ahead. Until it is right again, or confirmed, nothing is deleted for its age.\nSessions, waits and links keep their limits either way."
	return func(ctx context.Context, args []string) error {
		switch args[0] {
		case "show":
		case "confirm":
			if err := c.desk.ConfirmClock(ctx, c.actor); err != nil {
				return err
			}
		default:
			return usagef("latchkey-controller clock: show or confirm; see latchkey-controller clock --help")
		}
		doubt, err := c.desk.Doubt(ctx)
		if err != nil {
			return err
		}
		return c.report(map[string]string{"doubt": doubt}, "%s\n", cmp.Or(doubt, "this machine's clock is in no doubt"))
	}
}
