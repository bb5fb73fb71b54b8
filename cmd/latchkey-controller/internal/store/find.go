package store

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// An ActivityFilter selects events. Zero fields do not restrict; the zero filter
// selects all but wire.ClassBookkeeping.
type ActivityFilter struct {
	Readers       []string // nil: any, or no reader; empty: selects nothing
	Actors        []Actor  // besides what is at Readers, if these restrict: what these did at no reader, and was not refused
	User          uint64
	Class         wire.RecordClass
	Classes       []wire.RecordClass // any of them, if no class is chosen; nil: any
	Acts          []string           // besides Classes: acts of these kinds
	Kind          string
	Since, Until  int64      // Unix milliseconds, [Since, Until)
	Short         bool       // the time span is short: scanning it is faster than another index
	After, Before int64      // ids, (After, Before)
	NoActs        bool       // leave out administrators' acts
	NoDuress      bool       // leave out PINs for duress, and what administrators did about them
	Named         *NameMatch // nil: any name
	Quiet         bool       // wire.ClassBookkeeping, too, if no class is chosen
	Heads         bool       // leave out what is part of an event that is selected; with Named, by the same name
	Oldest        bool       // oldest first; otherwise newest first
	Limit         int
}

// An Actor is an administrator, or a program with a token, as in an Audit.
type Actor struct {
	Admin int64
	Who   string
}

