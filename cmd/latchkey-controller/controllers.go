package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
)

func controllerList(c *invocation) action {
	c.details = `Any number of latchkey-controller serve may work on a site whose database is in PostgreSQL. One leads each cell:
it talks to the readers there. The others stand by, and one of the cell takes over when it fails. Commands work in the directory
of each of them. SCHEMA is the version of the tables that its program brings: while controllers are upgraded one after the
other, it tells which are.`
	return func(ctx context.Context, _ []string) error {
		all, err := c.controllers(ctx)
		if err != nil {
			return err
		}
		standing, err := c.desk.Standing(ctx)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		lines := []string{}
		for _, row := range all {
			is := "stands by"
			if row.Leads {
				is = "leads"
			}
			if row.Since != nil {
				is += " since " + shortTime(*row.Since, in)
			}
			if row.Here {
				is += ", in this directory"
			}
			machine := fmt.Sprintf("%s\t%s\t%d\t", row.Machine, orDash(row.Address), row.Schema)
			if standing.Several {
				machine += orDash(row.Cell) + "\t"
			}
			lines = append(lines, machine+is)
		}
		of := ""
		if standing.Several {
			of = "CELL\t"
		}
		if err := c.printTable(all, "no controller runs on this site; start one with: latchkey-controller serve --dir DIR", fmt.Sprintf("MACHINE\tADDRESS\tSCHEMA\t%sIS (%s)\n", of, in), lines); err != nil {
			return err
		}
		switch unled := standing.Unled(); {
		case c.json || unled == "":
		case standing.Several:
			fmt.Fprintf(c.out, "nobody leads %s now; %s\n", unled, standing.Remedy())
		default:
			fmt.Fprintln(c.out, "none leads now; one that stands by takes over within seconds. If this stays, look at the log of each")
		}
		return nil
	}
}

// A controllerRow is a controller, in JSON.
type controllerRow struct {
	Machine string     `json:"machine"`
	Cell    string     `json:"cell"`              // name
	Address string     `json:"address,omitempty"` // as the database sees it
	Leads   bool       `json:"leads"`
	Since   *time.Time `json:"since"`          // since when it leads, or stands by; null: not known
	Term    uint64     `json:"term,omitempty"` // of its lead
	Here    bool       `json:"here"`           // in this directory
	Schema  int        `json:"schema"`         // version of the tables that its program brings; 0: not known
}

// controllers returns the controllers of the site, who leads first. Without a database server only the one that runs
// in the directory knows that it does.
func (c *invocation) controllers(ctx context.Context) ([]controllerRow, error) {
	all, err := c.running(sessionUser()).Controllers(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		all, err = c.desk.Controllers(ctx, c.actor)
	}
	if err != nil {
		return nil, err
	}
	rows := []controllerRow{}
	for _, s := range all {
		rows = append(rows, newControllerRow(s))
	}
	return rows, nil
}

func newControllerRow(s desk.ControllerStatus) controllerRow {
	row := controllerRow{Machine: s.Machine, Cell: s.CellName, Address: s.Address, Leads: s.Leads, Term: s.Term, Here: s.This, Schema: s.Schema}
	if !s.Since.IsZero() {
		row.Since = &s.Since
	}
	return row
}

// controllersText says how many controllers there are, and who leads. shared: others could stand by. several: the site has
// several cells.
func controllersText(all []controllerRow, shared, several bool) string {
	switch n := len(all); {
	case several && n > 0:
		text := counted(n, "controller")
		for _, c := range all {
			if c.Leads {
				text += "; " + where(c) + " leads the cell " + c.Cell
			}
		}
		return text + ofSeveralVersions(all)
	case all == nil:
		return "its controllers are not known"
	case n == 0:
		return "no controller runs"
	case n == 1 && !all[0].Leads:
		return where(all[0]) + " runs, but does not lead now"
	case !all[0].Leads:
		return fmt.Sprintf("%d controllers, of which none leads now", n)
	case !shared:
		return where(all[0]) + " serves it"
	case n == 1:
		return where(all[0]) + " leads; no other one stands by"
	default:
		return fmt.Sprintf("%d controllers; the one on %s leads", n, strings.TrimPrefix(where(all[0]), "the controller on ")) + ofSeveralVersions(all)
	}
}

// ofSeveralVersions says that an upgrade is not finished; "": all controllers have the same.
func ofSeveralVersions(all []controllerRow) string {
	older := func(a, b controllerRow) int { return cmp.Compare(a.Schema, b.Schema) }
	first, last := slices.MinFunc(all, older), slices.MaxFunc(all, older)
	if first.Schema == last.Schema {
		return ""
	}
	return fmt.Sprintf(". They are of several versions (schema %d to %d); upgrade %s", first.Schema, last.Schema, where(first))
}

// namesakes says which machines of controllers have the same name at different addresses, as copies of one disk have, and
// what to do; "": none do.
func namesakes(all []controllerRow) string {
	at := map[string]string{} // addresses, by name
	for _, row := range all {
		address := cmp.Or(row.Address, "the database's own machine")
		if first, again := at[row.Machine]; again && first != address {
			return fmt.Sprintf("controllers run on two machines that are both called %s (%s and %s), so what names a controller does not tell which: give each machine a name of its own (hostnamectl set-hostname NAME) and restart its controller", row.Machine, first, address)
		}
		at[row.Machine] = address
	}
	return ""
}

func where(c controllerRow) string {
	return desk.ControllerStatus{Machine: c.Machine, Address: c.Address}.Where()
}
