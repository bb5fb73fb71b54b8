package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
)

func records(c *invocation) action {
	c.details = "They come in the order of arrival, with times by the readers' clocks. " + timesOfLists
	p := &recordPrinter{invocation: c}
	follow := c.Bool("follow", false, "go on as more arrive, until interrupted")
	c.StringVar(&p.filter.Reader, "reader", "", "of this reader only: its `id`")
	c.Func("kind", "of this `kind` only, like access.granted, or access. for all that begin so; may be repeated", func(kind string) error {
		p.filter.Kinds = append(p.filter.Kinds, kind)
		return nil
	})
	since, until := boundFlag(c, "since", "from this `time` on"), boundFlag(c, "until", "before this `time`")
	c.newest(&p.filter.Last, "only the newest: a `number`; all unless given")
	return func(ctx context.Context, _ []string) (err error) {
		if p.in, err = c.site.Zone(ctx); err != nil {
			return err
		}
		now := c.site.Now()
		for _, end := range []struct {
			given *bound
			into  *int64
		}{{since, &p.filter.Since}, {until, &p.filter.Until}} {
			t, err := end.given.at(now, p.in)
			if err != nil {
				return err
			}
			if !t.IsZero() {
				*end.into = t.UnixMilli()
			}
		}
		if !*follow {
			return p.more(ctx)
		}
		err = c.site.Watch(ctx, func() error { return p.more(ctx) })
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
}

// A recordPrinter prints records and alarms as they come.
type recordPrinter struct {
	*invocation
	in     *time.Location // the site's time zone
	filter store.Filter
	alarms int64 // the last one printed
}

// pageSize is how many records are held in memory at once.
const pageSize = 1000

// more prints what has arrived since it was called last.
func (p *recordPrinter) more(ctx context.Context) error {
	for {
		f := p.filter
		f.First = pageSize
		records, alarms, err := p.desk.Records(ctx, p.actor, f, p.alarms, p.in)
		if err != nil {
			return err
		}
		if len(records)+len(alarms) == 0 {
			return nil
		}
		if p.filter.Last != 0 {
			records, alarms = newest(records, alarms, p.filter.Last)
		}
		for len(records)+len(alarms) > 0 {
			if len(alarms) > 0 && (len(records) == 0 || alarms[0].At <= records[0].Received) {
				err = p.alarm(alarms[0])
				p.alarms, alarms = alarms[0].ID, alarms[1:]
			} else {
				err = p.record(records[0])
				p.filter.After, records = records[0].ID, records[1:]
			}
			if err != nil {
				return err
			}
		}
		p.filter.Last = 0
	}
}

// newest returns the newest n of both together.
func newest(records []*desk.Record, alarms []*store.Alarm, n int) ([]*desk.Record, []*store.Alarm) {
	for len(records)+len(alarms) > n {
		if len(records) > 0 && (len(alarms) == 0 || records[0].Received < alarms[0].At) {
			records = records[1:]
		} else {
			alarms = alarms[1:]
		}
	}
	return records, alarms
}

func (p *recordPrinter) alarm(a *store.Alarm) error {
	if p.json {
		return printLine(p.out, map[string]any{"reader": a.Reader, "kind": a.Kind, "time": time.UnixMilli(a.At).In(p.in), "by": "controller", "text": desk.Clean(a.Text)})
	}
	_, err := fmt.Fprintf(p.out, "%s  %-16s %-22s %s\n", longTime(time.UnixMilli(a.At), p.in), orDash(a.Reader), "! "+a.Kind, desk.Clean(a.Text))
	return err
}

func (p *recordPrinter) record(r *desk.Record) error {
	if r.Decoded == nil {
		_, err := fmt.Fprintf(p.err, "record %d of %s, journal %s, cannot be read: %s; the database is damaged, and a backup may have it\n", r.Number, r.Reader, r.Journal, r.Text)
		return err
	}
	if p.json {
		return printLine(p.out, recordJSON(r.Record, r.Decoded, p.in))
	}
	clock := " "
	if !r.Decoded.Trusted {
		clock = "?" // the reader does not trust its clock
	}
	_, err := fmt.Fprintf(p.out, "%s%s %-16s %-22s %s\n", longTime(time.UnixMilli(r.Decoded.Time), p.in), clock, r.Reader, desk.Clean(string(r.Decoded.Kind)), desk.Clean(r.Text))
	return err
}