// Activity returns the events that a filter selects.
//
// A + before a column keeps SQLite from using its index ("Disqualifying WHERE Clause
// Terms"): SQLite does not know which of several indexes selects the fewest rows.
func (t *Tx) Activity(f ActivityFilter) ([]*Event, error) {
	order := ` ORDER BY id DESC LIMIT ?`
	if f.Oldest {
		order = ` ORDER BY id LIMIT ?`
	}
	parts := f.parts()
	if len(parts) == 1 {
		where, args := f.where(parts[0])
		return t.activity(where+order, append(args, f.Limit)...)
	}
	var ids []int64
	for _, part := range parts {
		where, args := f.where(part)
		err := t.rows(`SELECT id FROM activity WHERE `+where+order, append(args, f.Limit), func(r scanner) error {
			var id int64
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); !f.Oldest {
		slices.Reverse(ids)
	}
	return t.activity(`id IN `+listedIDs+order, list(ids[:min(len(ids), f.Limit)]), f.Limit)
}

// A condition is an SQL condition with its arguments. The zero value is none.
type condition struct {
	where string
	args  []any
}

// and returns the condition with another one.
func (c condition) and(where string, args ...any) condition {
	if c.where != "" {
		where = c.where + ` AND ` + where
	}
	return condition{where, slices.Concat(c.args, args)}
}

// parts returns conditions that together select what a filter's readers, actors, user and names
// do, each by an index. Without names no event is in two of them.
func (f *ActivityFilter) parts() (parts []condition) {
	if f.User == 0 && f.Named == nil && !f.scans() {
		if f.Readers == nil {
			return f.kinds()
		}
		for _, reader := range f.Readers {
			parts = append(parts, condition{}.and(`reader_id = ?`, reader))
		}
		for _, by := range f.Actors {
			parts = append(parts, condition{}.and(`who = (SELECT id FROM names WHERE name = ?) AND who <> 0 AND `+ofActors, by.Who, list([]int64{by.Admin})))
		}
		return parts
	}
	namings := []condition{{}}
	if f.Named != nil {
		namings = f.Named.conditions()
	}
	for _, c := range namings {
		switch {
		case f.User == 0:
		case f.Named == nil:
			c = c.and(`user_id = ? AND user_id <> 0`, f.User) // matches the partial index
		default:
			c = c.and(`+user_id = ?`, f.User)
		}
		parts = append(parts, f.there(c))
	}
	return parts
}

// kinds returns conditions that together select what of a filter is by no other index: several classes and acts each by
// their own.
func (f *ActivityFilter) kinds() (parts []condition) {
	if f.Class != "" || f.Kind != "" || f.Acts == nil || f.Short {
		return []condition{{}}
	}
	for _, class := range f.Classes {
		parts = append(parts, condition{}.and(`class = ?`, string(class)))
	}
	for _, kind := range f.Acts {
		parts = append(parts, condition{}.and(`class = 'admin' AND kind = ?`, kind)) // matches the partial index
	}
	return parts
}

// there adds to a condition what selects a filter's readers and actors, without their indexes.
func (f *ActivityFilter) there(c condition) condition {
	switch {
	case f.Readers == nil:
		return c
	case f.Actors == nil:
		return c.and(`+reader_id IN `+listed, list(f.Readers))
	}
	ids, names := make([]int64, len(f.Actors)), make([]string, len(f.Actors))
	for i, by := range f.Actors {
		ids[i], names[i] = by.Admin, by.Who
	}
	return c.and(`(+reader_id IN `+listed+` OR `+ofActors+` AND (SELECT name FROM names WHERE names.id = who) IN `+listed+`)`, list(f.Readers), list(ids), list(names))
}

// ofActors selects what actors, given by their ids, did at no reader, without what was refused: it
// may name what they do not see.
const ofActors = `(+reader_id = '' AND +source = 2 AND (SELECT admin_id FROM audit WHERE audit.id = row AND outcome <> 'refused') IN ` + listedIDs + `)`

// conditions returns one condition for each way in which an event can name a match.
func (n *NameMatch) conditions() (all []condition) {
	for _, user := range n.Users {
		all = append(all, condition{}.and(`user_id = ? AND user_id <> 0`, user))
	}
	for _, name := range n.Names {
		for _, where := range []string{`subject = ? AND subject <> 0`, `door = ? AND door <> 0`, `who = ? AND who <> 0`, `id IN (SELECT activity FROM besides WHERE name = ?)`} {
			all = append(all, condition{}.and(where, name))
		}
	}
	return all
}

// CountActivity returns how many events a filter selects that has no names, up to its limit.
func (t *Tx) CountActivity(f ActivityFilter) (n int, err error) {
	for _, part := range f.parts() {
		var more int
		where, args := f.where(part)
		if err := t.row(`SELECT count(*) FROM (SELECT 1 FROM activity WHERE `+where+` LIMIT ?) AS selected`, append(args, f.Limit-n), &more); err != nil {
			return 0, err
		}
		if n += more; n >= f.Limit {
			break
		}
	}
	return n, nil
}

// class returns the class that a filter selects; "": several.
func (f *ActivityFilter) class() wire.RecordClass {
	if f.Class == "" && f.Kind != "" {
		return classOfKind(f.Kind)
	}
	return f.Class
}

// scans says whether a filter reads all events of its time or its class once, not those of each
// of its readers.
func (f *ActivityFilter) scans() bool {
	return f.User == 0 && f.Named == nil && (len(f.Readers) > 1 || f.Actors != nil) && (f.Short || f.rare())
}

// rare says whether a filter selects a class that few events have.
func (f *ActivityFilter) rare() bool {
	return slices.Contains([]wire.RecordClass{wire.ClassLockout, wire.ClassAlarm, ClassAdmin}, f.class())
}

// where returns the condition that selects the events of a part of a filter.
func (f *ActivityFilter) where(part condition) (where string, args []any) {
	c := part.and(`id > ?`, f.After)
	if f.Before != 0 {
		c = c.and(`id < ?`, f.Before)
	}
	if c = f.matches(c, part.where != "" && !(f.scans() && f.rare())); f.Heads {
		head := f.head(part)
		c = c.and(`(part_of = 0 OR (SELECT head.id FROM activity AS head WHERE head.id = activity.part_of AND `+head.where+`) IS NULL)`, head.args...)
	}
	return c.where, c.args
}

// head returns the condition that selects an event in whose place nothing is shown that is part of it, if it is selected for
// the same reason as a part of the filter.
func (f *ActivityFilter) head(part condition) condition {
	if f.Named == nil {
		if part = f.there(condition{}); f.User != 0 {
			part = part.and(`user_id = ?`, f.User)
		}
	}
	return f.matches(part, true)
}

// matches adds to a condition all that a filter selects by besides readers, users, names and ids; hinted keeps SQLite from
// using an index for it.
func (f *ActivityFilter) matches(c condition, hinted bool) condition {
	class := `class`
	if hinted {
		class = `+class`
	}
	switch {
	case f.Class != "":
		c = c.and(class+` = ?`, string(f.Class))
	case f.Kind != "":
		c = c.and(class+` = ? AND kind = ?`, string(f.class()), f.Kind)
	case f.Classes != nil && f.Acts != nil:
		c = c.and(`(+class IN `+listed+` OR +class = 'admin' AND +kind IN `+listed+`)`, list(f.Classes), list(f.Acts))
	case f.Classes != nil:
		c = c.and(`+class IN `+listed, list(f.Classes))
	case !f.Quiet:
		c = c.and(`class <> 'quiet'`)
	}
	if f.NoActs {
		c = c.and(`+source <> ?`, FromAudit)
	}
	if f.NoDuress {
		c = c.and(`kind NOT LIKE '%duress%'`) // no index is for this
	}
	at := `+at`
	if f.Short && f.User == 0 && f.Named == nil {
		at = `at`
	}
	if f.Since != 0 {
		c = c.and(at+` >= ?`, f.Since)
	}
	if f.Until != 0 || f.Since != 0 {
		c = c.and(at+` < ?`, cmp.Or(f.Until, math.MaxInt64))
	}
	return c
}

// classOfKind returns the class of a kind of event.
func classOfKind(kind string) wire.RecordClass {
	switch {
	case strings.HasPrefix(kind, actKind):
		return ClassAdmin
	case slices.Contains(AlarmKinds(), kind):
		return wire.ClassAlarm
	case kind == ReaderOffline || kind == ReaderOnline:
		return wire.ClassReader
	}
	return wire.RecordKind(kind).Class()
}

func (t *Tx) activity(where string, args ...any) ([]*Event, error) {
	var entries []*Event
	err := t.rows(`SELECT id, source, row, class, kind, reader_id, user_id, at, received, tries, part_of,
		coalesce((SELECT name FROM names WHERE names.id = subject), ''), coalesce((SELECT name FROM names WHERE names.id = door), ''), coalesce((SELECT name FROM names WHERE names.id = who), '')
		FROM activity WHERE `+where, args, func(r scanner) error {
		var a Event
		entries = append(entries, &a)
		return r.Scan(&a.ID, &a.Source, &a.Row, &a.Class, &a.Kind, &a.Reader, &a.User, &a.At, &a.Received, &a.Tries, &a.PartOf, &a.Subject, &a.Door, &a.Who)
	})
	return entries, err
}

// LastGranted returns, for each of some users, the newest event that granted them access; at
// some readers, if they are not nil: if it is among the user's newest 1000.
func (t *Tx) LastGranted(users []uint64, readers []string) (map[uint64]*Event, error) {
	last := make(map[uint64]*Event, len(users))
	if readers == nil {
		ids := make([]int64, len(users))
		for i, id := range users {
			ids[i] = int64(id)
		}
		entries, err := t.activity(`id IN (SELECT seen FROM users WHERE id IN `+listedIDs+`)`, list(ids))
		for _, e := range entries {
			last[e.User] = e
		}
		return last, err
	}
	for _, id := range users {
		entries, err := t.activity(`id IN (
			SELECT id FROM (SELECT id, reader_id FROM activity WHERE user_id = ? AND user_id <> 0 AND class = 'granted' ORDER BY id DESC LIMIT 1000) AS newest
			WHERE reader_id IN `+listed+` ORDER BY id DESC LIMIT 1)`, id, list(readers))
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			last[id] = entries[0]
		}
	}
	return last, nil
}

// LastAttempt returns a reader's newest granted or denied event; nil: none among its
// last 1000 events.
func (t *Tx) LastAttempt(reader string) (*Event, error) {
	entries, err := t.activity(`id IN (
		SELECT id FROM (SELECT id, class FROM activity WHERE reader_id = ? ORDER BY id DESC LIMIT 1000) AS newest
		WHERE class IN ('granted', 'denied') ORDER BY id DESC LIMIT 1)`, reader)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return entries[0], nil
}
