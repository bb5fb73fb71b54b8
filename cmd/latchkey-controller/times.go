package main

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// checkTime refuses a text that is no time in any zone.
func checkTime(text string) error {
	_, err := desk.ParseTime(text, 0, time.UTC)
	return err
}

// timesOfLists says how the times of a list are written.
const timesOfLists = "T is a day or a time in the site's time zone, a time with its offset, or a duration back from now, like\n2h."

// A bound is one end of the period that a list is about, as it was given.
type bound struct {
	flag, text string
	ago        bool // text is a duration back from now
	back       time.Duration
}

// boundFlag adds a flag for one end of the period that a list is about.
func boundFlag(c *invocation, name, usage string) *bound {
	b := &bound{flag: name}
	c.Func(name, usage, func(text string) error {
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

// longTime writes a time to the second, with its offset.
func longTime(t time.Time, in *time.Location) string {
	return t.In(in).Format("2006-01-02 15:04:05 -07:00")
}

// shortTime writes a time to the minute, with its offset if clocks in the zone show
// it twice; "-" if it is zero.
func shortTime(t time.Time, in *time.Location) string {
	if t.IsZero() {
		return "-"
	}
	if t = t.In(in); zone.Twice(t) {
		return t.Format("2006-01-02 15:04 -07:00")
	}
	return t.Format("2006-01-02 15:04")
}

// timeOrNil returns a time for JSON; nil if it is zero.
func timeOrNil(t time.Time, in *time.Location) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(in)
	if t.Year() > 9999 { // an older version stored it; JSON has no such year
		t = time.Unix(wire.MaxTime, 0).UTC()
	}
	return &t
}
