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

// An AccessPolicy is what a group opens as other systems have it: doors, with one schedule for
// all of them. Those who are limited to locations see it as if there were no other doors.
type AccessPolicy struct {
	Number   int64 // of the group
	Name     string
	Doors    []int64 // whose readers list the group, sorted
	Always   bool    // it opens all of them at all hours
	Schedule int64   // whose hours it has at all of them; 0: Always, or they differ or are of no schedule
}

// AccessPolicies returns what all groups open, by their names, everyone first.
func (d *Desk) AccessPolicies(ctx context.Context, a Actor) (all []*AccessPolicy, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		all, err = r.accessPolicies(tx)
		return err
	})
	return all, err
}

// AccessPolicy returns what the group with a number opens, or ErrNotFound.
func (d *Desk) AccessPolicy(ctx context.Context, a Actor, number int64) (p *AccessPolicy, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		p, err = r.accessPolicy(tx, number)
		return err
	})
	return p, err
}

// accessPolicy returns what of the doors in reach a group opens.
func (r *reach) accessPolicy(tx *store.Tx, number int64) (*AccessPolicy, error) {
	all, err := r.accessPolicies(tx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p *AccessPolicy) bool { return p.Number == number })
	if i < 0 {
		return nil, ErrNotFound
	}
	return all[i], nil
}

func (r *reach) accessPolicies(tx *store.Tx) ([]*AccessPolicy, error) {
	numbers, err := tx.GroupNumbers()
	if err != nil {
		return nil, err
	}
	occupied, err := tx.GroupsWithMembers()
	if err != nil {
		return nil, err
	}
	members := map[string]int{wire.Everyone: 0} // not counted: at 100,000 users that takes longer than all else
	for _, name := range occupied {
		members[name] = 1
	}
	rows, err := r.rowsOf(tx, members, numbers)
	if err != nil {
		return nil, err
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return nil, err
	}
	uses, err := tx.ScheduleUses()
	if err != nil {
		return nil, err
	}
	type at struct{ reader, group string }
	schedules := map[at]int64{}
	for _, u := range uses {
		if u.What == AccessHours {
			schedules[at{u.Reader, u.Group}] = u.Schedule
		}
	}
	all, named := make([]*AccessPolicy, len(rows)), map[string]*AccessPolicy{}
	for i, row := range rows {
		all[i] = &AccessPolicy{Number: row.Number, Name: row.Name}
		named[row.Name] = all[i]
	}
	err = eachPolicy(tx, func(p *wire.Policy, removed bool) error {
		where := places[p.Reader]
		if removed || where == nil || where.Door == 0 || !r.hasReader(p.Reader) {
			return nil
		}
		for _, entry := range p.Access {
			if g := named[entry.Group]; g != nil { // nil: visitors
				g.add(where.Door, entry.Schedule == nil, schedules[at{p.Reader, entry.Group}])
			}
		}
		return nil
	})
	for _, p := range all {
		slices.Sort(p.Doors)
		p.Doors = slices.Compact(p.Doors)
	}
	return all, err
}

// add adds a door that the group opens always, or at the hours of a schedule, 0: at others.
func (p *AccessPolicy) add(door int64, always bool, schedule int64) {
	if len(p.Doors) == 0 {
		p.Always, p.Schedule = always, schedule
	} else if p.Always != always || p.Schedule != schedule {
		p.Always, p.Schedule = false, 0
	}
	p.Doors = append(p.Doors, door)
}

// An AccessPolicyForm says what a group is to open.
type AccessPolicyForm struct {
	Name     string  // "": as it is
	Doors    []int64 // nil: as they are
	Always   bool    // at all hours
	Schedule int64   // at the hours of one; 0, and not Always: at the hours that it has
}

