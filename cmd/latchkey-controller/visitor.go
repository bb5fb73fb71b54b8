package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func visitorInvite(c *invocation) action {
	c.details = "The PIN is made for the visitor, and shown this once. It opens the doors from one time until the other,\nand what everyone may open. A day after the end the visitor is removed.\n" + timesOfUsers + "\n" + eachReader
	var form desk.VisitForm
	c.Func("name", "the visitor's `name`, as screens greet: up to 64 bytes; the last word is the last name", func(name string) error {
		form.First, form.Last = splitName(name)
		return nil
	})
	date := func(name, usage string, into *string) {
		c.Func(name, usage, func(text string) error {
			*into = text
			return checkTime(text)
		})
	}
	date("from", "the `time` from which doors open; now unless given", &form.From)
	date("until", "the `time` until which doors open, at most 31 days after from", &form.Until)
	var doors []string
	c.Func("door", "a door: its `name`, or the number that place list shows; may be repeated", func(text string) error {
		if doors = append(doors, text); text == "" {
			return errors.New("write the name of a door")
		}
		return nil
	})
	limits := limitFlags(c)
	c.check = func([]string) error {
		if form.First == "" && form.Last == "" || form.Until == "" || len(doors) == 0 {
			return c.wrongUse("needs --name, --until and --door")
		}
		return nil
	}
	return func(ctx context.Context, _ []string) error {
		for _, text := range doors {
			door, err := c.findPlace(ctx, desk.Doors, text)
			if err != nil {
				return err
			}
			form.Doors = append(form.Doors, door.ID)
		}
		form.Limits = *limits
		id, chosen, err := c.desk.Invite(ctx, c.actor, form)
		if err != nil {
			return err
		}
		name := desk.TidyName(form.First + " " + form.Last)
		warnMissingLetters(c, name, desk.NoUserName)
		if err := printUser(c, id, name, chosen); err != nil {
			return err
		}
		return printDatesElsewhere(ctx, c, id)
	}
}

// A visitorRow is a visitor as JSON.
type visitorRow struct {
	User  uint64     `json:"user"`
	Name  string     `json:"name"`
	PIN   bool       `json:"pin"`
	From  *time.Time `json:"from"` // null: from when they were invited
	Until *time.Time `json:"until"`
	visitRow
}

// A visitRow is an invitation as JSON.
type visitRow struct {
	Doors   []visitedRow `json:"doors"`
	Invited *time.Time   `json:"invited"`
	By      string       `json:"by"`
}

func visitOf(v *desk.Visit, in *time.Location) visitRow {
	row := visitRow{[]visitedRow{}, timeOrNil(v.Invited, in), v.By}
	for _, d := range v.Doors {
		row.Doors = append(row.Doors, visitedRow{d.ID, d.Name, d.Place, d.Takes, d.But().String()})
	}
	return row
}

type visitedRow struct {
	Door  int64  `json:"door"`
	Name  string `json:"name"`
	Place string `json:"place"`
	Takes bool   `json:"takes-visitors"` // otherwise the invitation opens it no longer
	But   string `json:"but,omitempty"`  // what has become of the invitation to it
}

// text names the door, and says what has become of the invitation to it.
func (d *visitedRow) text() string {
	if d.But != "" {
		return d.Name + " (" + d.But + ")"
	}
	return d.Name
}

func visitorList(c *invocation) action {
	var times []string
	for _, at := range desk.VisitTimes()[1:] { // the first is any
		times = append(times, string(at))
	}
	at := c.oneOf("at", "those who visit now, are coming, or whose visit is over: a `time`", times...)
	return func(ctx context.Context, _ []string) error {
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		rows, lines := []visitorRow{}, []string{}
		for q := (desk.VisitQuery{At: desk.VisitTime(*at), Limit: 1000}); ; {
			page, err := c.desk.Visitors(ctx, c.actor, q)
			if err != nil {
				return err
			}
			for _, u := range page.Visitors {
				row := visitorRow{u.ID, u.Name, u.PIN, timeOrNil(u.From, in), timeOrNil(u.Until, in), visitOf(u.Visit, in)}
				var doors []string
				for _, d := range row.Doors {
					doors = append(doors, d.text())
				}
				rows = append(rows, row)
				lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%s\t%s", u.ID, u.Name, shortTime(u.From, in), shortTime(u.Until, in), orDash(strings.Join(doors, ", "))))
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		none := "no visitors; invite one with: latchkey-controller visitor invite --dir " + c.dir + " --name NAME --until T --door DOOR"
		if *at != "" {
			none = "no visit is then; latchkey-controller visitor list --dir " + c.dir + " shows all of them"
		}
		return c.printTable(rows, none, fmt.Sprintf("USER\tNAME\tFROM (%[1]s)\tUNTIL (%[1]s)\tDOORS\n", in), lines)
	}
}

func visitorEnd(c *invocation) action {
	c.details = "PIN and cards are taken away at once, and the visitor is removed a day later. Waits up to 5 s until the\nreaders that are online have confirmed it."
	noWait := c.Bool("no-wait", false, "do not wait for readers")
	return func(ctx context.Context, args []string) error {
		u, err := c.desk.FindUser(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		if err := c.desk.EndInvitation(ctx, c.actor, u.ID); err != nil {
			return absence(err, "visitor list shows all visitors")
		}
		s, err := c.awaitRollout(ctx, *noWait)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(c.out, struct {
				User      uint64 `json:"user"`
				Name      string `json:"name"`
				Readers   int    `json:"readers"`
				Confirmed int    `json:"confirmed"` // of these
			}{u.ID, u.Name, len(s.readers), s.confirmed})
		}
		if _, err := fmt.Fprintf(c.out, "the visit of %s has ended%s\n", desk.Clean(u.Name), s.text()); err != nil {
			return err
		}
		return c.printRest(ctx, s)
	}
}

func placeVisitors(c *invocation) action {
	c.details = "Visitors are invited with visitor invite. Switched off, those who are invited open the door no\nlonger, unless everyone may. " + numbersOfPlaces
	return func(ctx context.Context, args []string) error {
		door, take := placeNumber(args[1]), args[2] == "on"
		err := c.desk.TakeVisitors(ctx, c.actor, door, take)
		if take {
			return c.reportPlace(err, "visitors may be invited to door %d", door)
		}
		return c.reportPlace(err, "visitors cannot be invited to door %d", door)
	}
}
