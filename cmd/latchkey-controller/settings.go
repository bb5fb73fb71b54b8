package main

import (
	"context"
	"fmt"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/zone"
)

func settings(c *invocation) action {
	c.details = "In another time zone all dates stay the moments that they are, and doors keep their own zones unless --zone-of-doors is given.\nWith --pins tpm-only, readers without a TPM take no PINs from now on, and a stolen one gives none away:\na new epoch begins, whose PIN key they do not get. Cards work everywhere."
	days := c.Int("keep-days", 0, "for how many `days` activity is kept; acts of administrators for 90 at least")
	name := zoneFlag(c, "doors have their own")
	doors := c.Bool("zone-of-doors", false, "with --zone: the doors that have the zone of before get it, too")
	var budget *int
	c.Func("guess-budget", "how many `PINs` a reader's TPM checks beyond those that were entered: what a thief gets; 500 unless set", func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("write a number from %d to %d", desk.MinGuessBudget, desk.MaxGuessBudget)
		}
		budget = &n
		return nil
	})
	pins := c.oneOf("pins", "which `readers` take PINs: all, or tpm-only", allReaders, tpmOnly)
	c.check = func(args []string) error {
		if (args[0] == "set") != (*days != 0 || *name != "" || budget != nil || *pins != "") {
			return c.wrongUse("show, or set with --keep-days, --zone, --guess-budget or --pins")
		}
		if *doors && *name == "" {
			return c.wrongUse("--zone-of-doors goes with --zone")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		if *name != "" {
			if _, err := c.desk.SetZone(ctx, c.actor, desk.ZoneForm{Zone: *name, Doors: *doors}); err != nil {
				return err
			}
		}
		if *days != 0 {
			if err := c.desk.SetKeepDays(ctx, c.actor, *days); err != nil {
				return err
			}
		}
		if budget != nil {
			if err := c.desk.SetGuessBudget(ctx, c.actor, *budget); err != nil {
				return err
			}
		}
		if *pins != "" {
			if err := c.desk.SetPINReaders(ctx, c.actor, *pins == tpmOnly); err != nil {
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
		theft, err := c.desk.Theft(ctx, c.actor)
		if err != nil {
			return err
		}
		readers := allReaders
		if theft.OnlyTPM {
			readers = tpmOnly
		}
		stays := ""
		if budget != nil {
			stays = "; what readers have got already stays theirs"
		}
		return c.report(map[string]any{"keep-days": kept, "zone": in.String(), "guess-budget": theft.Budget, "pins": readers},
			"activity is kept for %s\ntime zone %s\na reader's TPM gets %d guesses%s\nPINs are taken at %s\n%s\n", counted(kept, "day"), in, theft.Budget, stays, pinReaders[readers], theft)
	}
}

// Which readers take PINs.
const allReaders, tpmOnly = "all", "tpm-only"

var pinReaders = map[string]string{allReaders: "all readers", tpmOnly: "readers with a TPM only"}

// zoneFlag adds the flag of the site's time zone.
func zoneFlag(c *invocation, otherwise string) *string {
	var name string
	c.Func("zone", "the site's time `zone`, like Europe/Berlin, in which times are written and shown; "+otherwise, func(text string) error {
		name = zone.Named(text)
		_, err := zone.Load(name)
		return err
	})
	return &name
}
