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
	User          uint64
	Class         wire.RecordClass
	Classes       []wire.RecordClass // any of them, if no class is chosen; nil: any
	Kind          string
	Since, Until  int64      // Unix milliseconds, [Since, Until)
	Short         bool       // the time span is short: scanning it is faster than another index
	After, Before int64      // ids, (After, Before)
	NoActs        bool       // leave out administrators' acts
	NoDuress      bool       // leave out PINs for duress, and what administrators did about them
	Named         *NameMatch // nil: any name
	Quiet         bool       // wire.ClassBookkeeping, too, if no class is chosen
	Oldest        bool       // oldest first; otherwise newest first
	Limit         int
}

// Activity returns the events that a filter selects.
//
// A + before a column keeps SQLite from using its index ("Disqualifying WHERE Clause
// Terms"): SQLite does not know which of several indexes selects the fewest rows.
func (t *Tx) Activity(f ActivityFilter) ([]*Event, error) {
	if f.Readers == nil && f.Named == nil {
		return t.find(f, "", nameCondition{})
	}
	readers, namings := f.Readers, []nameCondition{{}}
	if readers == nil {
		readers = []string{""}
	}
	if f.Named != nil {
		namings = f.Named.conditions()
	}
	var all []*Event
	for _, reader := range readers {
		for _, by := range namings {
			entries, err := t.find(f, reader, by)
			if err != nil {
				return nil, err
			}
			all = append(all, entries...)
		}
	}
	slices.SortFunc(all, func(a, b *Event) int {
		if f.Oldest {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Compare(b.ID, a.ID)
	})
	all = slices.CompactFunc(all, func(a, b *Event) bool { return a.ID == b.ID })
	return all[:min(len(all), f.Limit)], nil
}

// A nameCondition is an SQL condition, with its argument, that an event names
// somebody or something. The zero value is no condition.
type nameCondition struct {
	where string
	is    any
}

// conditions returns one condition for each way in which an event can name a match.
func (n *NameMatch) conditions() (all []nameCondition) {
	for _, user := range n.Users {
		all = append(all, nameCondition{`user_id = ? AND user_id <> 0`, user})
	}
	for _, name := range n.Names {
		for _, where := range []string{`subject = ? AND subject <> 0`, `door = ? AND door <> 0`, `who = ? AND who <> 0`, `id IN (SELECT activity FROM besides WHERE name = ?)`} {
			all = append(all, nameCondition{where, name})
		}
	}
	return all
}

// CountActivity returns how many events a filter selects that has neither readers nor names,
// up to its limit.
func (t *Tx) CountActivity(f ActivityFilter) (n int, err error) {
	where, args := f.where("", nameCondition{})
	err = t.row(`SELECT count(*) FROM (SELECT 1 FROM activity WHERE `+where+` LIMIT ?)`, append(args, f.Limit), &n)
	return n, err
}

// find returns events of a reader; "": of all.
func (t *Tx) find(f ActivityFilter, reader string, by nameCondition) ([]*Event, error) {
	where, args := f.where(reader, by)
	order := `id DESC`
	if f.Oldest {
		order = `id`
	}
	return t.activity(where+` ORDER BY `+order+` LIMIT ?`, append(args, f.Limit)...)
}

// where returns the condition that selects events of a reader; "": of all.
func (f *ActivityFilter) where(reader string, by nameCondition) (condition string, args []any) {
	where, args := []string{`id > ?`}, []any{f.After}
	and := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	if f.Before != 0 {
		and(`id < ?`, f.Before)
	}
	class := `class`
	switch {
	case by.where != "":
		class = `+class`
		if and(by.where, by.is); reader != "" {
			and(`+reader_id = ?`, reader)
		}
		if f.User != 0 {
			and(`+user_id = ?`, f.User)
		}
	case f.User != 0:
		and(`user_id = ? AND user_id <> 0`, f.User) // matches the partial index
		if class = `+class`; reader != "" {
			and(`+reader_id = ?`, reader)
		}
	case reader != "":
		class = `+class`
		and(`reader_id = ?`, reader)
	}
	switch {
	case f.Class != "":
		and(class+` = ?`, string(f.Class))
	case f.Kind != "":
		and(class+` = ? AND kind = ?`, string(classOfKind(f.Kind)), f.Kind)
	case f.Classes != nil:
		and(`+class IN `+listed, list(f.Classes))
	case !f.Quiet:
		and(`class <> 'quiet'`)
	}
	if f.NoActs {
		and(`+source <> ?`, FromAudit)
	}
	if f.NoDuress {
		and(`kind NOT LIKE '%duress%'`) // no index is for this
	}
	at := `+at`
	if f.Short && f.User == 0 && by.where == "" {
		at = `at`
	}
	if f.Since != 0 {
		and(at+` >= ?`, f.Since)
	}
	if f.Until != 0 || f.Since != 0 {
		and(at+` < ?`, cmp.Or(f.Until, math.MaxInt64))
	}
	return strings.Join(where, ` AND `), args
}

// classOfKind returns the class of a kind of event.
func classOfKind(kind string) wire.RecordClass {
	switch {
	case strings.HasPrefix(kind, "admin."):
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
	err := t.rows(`SELECT id, source, row, class, kind, reader_id, user_id, at, received, tries,
		coalesce((SELECT name FROM names WHERE names.id = subject), ''), coalesce((SELECT name FROM names WHERE names.id = door), ''), coalesce((SELECT name FROM names WHERE names.id = who), '')
		FROM activity WHERE `+where, args, func(r scanner) error {
		var a Event
		entries = append(entries, &a)
		return r.Scan(&a.ID, &a.Source, &a.Row, &a.Class, &a.Kind, &a.Reader, &a.User, &a.At, &a.Received, &a.Tries, &a.Subject, &a.Door, &a.Who)
	})
	return entries, err
}

// LastGranted returns, for each of some users, the newest event that granted them
// access.
func (t *Tx) LastGranted(users []uint64) (map[uint64]*Event, error) {
	ids := make([]int64, len(users))
	for i, id := range users {
		ids[i] = int64(id)
	}
	last := make(map[uint64]*Event, len(users))
	entries, err := t.activity(`id IN (SELECT seen FROM users WHERE id IN `+listed+`)`, list(ids))
	for _, e := range entries {
		last[e.User] = e
	}
	return last, err
}

// LastAttempt returns a reader's newest granted or denied event; nil: none among its
// last 1000 events.
func (t *Tx) LastAttempt(reader string) (*Event, error) {
	entries, err := t.activity(`id IN (
		SELECT id FROM (SELECT id, class FROM activity WHERE reader_id = ? ORDER BY id DESC LIMIT 1000)
		WHERE class IN ('granted', 'denied') ORDER BY id DESC LIMIT 1)`, reader)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return entries[0], nil
}
