package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
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

// A ChosenZone is the site's time zone, and whether somebody has chosen it.
type ChosenZone struct {
	Zone   *time.Location
	Chosen bool // otherwise it is UTC, which machines have that nobody has told theirs
}

// ChosenZone returns the site's time zone.
func (d *Desk) ChosenZone(ctx context.Context, a Actor) (z ChosenZone, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		z, err = chosenZone(tx, d.now())
		return err
	})
	return z, err
}

// chosenZone is ChosenZone in a transaction.
func chosenZone(tx *store.Tx, now time.Time) (z ChosenZone, err error) {
	if z.Zone, err = siteZone(tx); err != nil {
		return z, err
	}
	z.Chosen, err = zoneChosen(tx, now)
	return z, err
}

// A SiteZone is the site's time zone, and which doors have the same.
type SiteZone struct {
	ChosenZone
	Doors    []string // with a reader that has this zone, by name
	Others   bool     // there are doors with another zone
	Revision string   // of Zone, and of the readers that have it; "": the actor sees only some of them
}

// SiteZone returns the site's time zone with the doors that have it: for no more than the zone,
// ChosenZone reads less.
func (d *Desk) SiteZone(ctx context.Context, a Actor) (z *SiteZone, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		z = new(SiteZone)
		if z.ChosenZone, err = chosenZone(tx, d.now()); err != nil {
			return err
		}
		here := z.Zone
		policies, err := r.policies(tx)
		if err != nil {
			return err
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		for _, p := range policies {
			if p.TimeZone == here.String() {
				z.Doors = append(z.Doors, doorName(places, p.Reader))
			} else {
				z.Others = true
			}
		}
		slices.Sort(z.Doors)
		z.Doors = slices.Compact(z.Doors)
		if r.all { // only then do they see all of them
			_, z.Revision, err = inZone(tx, here.String())
		}
		return err
	})
	return z, err
}

// zoneChosen says whether the site's time zone is another one than UTC, or an administrator has left
// it there. Of a site that is older than its audit may be that is taken to be so.
func zoneChosen(tx *store.Tx, now time.Time) (bool, error) {
	is, err := tx.Site()
	if err != nil || is.Zone != "UTC" && is.Zone != "Etc/UTC" || now.Sub(time.Unix(is.Created, 0)) > KeepActs*24*time.Hour {
		return true, err
	}
	return tx.Did(string(SetZone), "")
}

// inZone returns the policies that have a time zone, by reader, also of readers that were removed and
// may come back; and the Revision.
func inZone(tx *store.Tx, name string) (policies []*wire.Policy, rev string, err error) {
	readers, err := tx.Readers()
	if err != nil {
		return nil, "", err
	}
	all, err := tx.Policies(readers)
	if err != nil && !errors.Is(err, ErrNotFound) { // which only says that some have none
		return nil, "", err
	}
	fields := []string{name}
	for _, p := range all {
		if p.TimeZone == name {
			policies, fields = append(policies, p), append(fields, p.Reader)
		}
	}
	return policies, revision(fields), nil
}

// A ZoneForm is the site's time zone as an administrator chooses it.
type ZoneForm struct {
	Zone     string // its name, or that of a city that only one zone has
	Doors    bool   // the doors that have the zone of before get it, too
	Revision string // of the SiteZone that was shown; "": do not check
}

// A ZoneChange is what SetZone did.
type ZoneChange struct {
	From, To string   // the same: it stays
	Doors    []string // with a reader that is in the new zone now, by name
}

// text says it for the audit.
func (c *ZoneChange) text() *language.Sentence {
	switch {
	case c.From == c.To:
		return language.Say("it stays %s¦a time zone", c.To)
	case len(c.Doors) == 0:
		return language.Say("from %s to %s¦time zones", c.From, c.To)
	}
	return language.Count(len(c.Doors), "from %[2]s to %[3]s, and that of %[1]d door: %[4]s", "from %[2]s to %[3]s, and that of %[1]d doors: %[4]s", c.From, c.To, namesTold(c.Doors))
}

// SetZone changes the zone in which times are displayed and entered. Stored times do not change, and
// doors keep their zones, unless the form says otherwise. Field: "zone".
func (d *Desk) SetZone(ctx context.Context, a Actor, form ZoneForm) (did ZoneChange, err error) {
	name := zone.Named(TidyName(form.Zone))
	target := &auditTarget{subject: d.site.Name}
	err = d.act(ctx, a, SetZone, target, func(tx *store.Tx, now time.Time) error {
		if _, err := zone.Load(name); err != nil {
			return wrongField("zone", err)
		}
		was, err := tx.Zone()
		if err != nil {
			return err
		}
		did = ZoneChange{From: was, To: name}
		if form.Doors || form.Revision != "" {
			policies, rev, err := inZone(tx, was)
			if err != nil {
				return err
			}
			if form.Revision != "" && form.Revision != rev {
				return &FieldError{Field: "zone", Sentence: language.Say("The site's time zone was changed meanwhile, or which doors have it: check this again"), err: ErrChanged}
			}
			if form.Doors && was != name {
				if did.Doors, err = a.moveToZone(tx, now, policies, name); err != nil {
					return err
				}
			}
		}
		target.text = did.text()
		return tx.SetZone(name)
	})
	return did, err
}

// moveToZone changes the time zone of policies. It returns the doors that have a reader of theirs.
func (a Actor) moveToZone(tx *store.Tx, now time.Time, policies []*wire.Policy, name string) (doors []string, err error) {
	inForce, err := tx.Serials()
	if err != nil {
		return nil, err
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return nil, err
	}
	for _, p := range policies {
		p.TimeZone = name
		if err := a.setPolicy(tx, now, p); err != nil {
			return nil, atDoor(p.Door, err)
		}
		if _, here := inForce[p.Reader]; here {
			doors = append(doors, doorName(places, p.Reader))
		}
	}
	slices.Sort(doors)
	return slices.Compact(doors), nil
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
	return time.Time{}, language.Say("write it like 2026-12-31 or 2026-12-31T18:00")
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

// Said says it: "at Lobby (America/New_York) until 30 Nov 2026, 18:00".
func (t ZoneDates) Said() *language.Sentence {
	at := language.Say("at %s (%s)¦doors, and their time zone", strings.Join(t.Doors[:min(len(t.Doors), namedDoors)], ", "), t.Zone.String())
	if more := len(t.Doors) - namedDoors; more > 0 {
		at = language.Count(more, "at %[2]s and %[1]d more door (%[3]s)", "at %[2]s and %[1]d more doors (%[3]s)", strings.Join(t.Doors[:namedDoors], ", "), t.Zone.String())
	}
	from, until := language.Moment(t.From.In(t.Zone)), language.Moment(t.Until.In(t.Zone))
	switch {
	case t.From.IsZero() && t.Until.IsZero():
		return at
	case t.Until.IsZero():
		return language.Say("%s from %s¦where, and since when somebody may come in", at, from)
	case t.From.IsZero():
		return language.Say("%s until %s¦where, and until when somebody may come in", at, until)
	}
	return language.Say("%s from %s until %s¦where, and when somebody may come in", at, from, until)
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