// SetAccessPolicy has the group with a number, 0: a new one, open the doors of a form and, of
// those in the actor's reach, no others. It is refused where TakeAccess is. Fields: "group",
// "name", "where", "access", "schedule".
func (d *Desk) SetAccessPolicy(ctx context.Context, a Actor, number int64, form AccessPolicyForm) (p *AccessPolicy, err error) {
	form.Name = TidyName(form.Name)
	target := &auditTarget{subject: form.Name}
	for _, door := range form.Doors {
		target.at = append(target.at, Where{Doors, door})
	}
	err = d.act(ctx, a, SetAccess, target, func(tx *store.Tx, now time.Time) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		group, err := form.group(tx, now, target, &number)
		if err != nil {
			return err
		}
		before, err := r.accessPolicy(tx, number)
		if err != nil {
			return err
		}
		if form.Doors != nil || form.Always || form.Schedule != 0 {
			if err := form.give(tx, now, a, r, before, group); err != nil {
				return err
			}
		}
		if p, err = r.accessPolicy(tx, number); err != nil {
			return err
		}
		opens, err := p.text(tx)
		target.text = joined(target.text, opens)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// group returns the name of the group of a form, which it makes if it has no number yet, and
// renames. target is told of it. Fields: "group", "name".
func (f *AccessPolicyForm) group(tx *store.Tx, now time.Time, target *auditTarget, number *int64) (name string, err error) {
	if *number == 0 {
		target.text = language.Say("it is new")
		*number, err = addGroup(tx, f.Name)
		return f.Name, err
	}
	g, err := groupNumbered(tx, *number)
	if err != nil {
		return "", err
	}
	target.subject = g.Name
	if f.Name == "" || f.Name == g.Name {
		return g.Name, nil
	}
	target.text = language.Say("it is called %s now", cut(f.Name, wire.MaxName))
	target.groups = []string{f.Name} // as policies name it then
	if err := editableGroup(g.Name); err != nil {
		return "", err
	}
	return f.Name, renameGroup(tx, now, g.Name, f.Name)
}

// give puts a group on the lists of the readers of a form's doors, and takes it from others in reach.
// Fields: "where", "access", "schedule".
func (f *AccessPolicyForm) give(tx *store.Tx, now time.Time, a Actor, r *reach, before *AccessPolicy, group string) error {
	doors := f.Doors
	if doors == nil {
		doors = before.Doors
	}
	if f.Schedule != 0 && len(doors) == 0 {
		return wrong("where", "A group has a schedule at doors only: name the doors, too")
	}
	if err := checkDoors(tx, doors); err != nil {
		return err
	}
	by := UseSchedule{HoursUse: HoursUse{What: AccessHours, Group: group}, ID: f.Schedule}
	keep := !f.Always && f.Schedule == 0
	if keep {
		by.ID = before.Schedule
	}
	if _, err := by.find(tx); err != nil {
		return err
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return err
	}
	return eachPolicy(tx, func(p *wire.Policy, removed bool) error {
		where := places[p.Reader]
		if removed || where == nil || where.Door == 0 || !r.hasReader(p.Reader) {
			return nil
		}
		is := slices.ContainsFunc(p.Access, func(e wire.Access) bool { return e.Group == group })
		used := []UseSchedule{}
		switch wanted := slices.Contains(doors, where.Door); {
		case !wanted && !is, wanted && is && keep:
			return nil
		case !wanted:
			if err := takeGroup(p, group); err != nil {
				return atDoor(where.DoorName, err)
			}
		case keep && by.ID == 0 && !before.Always:
			return wrong("access", "%s: choose the schedule, as %s has none that is the same at all its doors", where.DoorName, group)
		default:
			if err := giveAccess(tx, p, group, nil, by); err != nil {
				return atDoor(where.DoorName, err)
			}
			used = append(used, by)
		}
		if err := a.setPolicy(tx, now, p); err != nil {
			return atDoor(where.DoorName, err)
		}
		return noteUses(tx, p.Reader, used)
	})
}

// checkDoors refuses doors that are not there, or have no reader. Field: "where".
func checkDoors(tx *store.Tx, doors []int64) error {
	if len(doors) > maxWheres {
		return wrong("where", "%d doors at once are too many: choose at most %d", len(doors), maxWheres)
	}
	for _, id := range doors {
		door := Where{Doors, id}
		if err := door.check(); err != nil {
			return err
		}
		name, err := door.name(tx)
		if err != nil {
			return err
		}
		if _, err := readersAt(tx, []Where{door}); err != nil {
			return atDoor(name, err)
		}
	}
	return nil
}

// text says what a group opens: "Front door, Gate: Office hours".
func (p *AccessPolicy) text(tx *store.Tx) (*language.Sentence, error) {
	var names []string
	for _, id := range p.Doors {
		name, err := Where{Doors, id}.name(tx)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return language.Say("no door"), nil
	}
	slices.Sort(names)
	when := language.Say("at different hours")
	switch s, err := tx.Schedule(p.Schedule); {
	case p.Always:
		when = language.Say("always")
	case err == nil:
		when = language.Data(s.Name)
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	return language.Say("%s: %s", namesTold(names), when), nil
}
