package main

import (
	"context"
	"errors"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/zone"
)

func initCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "init", "--site NAME [--zone ZONE]",
		"Makes a new site: its keys, its certificate authority and an empty list of credentials.\nThe directory is the site. Keep it private, and keep a backup of it.")
	name := o.String("site", "", "the site's `name`: up to 32 lower-case letters, digits and hyphens")
	in := zoneFlag(o, "unless given the one of this machine, or UTC if that cannot be told")
	if _, err := o.parse(args, 0, "site"); err != nil {
		return err
	}
	if *in == "" {
		*in = zone.OfMachine()
	}
	s, err := site.Create(ctx, o.dir, *name, *in, clock.Read())
	if err != nil {
		return err
	}
	defer s.Close()
	if o.json {
		return printJSON(c.out, map[string]string{"site": s.Name, "id": s.ID.String(), "controller": s.Fingerprint(), "zone": *in})
	}
	_, err = fmt.Fprintf(c.out, "site        %s\nid          %s\ncontroller  %s\ntime zone   %s\n\nAdd users with: latchkey-controller user add --dir %s --name NAME --pin auto\n", s.Name, s.ID, s.Fingerprint(), *in, o.dir)
	return err
}

// zoneFlag adds the flag of the site's time zone.
func zoneFlag(o *options, otherwise string) *string {
	var name string
	o.Func("zone", "the site's time `zone`, like Europe/Berlin, in which times are written and shown; "+otherwise, func(text string) error {
		name = text
		_, err := zone.Load(text)
		return err
	})
	return &name
}

func checkCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "check", "", "Reads everything the site holds and says what is wrong.")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	s, err := site.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	report, err := s.Check(ctx)
	if err != nil {
		return err
	}
	if err := s.Full(); err != nil {
		return fmt.Errorf("%w; until then readers keep what they report, and orders are noted from space kept for them", err)
	}
	doubt, err := desk.New(desk.Options{Site: s}).Doubt(ctx)
	if err != nil {
		return err
	}
	if doubt != "" {
		return errors.New(doubt)
	}
	if o.json {
		return printJSON(c.out, report)
	}
	_, err = fmt.Fprintf(c.out, "site %s: %d users, %d credentials, %d readers; log at epoch %d, revision %d: all is well\n",
		s.Name, report.Users, report.Credentials, report.Readers, report.Epoch, report.Revision)
	return err
}
