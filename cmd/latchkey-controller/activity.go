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

func activityCommand(ctx context.Context, c console, args []string) error {
	var kinds []string
	for _, kind := range desk.Kinds() {
		kinds = append(kinds, kind.Key)
	}
	o := newOptions(c, "activity", "[--door NUMBER] [--reader ID] [--user USER] [--kind KIND] [--since T] [--until T] [--last N | --export csv|json]",
		"Shows what has happened at doors and at the desk, the newest last. "+timesOfLists)
	kind := o.String("kind", "", "one of "+strings.Join(kinds, ", ")+", or a `kind` of record like access.granted")
	return activity(ctx, c, o, args, func(q *desk.Query) { q.Kind = *kind })
}

func auditCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "audit", "[--user USER] [--since T] [--until T] [--last N | --export csv|json]", "Shows what administrators have done, and what they were refused, the newest last. "+timesOfLists)
	return activity(ctx, c, o, args, func(q *desk.Query) { q.Kind = "admin" })
}

// activity prints or exports entries.
func activity(ctx context.Context, c console, o *options, args []string, choose func(*desk.Query)) error {
	var q desk.Query
	o.Int64Var(&q.Door, "door", 0, "at this door only: its `number`, as place list shows it")
	o.StringVar(&q.Reader, "reader", "", "at this reader only: its `id`")
	user := o.String("user", "", "about this `user` only: the number, or words of a name, of now or of then (a door's or an administrator's, too)")
	since, until := boundFlag(o, "since", "from this `time` on"), boundFlag(o, "until", "before this `time`")
	o.IntVar(&q.Limit, "last", 50, "the newest so many: a `number`")
	export := o.String("export", "", "write all of them, the oldest first, as `csv|json`")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	if q.Limit < 1 {
		return usagef("%s: --last %d", o.Name(), q.Limit)
	}
	if *export != "" && *export != string(desk.CSV) && *export != string(desk.JSON) {
		return usagef("%s: --export is csv or json", o.Name())
	}
	choose(&q)
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	in, err := d.Zone(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if q.Since, err = since.at(now, in); err != nil {
		return err
	}
	if q.Until, err = until.at(now, in); err != nil {
		return err
	}
	if *user != "" {
		if q.User, err = strconv.ParseUint(*user, 10, 63); err != nil {
			q.User, q.Named = 0, *user
		}
	}
	if *export != "" {
		return d.Export(ctx, d.actor, q, desk.Format(*export), c.out)
	}
	page, err := d.Activity(ctx, d.actor, q)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(page.Entries) {
		if o.json {
			err = printLine(c.out, map[string]any{"id": e.ID, "time": e.At.In(in), "kind": e.Kind, "result": e.Tone, "door": e.Door, "reader": e.Reader, "user": e.User, "administrator": e.Who, "text": e.Text.String()})
		} else {
			there := ""
			if e.There != nil {
				there = fmt.Sprintf(" (%s in %s)", moment(e.At, e.There), e.There)
			}
			_, err = fmt.Fprintf(c.out, "%s  %-8s %s%s\n", moment(e.At, in), e.Word, e.Text, there)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func settingsCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "settings", "show|set [--keep-days N] [--zone ZONE]", "Shows or changes what is set for the whole site. With another time zone each date stays the moment that\nit was, and doors keep theirs.")
	days := o.Int("keep-days", 0, "for how many `days` activity is kept; acts of administrators for 90 at least")
	in := zoneFlag(o, "doors have their own")
	arguments, err := o.parse(args, 1)
	if err != nil {
		return err
	}
	if action := arguments[0]; action != "show" && action != "set" || (action == "set") != (*days != 0 || *in != "") {
		return usagef("latchkey-controller settings: show, or set with --keep-days or --zone; see latchkey-controller settings --help")
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	if *in != "" {
		if err := d.SetZone(ctx, d.actor, *in); err != nil {
			return err
		}
	}
	if *days != 0 {
		if err := d.SetSettings(ctx, d.actor, desk.Settings{KeepDays: *days}); err != nil {
			return err
		}
	}
	settings, err := d.Settings(ctx, d.actor)
	if err != nil {
		return err
	}
	zone, err := d.Zone(ctx)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]any{"keep-days": settings.KeepDays, "zone": zone.String()})
	}
	_, err = fmt.Fprintf(c.out, "activity is kept for %d days\ntime zone %s\n", settings.KeepDays, zone)
	return err
}
