package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func activity(c *invocation) action {
	var kinds []string
	for _, kind := range desk.Kinds() {
		kinds = append(kinds, kind.Key)
	}
	kind := c.String("kind", "", "one of "+strings.Join(kinds, ", ")+", or a `kind` of record like access.granted")
	return listActivity(c, func(q *desk.Query) { q.Kind = *kind })
}

func audit(c *invocation) action {
	return listActivity(c, func(q *desk.Query) { q.Kind = "admin" })
}

// listActivity prints or exports what has happened, the newest last.
func listActivity(c *invocation, choose func(*desk.Query)) action {
	c.details = "The newest comes last. " + timesOfLists
	var q desk.Query
	c.Int64Var(&q.Door, "door", 0, "at this door only: its `number`, as place list shows it")
	c.StringVar(&q.Reader, "reader", "", "at this reader only: its `id`")
	user := c.String("user", "", "about this `user` only: the number, or words of a name, present or past (of a door or an administrator, too)")
	since, until := boundFlag(c, "since", "from this `time` on"), boundFlag(c, "until", "before this `time`")
	q.Limit = 50
	c.newest(&q.Limit, "only the newest: a `number`; 50 unless given")
	export := c.oneOf("export", "write all of them, the oldest first, as `csv|json`", string(desk.CSV), string(desk.JSON))
	return func(ctx context.Context, _ []string) error {
		choose(&q)
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		now := c.desk.Now()
		if q.Since, err = since.at(now, in); err != nil {
			return err
		}
		if q.Until, err = until.at(now, in); err != nil {
			return err
		}
		if *user != "" {
			if q.User, err = strconv.ParseUint(*user, 10, 63); err != nil {
				q.User, q.Name = 0, *user
			}
		}
		if *export != "" {
			return c.desk.Export(ctx, c.actor, q, desk.Format(*export), c.out)
		}
		page, err := c.desk.Activity(ctx, c.actor, q)
		if err != nil {
			return err
		}
		for _, e := range slices.Backward(page.Events) {
			if err := c.printEvent(e, in); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *invocation) printEvent(e *desk.Event, in *time.Location) error {
	if c.json {
		return printLine(c.out, map[string]any{"id": e.ID, "time": e.At.In(in), "kind": e.Kind, "result": e.Result, "door": e.Door, "reader": e.Reader, "user": e.User, "administrator": e.Who, "text": e.Text.String()})
	}
	there := ""
	if e.DoorZone != nil {
		there = fmt.Sprintf(" (%s in %s)", longTime(e.At, e.DoorZone), e.DoorZone)
	}
	_, err := fmt.Fprintf(c.out, "%s  %-12s %s%s\n", longTime(e.At, in), e.Word, e.Text, there)
	return err
}
