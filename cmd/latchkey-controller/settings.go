package main

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/zone"
)

func settings(c *invocation) action {
	c.details = "In another time zone all dates stay the moments that they are, and doors keep their own zones."
	days := c.Int("keep-days", 0, "for how many `days` activity is kept; acts of administrators for 90 at least")
	name := zoneFlag(c, "doors have their own")
	c.check = func(args []string) error {
		if (args[0] == "set") != (*days != 0 || *name != "") {
			return c.wrongUse("show, or set with --keep-days or --zone")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		if *name != "" {
			if err := c.desk.SetZone(ctx, c.actor, *name); err != nil {
				return err
			}
		}
		if *days != 0 {
			if err := c.desk.SetKeepDays(ctx, c.actor, *days); err != nil {
				return err
			}
		}
		kept, err := c.desk.KeepDays(ctx, c.actor)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		return c.report(map[string]any{"keep-days": kept, "zone": in.String()},
			"activity is kept for %d days\ntime zone %s\n", kept, in)
	}
}

// zoneFlag adds the flag of the site's time zone.
func zoneFlag(c *invocation, otherwise string) *string {
	var name string
	c.Func("zone", "the site's time `zone`, like Europe/Berlin, in which times are written and shown; "+otherwise, func(text string) error {
		name = text
		_, err := zone.Load(text)
		return err
	})
	return &name
}
