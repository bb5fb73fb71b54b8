package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/zone"
)

// Zone returns the site's time zone, in which times are displayed and entered.
func (d *Desk) Zone(ctx context.Context) (*time.Location, error) { return d.site.Zone(ctx) }

// siteZone returns the site's time zone.
func siteZone(tx *store.Tx) (*time.Location, error) {
	name, err := tx.Zone()
	if err != nil {
		return nil, err
	}
	return zone.Load(name)
}

// SetZone changes the zone in which times are displayed and entered. Stored times do
// not change, and doors keep their zones. Field: "zone".
func (d *Desk) SetZone(ctx context.Context, a Actor, name string) error {
	name = TidyName(name)
	target := &auditTarget{subject: d.site.Name}
	return d.act(ctx, a, SetZone, target, func(tx *store.Tx, _ time.Time) error {
		if _, err := zone.Load(name); err != nil {
			return wrongField("zone", err)
		}
		was, err := tx.Zone()
		if err != nil {
			return err
		}
		target.text = "from " + was + " to " + name
		return tx.SetZone(name)
	})
}

// ParseTime parses a time as an administrator enters it: in a zone, or with an
// explicit offset. A date alone is the beginning of that day plus days. Of an
// ambiguous time it takes the first; a time that the clocks skip is an error.
func ParseTime(text string, days int, in *time.Location) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return zone.Begin(day.AddDate(0, 0, days), in), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if wall, err := time.Parse(layout, text); err == nil {
			return zone.At(wall, in)
		}
	}
	return time.Time{}, errors.New("write it like 2026-12-31 or 2026-12-31T18:00")
}

// ZoneDates are a user's dates in the time zone of some doors, where it differs from
// the site's.
type ZoneDates struct {
	Zone        *time.Location
	Doors       []string // by name
	From, Until time.Time
}

// namedDoors is how many doors are listed by name.
const namedDoors = 3

// String returns them as text: "at Lobby (America/New_York) until 30 Nov 2026,
// 18:00".
func (t ZoneDates) String() string {
	doors := t.Doors[:min(len(t.Doors), namedDoors)]
	text := "at " + strings.Join(doors, ", ")
	if more := len(t.Doors) - len(doors); more > 0 {
		text += " and " + count(more, "more door")
	}
	text += " (" + t.Zone.String() + ")"
	for _, date := range []struct {
		word string
		at   time.Time
	}{{"from", t.From}, {"until", t.Until}} {
		if !date.at.IsZero() {
			text += fmt.Sprintf(" %s %s", date.word, Moment(date.at, t.Zone))
		}
	}
	return text
}

// Moment returns a time in a zone as text, with the zone's abbreviation if the clocks
// there show it twice.
func Moment(t time.Time, in *time.Location) string {
	t = t.In(in)
	if zone.Twice(t) {
		return t.Format("2 Jan 2006, 15:04 MST")
	}
	return t.Format("2 Jan 2006, 15:04")
}

// A doorZone is a door's name with the IANA name of its time zone.
type doorZone struct{ door, zone string }

// elsewhere returns dates, zero for none, at doors whose time zone differs from the
// site's, by zone.
func elsewhere(doors []doorZone, here *time.Location, from, until time.Time) ([]ZoneDates, error) {
	byZone := map[string]*ZoneDates{}
	for _, a := range doors {
		there := byZone[a.zone]
		if there == nil {
			in, err := zone.Load(a.zone)
			if err != nil {
				return nil, err
			}
			there = &ZoneDates{Zone: in, From: from, Until: until}
			byZone[a.zone] = there
		}
		there.Doors = append(there.Doors, a.door)
	}
	var all []ZoneDates
	for _, there := range byZone {
		if (from.IsZero() || zone.Same(from, here, there.Zone)) && (until.IsZero() || zone.Same(until, here, there.Zone)) {
			continue
		}
		slices.Sort(there.Doors)
		there.Doors = slices.Compact(there.Doors)
		all = append(all, *there)
	}
	slices.SortFunc(all, func(a, b ZoneDates) int { return strings.Compare(a.Zone.String(), b.Zone.String()) })
	return all, nil
}

// Elsewhere returns the dates of a form at doors in other zones that its groups may
// open. It ignores errors in the form.
func (d *Desk) Elsewhere(ctx context.Context, a Actor, form UserForm) (all []ZoneDates, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		here, err := siteZone(tx)
		if err != nil {
			return err
		}
		if form.Zone == nil {
			form.Zone = here
		}
		u, _ := form.user()
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		doors, err := r.doorsOf(tx, u)
		if err != nil {
			return err
		}
		all, err = elsewhere(doors, form.Zone, moment(u.From), moment(u.Until))
		return err
	})
	return all, err
}

// fillDoorZones sets DoorZone in events at doors whose clocks showed another time
// than the site's.
func fillDoorZones(tx *store.Tx, entries []*Event) error {
	here, err := siteZone(tx)
	if err != nil {
		return err
	}
	zones := map[string]*time.Location{}
	for _, e := range entries {
		if e.Reader == "" || e.Source == "admin" {
			continue
		}
		there := zones[e.Reader]
		if there == nil {
			p, err := tx.Policy(e.Reader)
			if err != nil {
				continue // a damaged policy must not hide the event
			}
			if there, err = zone.Load(p.TimeZone); err != nil {
				return err
			}
			zones[e.Reader] = there
		}
		if !zone.Same(e.At, here, there) {
			e.DoorZone = there
		}
	}
	return nil
}
