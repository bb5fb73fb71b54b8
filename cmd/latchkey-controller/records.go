package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func recordsCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "records", "[--follow] [--reader ID] [--kind KIND]… [--since T] [--until T] [--last N]",
		"Shows what readers have reported, and what the controller noticed about them, in the order of arrival.\n"+timesOfLists+" Times are by the readers' clocks.")
	var f store.Filter
	follow := o.Bool("follow", false, "go on as more arrive, until interrupted")
	o.StringVar(&f.Reader, "reader", "", "of this reader only: its `id`")
	o.Func("kind", "of this `kind` only, like access.granted, or access. for all that begin so; may be repeated", func(kind string) error {
		f.Kinds = append(f.Kinds, kind)
		return nil
	})
	since, until := boundFlag(o, "since", "from this `time` on"), boundFlag(o, "until", "before this `time`")
	o.IntVar(&f.Last, "last", 0, "the newest so many: a `number`; all unless given")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	if f.Last < 0 {
		return usagef("latchkey-controller records: --last %d", f.Last)
	}
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
	for _, end := range []struct {
		given *bound
		into  *int64
	}{{since, &f.Since}, {until, &f.Until}} {
		t, err := end.given.at(now, in)
		if err != nil {
			return err
		}
		if !t.IsZero() {
			*end.into = t.UnixMilli()
		}
	}
	p := &printer{c: c, o: o, d: d, in: in, f: f}
	if !*follow {
		return p.more(ctx)
	}
	err = d.site.Watch(ctx, func() error { return p.more(ctx) })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// A printer prints records as they come.
type printer struct {
	c      console
	o      *options
	d      *counter
	in     *time.Location // the site's time zone
	f      store.Filter
	alarms int64 // the last one printed
}

// pageOf is how many records are held in memory at once.
const pageOf = 1000

// more prints what has arrived since.
func (p *printer) more(ctx context.Context) error {
	for {
		f := p.f
		f.First = pageOf
		records, alarms, err := p.d.Records(ctx, p.d.actor, f, p.alarms, p.in)
		if err != nil {
			return err
		}
		if len(records)+len(alarms) == 0 {
			return nil
		}
		if p.f.Last != 0 {
			records, alarms = newest(records, alarms, p.f.Last)
		}
		for len(records)+len(alarms) > 0 {
			if len(alarms) > 0 && (len(records) == 0 || alarms[0].At <= records[0].Received) {
				err = p.alarm(alarms[0])
				p.alarms, alarms = alarms[0].ID, alarms[1:]
			} else {
				err = p.record(records[0])
				p.f.After, records = records[0].ID, records[1:]
			}
			if err != nil {
				return err
			}
		}
		p.f.Last = 0
	}
}

// newest leaves the newest n of both together.
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

func (p *printer) alarm(a *store.Alarm) error {
	if p.o.json {
		return printLine(p.c.out, map[string]any{"reader": a.Reader, "kind": a.Kind, "time": time.UnixMilli(a.At).In(p.in), "by": "controller", "text": desk.Clean(a.Text)})
	}
	_, err := fmt.Fprintf(p.c.out, "%s  %-16s %-22s %s\n", moment(time.UnixMilli(a.At), p.in), orDash(a.Reader), "! "+a.Kind, desk.Clean(a.Text))
	return err
}

func (p *printer) record(r *desk.Record) error {
	if r.Says == nil {
		_, err := fmt.Fprintf(p.c.err, "record %d of %s, journal %s, cannot be read: %s; the database is damaged, and a backup may have it\n", r.Number, r.Reader, r.Journal, r.Text)
		return err
	}
	if p.o.json {
		return printLine(p.c.out, recordJSON(r.Record, r.Says, p.in))
	}
	clock := " "
	if !r.Says.Trusted {
		clock = "?" // by a clock that is not to be trusted
	}
	_, err := fmt.Fprintf(p.c.out, "%s%s %-16s %-22s %s\n", moment(time.UnixMilli(r.Says.Time), p.in), clock, r.Reader, desk.Clean(string(r.Says.Kind)), desk.Clean(r.Text))
	return err
}

// A jsonRecord is a record for programs.
type jsonRecord struct {
	Reader     string    `json:"reader"`
	Journal    string    `json:"journal"`
	Number     uint64    `json:"number"`
	Hash       string    `json:"hash"`
	Kind       string    `json:"kind"`
	Time       time.Time `json:"time"`
	Trusted    bool      `json:"time-trusted"`
	Received   time.Time `json:"received"`
	Seq        uint64    `json:"seq,omitempty"`
	Credential uint64    `json:"credential,omitempty"`
	User       uint64    `json:"user,omitempty"`
	By         string    `json:"by,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Wrong      uint16    `json:"wrong,omitempty"`
	Seconds    uint32    `json:"seconds,omitempty"`
	Users      []uint64  `json:"users,omitempty"`
	Tag        string    `json:"unknown-card,omitempty"`
	Command    string    `json:"command,omitempty"`
	Order      string    `json:"order,omitempty"`
	Who        string    `json:"who,omitempty"`
	Epoch      uint64    `json:"epoch,omitempty"`
	Revision   uint64    `json:"revision,omitempty"`
	Policy     uint64    `json:"policy-revision,omitempty"`
	Subject    string    `json:"subject,omitempty"`
	Text       string    `json:"text,omitempty"`
	Count      uint64    `json:"count,omitempty"`
	First      uint64    `json:"first,omitempty"`
	Last       uint64    `json:"last,omitempty"`
	Version    string    `json:"version,omitempty"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
}

func recordJSON(row *store.Record, r *wire.Record, in *time.Location) *jsonRecord {
	out := &jsonRecord{
		Reader: row.Reader, Journal: row.Journal.String(), Number: r.Number, Hash: row.Hash.String(), Kind: desk.Clean(string(r.Kind)),
		Time: time.UnixMilli(r.Time).In(in), Trusted: r.Trusted, Received: time.UnixMilli(row.Received).In(in),
		Seq: r.Seq, Credential: r.Credential, User: r.User, By: desk.Clean(string(r.By)), Reason: desk.Clean(string(r.Reason)), Cause: desk.Clean(string(r.Cause)), Wrong: r.Wrong,
		Seconds: r.Seconds, Users: slices.Clone(r.Users), Tag: hex.EncodeToString(r.Tag), Order: desk.Clean(string(r.Order)), Who: desk.Clean(r.Who),
		Epoch: r.Epoch, Revision: r.Revision, Policy: r.PolicyRevision, Subject: desk.Clean(r.Subject), Text: desk.Clean(r.Text), Count: r.Count,
		First: r.First, Last: r.Last, Version: desk.Clean(r.Version),
	}
	if r.Kind == wire.ClockStepped {
		out.From, out.To = time.UnixMilli(r.From).In(in), time.UnixMilli(r.To).In(in)
	}
	if r.Command != (wire.CommandID{}) {
		out.Command = r.Command.String()
	}
	return out
}
