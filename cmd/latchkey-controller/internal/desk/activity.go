package desk

import (
	"context"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Result is how an event is displayed.
type Result string

// The results.
const (
	Granted Result = "granted"
	Denied  Result = "denied"
	Paused  Result = "paused" // a lockout
	Alarm   Result = "alarm"
	Changed Result = "changed" // by an administrator
	Refused Result = "refused" // an administrator's act that was refused or failed
	Plain   Result = "plain"
)

// An Event is one thing that happened: a record of a reader, an act of an
// administrator, or an alarm. Its JSON is that of an export.
type Event struct {
	ID       int64              `json:"id"`            // rises in the order of arrival, over all sources
	At       time.Time          `json:"time"`          // by the clock of its source
	Trusted  bool               `json:"clock-trusted"` // that clock was trusted
	Received time.Time          `json:"received"`
	Source   string             `json:"source"` // "reader", "admin", "alarm"
	Kind     string             `json:"kind"`   // of the record or the alarm; for an act "admin." and the act
	Result   Result             `json:"result"`
	Door     string             `json:"door,omitempty"`          // its door's name
	Reader   string             `json:"reader,omitempty"`        // "": none
	User     uint64             `json:"user,omitempty"`          // 0: none
	Person   string             `json:"person,omitempty"`        // the user's name
	Who      string             `json:"administrator,omitempty"` // their name
	Text     *language.Sentence `json:"text"`
	Journal  string             `json:"journal,omitempty"`
	Number   uint64             `json:"number,omitempty"` // of the record in its journal

	Note store.UnlockNote `json:"-"` // what a program said of an unlock

	// Of a line, see Query.Lines:
	Parts []Part `json:"-"` // what else it tells, the oldest first
	More  int    `json:"-"` // how many parts there are besides

	Record   *wire.Record       `json:"-"` // nil: it is none, or cannot be decoded
	Word     *language.Sentence `json:"-"` // for the chip: "Entered"
	Lockout  bool               `json:"-"` // it locked out PIN entry: an unlock may be offered
	DoorZone *time.Location     `json:"-"` // the door's time zone if its clocks showed another time than the site's; otherwise nil
}

// A Kind is a choice in the activity filter.
type Kind struct {
	Key   string
	Title *language.Sentence
}

// Kinds returns the choices of Query.Kind.
func Kinds() []Kind {
	return []Kind{
		{"granted", language.Say("Entries and unlocks")}, {"denied", language.Say("Refusals")}, {"lockout", language.Say("PIN entry paused")}, {"door", language.Say("Doors and modes")},
		{"alarm", language.Say("Alarms")}, {"reader", language.Say("Readers as devices")}, {"admin", language.Say("Administration")},
	}
}

// AtTheDoors is the Query.Kind of what happens at the doors: all but administration, and readers as devices.
const AtTheDoors = "doors"

// doorClasses are the classes of records and alarms that are AtTheDoors, doorActs the acts.
var (
	doorClasses = []wire.RecordClass{wire.ClassGranted, wire.ClassDenied, wire.ClassLockout, wire.ClassDoor, wire.ClassAlarm}
	doorActs    = []Act{Unlock, LockDown, Evacuate, SetMode, SetSiteMode, EndLockdown, EndEvacuation, EndMode, UndoMode, EndEarly}
)

// KindTab says under which of three heads a Query.Kind is found: AtTheDoors, "admin", or "" for all.
func KindTab(kind string) string {
	switch {
	case kind == AtTheDoors, slices.Contains(doorClasses, wire.RecordClass(kind)):
		return AtTheDoors
	case kind == string(store.ClassAdmin), strings.HasPrefix(kind, "admin."):
		return string(store.ClassAdmin)
	}
	return ""
}

// A Query selects events. Zero fields do not restrict.
type Query struct {
	Door         int64
	Reader       string
	User         uint64
	Name         string             // each word begins a word of a name: of a user, door or administrator at that time, or of a user now
	Kind         string             // a key of Kinds, AtTheDoors, or a kind of record like access.granted
	Classes      []wire.RecordClass // any of them, if no kind is chosen; nil: any
	In           *time.Location     // of the times in an export as CSV; nil: UTC
	Since, Until time.Time
	Before       int64 // ids below this one: the next page
	After        int64 // ids above this one: new events
	Limit        int   // 0: 50; at most 1000
	Lines        bool  // one event for one happening, with Event.Parts
}

// A Page holds events, newest first.
type Page struct {
	Events []*Event
	Older  int64 // Query.Before of the next page; 0: this is the last
}

// shortSpan is the longest time span whose events are few enough to scan; shortOfLimited is the
// same for those who are limited to locations, and see few of them.
const shortSpan, shortOfLimited = 7 * 24 * time.Hour, 24 * time.Hour

// maxNames limits the names that a search may match: each is looked up by itself.
const maxNames = 50

// filter returns the store's filter for a query, limited to what the actor may see.
func (q Query) filter(tx *store.Tx, a Actor, now time.Time) (store.ActivityFilter, error) {
	f := store.ActivityFilter{User: q.User, Classes: q.Classes, After: q.After, Before: q.Before, NoActs: !a.May(ViewActs), NoDuress: !a.May(ViewDuress), Limit: pageSize(q.Limit)}
	for _, kind := range Kinds() {
		if kind.Key == q.Kind {
			f.Class = wire.RecordClass(q.Kind)
		}
	}
	switch {
	case q.Kind == AtTheDoors:
		f.Classes = doorClasses
		for _, act := range doorActs {
			f.Acts = append(f.Acts, "admin."+string(act))
		}
	case f.Class == "":
		f.Kind = q.Kind
	}
	if !q.Since.IsZero() {
		f.Since = q.Since.UnixMilli()
	}
	if !q.Until.IsZero() {
		f.Until = q.Until.UnixMilli()
		now = q.Until
	}
	r, err := a.reach(tx)
	if err != nil {
		return f, err
	}
	short := shortSpan
	if !r.all {
		short = shortOfLimited
	}
	f.Short = !q.Since.IsZero() && now.Sub(q.Since) <= short
	if q.Name != "" {
		naming, err := tx.FindNames(q.Name, maxNames+1)
		switch {
		case err != nil:
			return f, err
		case len(naming.Names)+len(naming.Users) == 0 && r.all: // others do not learn which names there are
			return f, wrong("person", "No name matches: enter the first letters of a name")
		case len(naming.Names) > maxNames || len(naming.Users) > maxNames:
			return f, wrong("person", "More than %d names match; enter more of the name", maxNames)
		}
		f.Named = &naming
	}
	if q.Reader != "" {
		f.Readers = []string{q.Reader}
	}
	if q.Door != 0 {
		readers, err := tx.ReadersAt(store.Doors, q.Door)
		if err != nil {
			return f, err
		}
		f.Readers = []string{}
		for _, id := range readers {
			if q.Reader == "" || q.Reader == id {
				f.Readers = append(f.Readers, id)
			}
		}
	}
	return f, r.narrow(tx, &f)
}

// Activity returns a page of events. Field: "person".
func (d *Desk) Activity(ctx context.Context, a Actor, q Query) (page *Page, err error) {
	act := ViewActivity
	if q.Kind == "admin" || strings.HasPrefix(q.Kind, "admin.") {
		act = ViewActs
	}
	err = d.view(ctx, a, act, func(tx *store.Tx) error {
		f, err := q.filter(tx, a, d.now())
		if err != nil {
			return err
		}
		limit := f.Limit
		f.Limit++
		f.Heads = q.Lines
		rows, err := tx.Activity(f)
		if err != nil {
			return err
		}
		page = new(Page)
		if len(rows) > limit {
			rows = rows[:limit]
			page.Older = rows[limit-1].ID
		}
		if page.Events, err = events(tx, rows); err != nil {
			return err
		}
		if q.Lines {
			if err := lines(tx, f, page.Events); err != nil {
				return err
			}
		}
		return fillDoorZones(tx, page.Events)
	})
	return page, err
}

// An Hour counts the access events at a door in one hour.
type Hour struct {
	Begins          time.Time
	Granted, Denied int
}

// Hours returns the last n hours of a door, oldest first, up to the current hour.
func (d *Desk) Hours(ctx context.Context, a Actor, door int64, n int) (hours []Hour, err error) {
	n = max(1, min(n, 24*31))
	first := d.now().Truncate(time.Hour).Add(-time.Duration(n-1) * time.Hour)
	hours = make([]Hour, n)
	for i := range hours {
		hours[i].Begins = first.Add(time.Duration(i) * time.Hour)
	}
	err = d.view(ctx, a, ViewActivity, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if !r.has(Where{Doors, door}) {
			return ErrNotFound
		}
		readers, err := tx.ReadersAt(store.Doors, door)
		if err != nil {
			return err
		}
		counts, err := tx.Hours(readers, first.UnixMilli(), hours[n-1].Begins.Add(time.Hour).UnixMilli())
		for _, c := range counts {
			i := int(time.UnixMilli(c.Begins).Sub(first) / time.Hour)
			hours[i].Granted += c.Granted
			hours[i].Denied += c.Denied
		}
		return err
	})
	return hours, err
}
