package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/zone"
)

func initSite(c *invocation) action {
	c.details = `It has its keys, its certificate authority and an empty list of credentials. The directory is the
site: keep it private, and keep a backup of it. With --database all of it is in a database of a
PostgreSQL server but the storage key, which stays in the directory: neither is a site without the
other. The database must be there, and empty. POSTGRESQL.md says more. An init that was interrupted
is done again.`
	name := c.String("site", "", "the site's `name`: up to 32 lower-case letters, digits and hyphens")
	database := c.String("database", "", "its database at a PostgreSQL server, as a `URL` like postgres://latchkey@db.example/home, without a password; unless given SQLite's, in the directory")
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
		return c.report(map[string]string{"site": s.Name, "id": s.ID.String(), "controller": s.Fingerprint(), "zone": *in, "database": s.Place()},
			"site        %s\nid          %s\ncontroller  %s\ntime zone   %s\ndatabase    %s\n\nAdd users with: latchkey-controller user add --dir %s --name NAME --pin auto\n",
			s.Name, s.ID, s.Fingerprint(), *in, s.Place(), c.dir)
	}
}

func joinSite(c *invocation) action {
	c.details = `DIR is a new directory, on another machine than the site's: a controller there is one more of the site.
It needs the storage key, which is never in the database: bring the file storage.key from the directory of a
controller that the site has, by a way that nobody else reads. The database must let this machine in.
Everything else is in the database. The controllers need brokers that each of them reaches (serve
--broker). POSTGRESQL.md says more.`
	database := c.String("database", "", "the site's database, as the `URL` that the file database in the directory of another controller has")
	key := c.String("storage-key", "", "a copy of the `file` storage.key of another controller")
	return func(ctx context.Context, _ []string) error {
		s, err := site.Join(ctx, c.dir, *database, *key)
		if err != nil {
			return err
		}
		defer s.Close()
		var cells []store.Cell
		if err := s.View(ctx, func(tx *store.Tx) (err error) { cells, err = tx.Cells(); return err }); err != nil {
			return err
		}
		serve, which := "latchkey-controller serve --dir "+c.dir+" --broker URL", ""
		if len(cells) > 1 {
			var names []string
			for _, cell := range cells {
				names = append(names, cell.Name)
			}
			serve, which = serve+" --cell NAME", fmt.Sprintf(", with the brokers of one of the cells %s", strings.Join(names, ", "))
		}
		return c.report(map[string]string{"site": s.Name, "id": s.ID.String(), "controller": s.Fingerprint(), "database": s.Place()},
			"site        %s\nid          %s\ncontroller  %s\ndatabase    %s\n\nServe it here, too%s: %s\n",
			s.Name, s.ID, s.Fingerprint(), s.Place(), which, serve)
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
		if doubt != nil {
			return doubt
		}
		behind, err := c.site.Behind(ctx)
		if err != nil {
			return err
		}
		if behind {
			return fmt.Errorf("the database %s was put back to an older state than a controller here has seen in it: latchkey-controller serve begins a new epoch when it starts. Check the users and readers that were changed since then", report.Database)
		}
		doubts, err := c.site.DatabaseDoubts(ctx)
		if err != nil {
			return err
		}
		ofCells, err := c.desk.CellDoubts(ctx, c.actor)
		if err != nil {
			return err
		}
		for _, doubt := range ofCells {
			doubts = append(doubts, doubt.String())
		}
		var all struct {
			site.Report
			Controllers []controllerRow `json:"controllers"` // null: not known
		}
		all.Report = report
		if all.Controllers, err = c.controllers(ctx); err != nil {
			doubts = append(doubts, fmt.Sprint("which controllers run is not known: ", err))
		}
		if same := namesakes(all.Controllers); same != "" {
			doubts = append(doubts, same)
		}
		standing, err := c.desk.Standing(ctx)
		if err != nil {
			doubts = append(doubts, fmt.Sprint("which cells are led is not known: ", err))
			standing = new(desk.Standing)
		}
		if unled := standing.Unled(); standing.Several && unled != "" {
			doubts = append(doubts, fmt.Sprintf("nobody leads %s, so readers there are neither heard nor told anything: %s", unled, standing.Remedy()))
		}
		if cells, _, err := c.cells(ctx); err != nil {
			doubts = append(doubts, fmt.Sprint("which brokers are reached is not known: ", err))
		} else {
			doubts = append(doubts, cells.Doubts()...)
		}
		well := "all is well"
		switch len(doubts) {
		case 0:
		case 1:
			well = "well, but for the warning above"
		default:
			well = "well, but for the warnings above"
		}
		for _, doubt := range doubts {
			fmt.Fprintln(c.err, "warning:", doubt)
		}
		return c.report(all, "site %s: %s, %s, %s; log at epoch %d, revision %d: %s\nits database is %s\n%s\n",
			c.site.Name, counted(report.Users, "user"), counted(report.Credentials, "credential"), counted(report.Readers, "reader"), report.Epoch, report.Revision, well, report.Database, controllersText(all.Controllers, c.site.Shared(), standing.Several))
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
		return c.report(map[string]string{"doubt": doubt.String()}, "%s\n", cmp.Or(doubt.String(), "this machine's clock is in no doubt"))
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
	c.details = "Stop all controllers of the site first. An older backup holds the older key: whoever can open that backup\ncan read what was encrypted until now. Bring the new storage.key to the directories of the other\ncontrollers: they do not start with the older one."
	return func(ctx context.Context, _ []string) error {
		unlock, err := lock(c.dir)
		if err != nil {
			return err
		}
		defer unlock()
		release, err := c.site.Alone(ctx) // controllers on other machines
		if err != nil {
			return err
		}
		defer release()
		if err := c.desk.NewStorageKey(ctx, c.actor); err != nil {
			return err
		}
		others := ""
		if c.site.Shared() {
			others = fmt.Sprintf("\nif it has other controllers, copy %s to the directory of each: they do not start with the former key", c.site.StorageKeyFile())
		}
		return c.report(map[string]string{"site": c.site.Name}, "site %s has another storage key; make a new backup now%s\n", c.site.Name, others)
	}
}

func siteMove(c *invocation) action {
	c.details = `Stop all controllers of the site first. All of it is copied and compared, then the directory's file "database"
says where it is. If it is interrupted, the site is in the old database or in the new one, whole; do it
again. Nothing is lost, so no new epoch begins, and readers notice nothing. The old database stays as it
was, but nobody can work with it any more: delete it when a backup of the moved site is made.`
	to := c.String("to", "", "a `URL` of an empty database, like postgres://latchkey@db.example/home, or sqlite: in the directory")
	return func(ctx context.Context, _ []string) error {
		address := *to
		if address == "sqlite" {
			address = ""
		}
		unlock, err := lock(c.dir)
		if err != nil {
			return err
		}
		defer unlock()
		moved, err := c.desk.MoveSite(ctx, c.actor, address)
		if moved == nil {
			return err
		}
		if err != nil {
			return fmt.Errorf("the site is in %s now, but %s does not say so yet: %w; any command there tries that again", moved.To, c.dir, err)
		}
		return c.report(moved, `site %s is in %s now: %s, %s, compared.
%s holds what it has left, which nobody can work with any more. Make a backup of the site, then delete it:

  %s
`, c.site.Name, moved.To, counted(moved.Tables, "table"), counted(int(moved.Rows), "row"), moved.From, moved.Delete)
	}
}
