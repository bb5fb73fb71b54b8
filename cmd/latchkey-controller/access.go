package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
)

// An accessRow is how somebody may open a reader's door, as JSON.
type accessRow struct {
	User   uint64   `json:"user,omitempty"` // of place access
	Name   string   `json:"name,omitempty"`
	Reader string   `json:"reader"`
	Door   string   `json:"door"`
	Place  string   `json:"place"`
	Groups []string `json:"groups"`         // that may open it
	With   string   `json:"with,omitempty"` // "PIN or card"
	When   string   `json:"when"`           // "always", "Mon 08:00-18:00"
	Zone   string   `json:"zone"`           // of When

	From  time.Time `json:"valid-from,omitzero"`  // the user's own dates
	Until time.Time `json:"valid-until,omitzero"` //

	Now    string `json:"now,omitempty"`    // with what it opens now
	Not    string `json:"not,omitempty"`    // why it does not open now
	Never  string `json:"never,omitempty"`  // why it cannot be opened at all
	Held   bool   `json:"held,omitempty"`   // it is held open to everybody now
	Unsure string `json:"unsure,omitempty"` // why the reader may do otherwise; none where no controller runs
	Limits string `json:"limits,omitempty"` // of their PIN
}

func accessRowOf(a *desk.Access, running bool, in *time.Location) accessRow {
	row := accessRow{Reader: a.Reader, Door: a.Door, Place: a.Place, Groups: a.Groups, With: a.How().String(), When: a.When().String(), Zone: a.Zone, Now: a.ByNow().String(), Not: a.Not.String(), Never: a.Never.String(), Held: a.Held, Limits: a.Limits.String()}
	if running {
		row.Unsure = a.Unsure.String()
	}
	if !a.From.IsZero() {
		row.From = a.From.In(in)
	}
	if !a.Until.IsZero() {
		row.Until = a.Until.In(in)
	}
	return row
}

// line returns the columns that both tables have.
func (r *accessRow) line() string {
	now := r.Now
	switch {
	case r.Never != "":
		now = "never: " + r.Never
	case r.Not != "":
		now = "no: " + r.Not
	}
	switch {
	case r.Held:
		now = "the door is unlocked for everybody"
	case r.Unsure != "":
		now += " (perhaps not so at the reader: " + r.Unsure + ")"
	}
	when := r.When
	if !r.From.IsZero() {
		when += ", from " + shortTime(r.From, r.From.Location())
	}
	if !r.Until.IsZero() {
		when += ", until " + shortTime(r.Until, r.Until.Location())
	}
	if r.Limits != "" {
		when += ", " + r.Limits
	}
	return fmt.Sprintf("%s\t%s\t%s", orDash(r.With), when, now)
}

const ofRunning = "NOW goes by what the readers say of themselves, if a controller runs on the site. Times are\nthose of the door."

// readersNow returns all readers, with what they say of themselves if a controller runs.
func (c *invocation) readersNow(ctx context.Context) (readers []*desk.Reader, running bool, err error) {
	readers, err = c.running(sessionUser()).Readers(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		readers, err = c.desk.Readers(ctx, c.actor)
		return readers, false, err
	}
	return readers, true, err
}

func userAccess(c *invocation) action {
	c.details = ofRunning
	return func(ctx context.Context, args []string) error {
		u, err := c.desk.FindUser(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		readers, running, err := c.readersNow(ctx)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		all, err := c.desk.UserAccess(ctx, c.actor, readers, u.ID)
		if err != nil {
			return err
		}
		rows, lines := []accessRow{}, []string{}
		for _, a := range all {
			row := accessRowOf(a, running, in)
			rows, lines = append(rows, row), append(lines, fmt.Sprintf("%s\t%s\t%s", row.Door, row.Reader, row.line()))
		}
		none := fmt.Sprintf("none of their groups may open a door; put them into one that may with: latchkey-controller group members --dir %s GROUP add --user %d", c.dir, u.ID)
		if u.Visit != nil { // is in no group
			none = "no door to which they are invited takes visitors; have it do so with: latchkey-controller place visitors --dir " + c.dir + " door NUMBER on"
		}
		return c.printTable(rows, none, "DOOR\tREADER\tWITH\tWHEN\tNOW\n", lines)
	}
}

func placeAccess(c *invocation) action {
	c.details = "NUMBER is the one that place list shows.\n" + ofRunning
	search := c.String("search", "", "those whose name or groups have `words` that begin so")
	return func(ctx context.Context, args []string) error {
		door, err := c.desk.Door(ctx, c.actor, placeNumber(args[1]))
		if errors.Is(err, desk.ErrNotFound) {
			return fmt.Errorf("there is no door %s; latchkey-controller place list shows all of them", args[1])
		}
		if err != nil {
			return err
		}
		readers, running, err := c.readersNow(ctx)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		readers = slices.DeleteFunc(readers, func(r *desk.Reader) bool { return r.DoorID != door.ID })
		rows, lines := []accessRow{}, []string{}
		for q := (desk.OpenerQuery{Search: *search, Limit: 1000}); ; {
			page, err := c.desk.DoorAccess(ctx, c.actor, readers, q)
			if err != nil {
				return err
			}
			for _, o := range page.Openers {
				for _, a := range o.At {
					row := accessRowOf(a, running, in)
					row.User, row.Name = o.ID, o.Name
					rows, lines = append(rows, row), append(lines, strings.Join([]string{fmt.Sprint(o.ID), o.Name, a.Reader, row.line()}, "\t"))
				}
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		none := fmt.Sprintf("nobody may open it; let a group with: latchkey-controller group access --dir %s GROUP give --door %d", c.dir, door.ID)
		switch {
		case len(readers) == 0:
			none = "no reader serves this door; add one with: latchkey-controller reader add --dir " + c.dir + " --reader ID --request FILE --out BUNDLE --group GROUP"
		case *search != "":
			none = fmt.Sprintf("nobody who may open it is called like that; latchkey-controller place access --dir %s door %d shows all of them", c.dir, door.ID)
		}
		return c.printTable(rows, none, "USER\tNAME\tREADER\tWITH\tWHEN\tNOW\n", lines)
	}
}
