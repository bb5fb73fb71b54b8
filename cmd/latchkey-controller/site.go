package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/zone"
)

func initSite(c *invocation) action {
	c.details = "It has its keys, its certificate authority and an empty list of credentials. The directory is the\nsite: keep it private, and keep a backup of it."
	name := c.String("site", "", "the site's `name`: up to 32 lower-case letters, digits and hyphens")
	database := c.String("database", "", "its database at a PostgreSQL server, as a `URL`; unless given SQLite's, in the directory")
	in := zoneFlag(c, "unless given the one of this machine, or UTC if that cannot be told")
	return func(ctx context.Context, _ []string) error {
		if *in == "" {
			*in = zone.OfMachine()
		}
		s, err := site.Create(ctx, c.dir, *database, *name, *in, clock.Read())
		if err != nil {
			return err
		}
		defer s.Close()
		return c.report(map[string]string{"site": s.Name, "id": s.ID.String(), "controller": s.Fingerprint(), "zone": *in},
			"site        %s\nid          %s\ncontroller  %s\ntime zone   %s\n\nAdd users with: latchkey-controller user add --dir %s --name NAME --pin auto\n",
			s.Name, s.ID, s.Fingerprint(), *in, c.dir)
	}
}

func check(c *invocation) action {
	return func(ctx context.Context, _ []string) error {
		report, err := c.site.Check(ctx)
		if err != nil {
			return err
		}
		if err := c.site.Full(); err != nil {
			return fmt.Errorf("%w; until then readers keep what they report, and orders are noted in reserved space", err)
		}
		doubt, err := c.desk.Doubt(ctx)
		if err != nil {
			return err
		}
		if doubt != "" {
			return errors.New(doubt)
		}
		doubts, err := c.site.DatabaseDoubts(ctx)
		if err != nil {
			return err
		}
		for _, doubt := range doubts {
			fmt.Fprintln(c.err, "warning:", doubt)
		}
		return c.report(report, "site %s: %s, %s, %s; log at epoch %d, revision %d: all is well\n",
			c.site.Name, counted(report.Users, "user"), counted(report.Credentials, "credential"), counted(report.Readers, "reader"), report.Epoch, report.Revision)
	}
}

func clockDoubt(c *invocation) action {
	c.details = "It is in doubt if somebody has moved it by more than a minute, or if it is behind what the site has\nstored, or more than a day ahead. Until it is right again, or confirmed, nothing is deleted for its age.\nSessions, waits and links keep their limits either way."
	return func(ctx context.Context, args []string) error {
		if args[0] == "confirm" {
			if err := c.desk.ConfirmClock(ctx, c.actor); err != nil {
				return err
			}
		}
		doubt, err := c.desk.Doubt(ctx)
		if err != nil {
			return err
		}
		return c.report(map[string]string{"doubt": doubt}, "%s\n", cmp.Or(doubt, "this machine's clock is in no doubt"))
	}
}

func siteRekey(c *invocation) action {
	c.details = "Do it after a reader or its key was stolen. Everybody keeps PIN and cards. Whoever has the old key and\na copy of the credentials can still find PINs, given time: give new ones to those who matter."
	return func(ctx context.Context, _ []string) error {
		epoch, err := c.desk.NewEpoch(ctx, c.actor)
		if err != nil {
			return err
		}
		return c.report(map[string]any{"epoch": epoch}, "epoch %d begins; each reader changes to it when it has the epoch's key and snapshot\n", epoch)
	}
}

func siteStorageKey(c *invocation) action {
	c.details = "Stop the controller first. An older backup holds the older key: whoever can open that backup can read\nwhat was encrypted until now."
	return func(ctx context.Context, _ []string) error {
		unlock, err := lock(c.dir)
		if err != nil {
			return err
		}
		defer unlock()
		if err := c.desk.NewStorageKey(ctx, c.actor); err != nil {
			return err
		}
		return c.report(map[string]string{"site": c.site.Name}, "site %s has another storage key; make a new backup now\n", c.site.Name)
	}
}
