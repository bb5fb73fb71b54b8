package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// maxWheres bounds the places that one act gives a group access to, or takes it from.
const maxWheres = 1000

// GiveAccess lets a group, also everyone, open the doors at some places, always or at hours
// (nil: always), or at those of a schedule, whose use is filled in, in place of those that it
// has there. was is the AccessRevision that was edited; if it has changed since, the act is
// refused; "": do not check. Fields: "group", "where", "access", "schedule".
func (d *Desk) GiveAccess(ctx context.Context, a Actor, group, was string, where []Where, hours *wire.Schedule, by UseSchedule) error {
	target := &auditTarget{subject: group, at: where}
	return d.act(ctx, a, GiveAccess, target, func(tx *store.Tx, now time.Time) error {
		if hours != nil && len(hours.Week)+len(hours.Holiday) == 0 {
			return wrong("access", "These hours never come: enter some, or choose always")
		}
		by.HoursUse = HoursUse{What: AccessHours, Group: group}
		s, err := by.find(tx)
		if err != nil {
			return err
		}
		when := HoursLine(hours)
		if s != nil {
			when = language.Data(s.Name)
		}
		doors, err := target.editAccess(tx, now, a, group, was, where, func(p *wire.Policy) error {
			return giveAccess(tx, p, group, hours, by)
		}, by)
		target.text = language.Say("to %s: %s¦doors, and hours", doors, when)
		return err
	})
}

// giveAccess puts a group on the list of who may open, at hours or those of a schedule, in place
// of where it is there. Fields: "access", "schedule".
func giveAccess(tx *store.Tx, p *wire.Policy, group string, hours *wire.Schedule, by UseSchedule) error {
	is := func(a wire.Access) bool { return a.Group == group }
	at := slices.IndexFunc(p.Access, is)
	if at < 0 {
		at = len(p.Access)
	}
	p.Access = slices.DeleteFunc(p.Access, is)
	p.Access = slices.Insert(p.Access, at, wire.Access{Group: group, Schedule: hours})
	if err := takeHours(tx, p, []UseSchedule{by}); err != nil {
		return err
	}
	return wrongField("access", wire.CheckAccess(p.Access))
}

// TakeAccess has a group not open the doors at some places any more, in no mode either. It
// is refused where only this group opens the door in a mode, and where its unlock schedule
// waits for the group. was is as for GiveAccess. Fields: "group", "where".
func (d *Desk) TakeAccess(ctx context.Context, a Actor, group, was string, where []Where) error {
	target := &auditTarget{subject: group, at: where}
	return d.act(ctx, a, TakeAccess, target, func(tx *store.Tx, now time.Time) error {
		taken := false
		doors, err := target.editAccess(tx, now, a, group, was, where, func(p *wire.Policy) error {
			taken = taken || slices.Contains(groupsIn(p), group)
			return takeGroup(p, group)
		})
		if err == nil && !taken {
			err = wrong("where", "%s has no access there", group)
		}
		target.text = doors
		return err
	})
}

// editAccess edits the policies of the readers at some places, which use schedules from then
// on, and returns the doors for the audit. Fields: "group", "where".
func (target *auditTarget) editAccess(tx *store.Tx, now time.Time, a Actor, group, was string, where []Where, edit func(*wire.Policy) error, uses ...UseSchedule) (doors *language.Sentence, err error) {
	g, err := groupNamed(tx, group)
	if err != nil {
		return nil, err
	}
	if was != "" && was != g.AccessRevision() {
		return nil, changedMeanwhile("group")
	}
	readers, err := readersAt(tx, where)
	if err != nil {
		return nil, err
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, id := range readers {
		p, err := tx.Policy(id)
		if err != nil {
			return nil, err
		}
		name := doorName(places, id)
		if err := edit(p); err != nil {
			return nil, atDoor(name, err)
		}
		if err := a.setPolicy(tx, now, p); err != nil {
			return nil, atDoor(name, err)
		}
		if err := noteUses(tx, id, uses); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(readers) == 1 && readers[0] != group { // the door's activity has it, too
		target.reader = readers[0]
	}
	slices.Sort(names)
	return namesTold(slices.Compact(names)), nil
}

// readersAt returns the readers at some places that were not removed, each once. Field:
// "where".
func readersAt(tx *store.Tx, where []Where) (readers []string, err error) {
	switch n := len(where); {
	case n == 0:
		return nil, wrong("where", "Choose at least one door")
	case n > maxWheres:
		return nil, wrong("where", "%d places at once are too many: choose at most %d", n, maxWheres)
	}
	for _, w := range where {
		if err := w.check(); err != nil {
			return nil, err
		}
		if _, err := w.name(tx); err != nil { // it was removed meanwhile
			return nil, err
		}
		there, err := w.readers(tx)
		if err != nil {
			return nil, err
		}
		readers = append(readers, there...)
	}
	former, err := tx.Former()
	slices.Sort(readers)
	readers = slices.DeleteFunc(slices.Compact(readers), func(id string) bool { return slices.Contains(former, id) })
	if err == nil && len(readers) == 0 {
		err = wrong("where", "No reader serves a door there: adopt one first")
	}
	return readers, err
}

// atDoor says at which door something is wrong; nil stays nil.
func atDoor(door string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, store.ErrPolicy) {
		return wrong("where", "%s: %s", door, language.Of(err).Capital())
	}
	fields := fieldErrors(err)
	if fields == nil {
		return language.Say("%s: %s", door, err)
	}
	return wrong(fields[0].Field, "%s: %s", door, fields[0].Sentence)
}

// takeGroup takes a group from all of a policy. It refuses to leave nobody who opens the door
// in a mode in which somebody does, and an unlock schedule that waits for nobody. Field:
// "where".
func takeGroup(p *wire.Policy, group string) error {
	is := func(g string) bool { return g == group }
	p.Access = slices.DeleteFunc(p.Access, func(a wire.Access) bool { return is(a.Group) })
	only := func(groups []string) bool { return len(groups) == 1 && is(groups[0]) }
	switch {
	case only(p.Exempt):
		return wrong("where", "Only %s opens it while it is kept locked: choose another group there first, or none", group)
	case only(p.InLockdown):
		return wrong("where", "Only %s opens it in a lockdown: choose another group there first, or none", group)
	}
	p.Exempt, p.InLockdown = slices.DeleteFunc(p.Exempt, is), slices.DeleteFunc(p.InLockdown, is)
	if p.Opening != nil && is(p.Opening.First) {
		return wrong("where", "Its unlock schedule waits for the first person of %s: choose another group there first", group)
	}
	if err := checkModeGroups(p); err != nil { // of another group, when everyone may not open it any more
		return wrong("where", "%s", language.Of(err))
	}
	return nil
}
