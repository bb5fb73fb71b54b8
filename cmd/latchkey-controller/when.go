package main

import (
	"context"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// timesOfLists says how the times of a list are written.
const timesOfLists = "T is a day or a time in the site's time zone, a time with its offset, or a duration back from now, like\n2h."

// A bound is one end of the times that a list is about, as it was given.
type bound struct {
	flag, text string
	ago        bool // text is a duration back from now
	back       time.Duration
}

// boundFlag adds a flag for an end of the times that a list is about.
func boundFlag(o *options, name, usage string) *bound {
	b := &bound{flag: name}
	o.Func(name, usage, func(text string) error {
		var err error
		b.text = text
		if b.back, err = time.ParseDuration(text); err == nil && b.back >= 0 {
			b.ago = true
			return nil
		}
		return checkTime(text)
	})
	return b
}

// at returns the bound in a zone; zero: none was given.
func (b *bound) at(now time.Time, in *time.Location) (time.Time, error) {
	switch {
	case b.text == "":
		return time.Time{}, nil
	case b.ago:
		return now.Add(-b.back), nil
	}
	t, err := desk.ParseTime(b.text, 0, in)
	if err != nil {
		return t, fmt.Errorf("--%s: %w", b.flag, err)
	}
	return t, nil
}

// moment writes the time of an entry of a list, with its offset.
func moment(t time.Time, in *time.Location) string {
	return t.In(in).Format("2006-01-02 15:04:05 -07:00")
}

// printElsewhere shows what the dates of a user are at doors in other zones.
func printElsewhere(ctx context.Context, c console, o *options, d *counter, id uint64) error {
	if o.json {
		return nil
	}
	u, err := d.User(ctx, d.actor, id)
	if err != nil {
		return err
	}
	for _, there := range u.Elsewhere {
		if _, err := fmt.Fprintf(c.out, "dates %s\n", there); err != nil {
			return err
		}
	}
	return nil
}
