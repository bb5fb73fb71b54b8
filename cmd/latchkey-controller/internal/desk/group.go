package desk

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// MaxMembersEdit bounds the users that one act adds to a group or takes from it.
const MaxMembersEdit = 500

// editableGroup refuses a group whose members nobody edits, and whose name nobody gives. Field:
// "group".
func editableGroup(name string) error {
	if name == wire.Everyone {
		return wrong("group", "Everybody is in everyone: it cannot be changed, renamed or removed")
	}
	return wrongField("group", checkGroup(name))
}

// EditMembers adds users to a group, and takes others from it. begins says that the group
// must be new, otherwise it must exist. Fields: "group", "users".
func (d *Desk) EditMembers(ctx context.Context, a Actor, group string, begins bool, add, remove []uint64) error {
	target := &auditTarget{subject: group, groups: []string{group}}
	return d.act(ctx, a, EditMembers, target, func(tx *store.Tx, now time.Time) error {
		return target.editMembers(tx, now, a, group, begins, add, remove)
	})
}

// EditMembersNumbered is EditMembers of the group with a number, which must exist, whatever it is
// called by now.
func (d *Desk) EditMembersNumbered(ctx context.Context, a Actor, number int64, add, remove []uint64) error {
	target := &auditTarget{}
	return d.act(ctx, a, EditMembers, target, func(tx *store.Tx, now time.Time) error {
		g, err := groupNumbered(tx, number)
		if err != nil {
			return err
		}
		target.subject, target.groups = g.Name, []string{g.Name}
		return target.editMembers(tx, now, a, g.Name, false, add, remove)
	})
}

// editMembers is the act of EditMembers.
func (target *auditTarget) editMembers(tx *store.Tx, now time.Time, a Actor, group string, begins bool, add, remove []uint64) error {
	if err := editableGroup(group); err != nil {
		return err
	}
	switch _, err := groupNamed(tx, group); {
	case begins && err == nil:
		return wrong("group", "There already is a group %s: open it to add to it, or choose another name", group)
	case !begins && err != nil:
		return err
	case begins && !errors.Is(err, ErrNotFound):
		return err
	}
	switch n := len(add) + len(remove); {
	case n == 0:
		return wrong("users", "Choose at least one user")
	case n > MaxMembersEdit:
		return wrong("users", "%d users at once are too many: choose at most %d", n, MaxMembersEdit)
	}
	r, err := a.reach(tx)
	if err != nil {
		return err
	}
	added, err := r.moveMembers(tx, now, group, add, true)
	if err != nil {
		return err
	}
	removed, err := r.moveMembers(tx, now, group, remove, false)
	if err != nil {
		return err
	}
	var says []*language.Sentence
	if len(added) > 0 {
		says = append(says, language.Say("added %s¦to a group", namesTold(added)))
	}
	if len(removed) > 0 {
		says = append(says, language.Say("removed %s¦from a group", namesTold(removed)))
	}
	target.text = joined(says...)
	return nil
}

// maxGroups bounds how many groups there are when one is made in which nobody is yet.
const maxGroups = 1000

// AddGroup makes a group in which nobody is yet, and which no door lets in. Field: "group".
func (d *Desk) AddGroup(ctx context.Context, a Actor, name string) (number int64, err error) {
	name = TidyName(name)
	target := &auditTarget{subject: name}
	err = d.act(ctx, a, AddGroup, target, func(tx *store.Tx, _ time.Time) error {
		number, err = addGroup(tx, name)
		return err
	})
	return number, err
}

// addGroup makes a group, which must be new. Field: "group".
func addGroup(tx *store.Tx, name string) (number int64, err error) {
	if err := editableGroup(name); err != nil {
		return 0, err
	}
	if _, err := groupNamed(tx, name); err == nil {
		return 0, wrong("group", "There already is a group %s: choose another name", name)
	} else if !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	all, err := groupRows(tx, &reach{all: true})
	if err != nil {
		return 0, err
	}
	if len(all) >= maxGroups {
		return 0, wrong("group", "There are %d groups, and no more can be made: remove one first", len(all))
	}
	return tx.MakeGroup(name)
}

// moveMembers puts users into a group or takes them from it. It returns the names of those
// for whom this was a change. Those who are not seen are not there. Field: "users".
func (r *reach) moveMembers(tx *store.Tx, now time.Time, group string, users []uint64, in bool) (names []string, err error) {
	for _, id := range users {
		u, err := r.user(tx, id)
		if errors.Is(err, ErrNotFound) {
			return nil, wrong("users", "User %s was removed meanwhile; choose again", strconv.FormatUint(id, 10))
		}
		if err != nil {
			return nil, err
		}
		visitor, err := tx.IsVisitor(id)
		if err != nil {
			return nil, err
		}
		at, is := slices.BinarySearch(u.Groups, group)
		switch {
		case is == in:
			continue
		case in && visitor:
			return nil, wrong("users", "%s is a visitor, and in no group: invite them to the doors, or add a user", u.Name)
		case is:
			u.Groups = slices.Delete(u.Groups, at, at+1)
		case len(u.Groups) >= wire.MaxGroups:
			return nil, wrong("users", "%s is in %d groups, and nobody can be in more: take them from another group first", u.Name, wire.MaxGroups)
		default:
			u.Groups = slices.Insert(u.Groups, at, group)
		}
		if err := tx.SetUser(now.Unix(), u); err != nil {
			return nil, err
		}
		names = append(names, u.Name)
	}
	return names, nil
}

// RenameGroup gives a group another name, for its members' credentials and in all policies,
// also in those that readers had which were removed. was is the Revision that was edited; if
// it has changed since, the act is refused; "": do not check. Fields: "group", "name".
func (d *Desk) RenameGroup(ctx context.Context, a Actor, group, was, to string) error {
	to = TidyName(to)
	target := &auditTarget{subject: group, groups: []string{group}, text: language.Say("to %s¦a new name", cut(to, wire.MaxName))}
	return d.act(ctx, a, RenameGroup, target, func(tx *store.Tx, now time.Time) error {
		if err := checkWholeGroup(tx, group, was); err != nil {
			return err
		}
		if to == group {
			return wrong("name", "It is called %s already: enter another name", to)
		}
		return renameGroup(tx, now, group, to)
	})
}

// renameGroup gives a group another name. Field: "name".
func renameGroup(tx *store.Tx, now time.Time, group, to string) error {
	if err := editableGroup(to); err != nil {
		return wrongField("name", err)
	}
	if _, err := groupNamed(tx, to); err == nil {
		return wrong("name", "There already is a group %[1]s. Choose another name; or add the members of %[2]s to %[1]s, and remove %[2]s", to, group)
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	if _, err := tx.ReplaceGroup(now.Unix(), group, to); err != nil {
		return err
	}
	if err := tx.RenameScheduleGroup(group, to); err != nil {
		return err
	}
	_, err := replaceInPolicies(tx, now, group, func(p *wire.Policy, _ bool) error {
		renameIn(p, group, to)
		return nil
	})
	return err
}

// RemoveGroup takes a group from its members and from all policies. It is refused where
// TakeAccess is. was is as for RenameGroup. Fields: "group", "where".
func (d *Desk) RemoveGroup(ctx context.Context, a Actor, group, was string) error {
	target := &auditTarget{subject: group, groups: []string{group}}
	return d.act(ctx, a, RemoveGroup, target, func(tx *store.Tx, now time.Time) error {
		if err := checkWholeGroup(tx, group, was); err != nil {
			return err
		}
		members, err := tx.ReplaceGroup(now.Unix(), group, "")
		if err != nil {
			return err
		}
		readers, err := replaceInPolicies(tx, now, group, func(p *wire.Policy, removed bool) error {
			if removed {
				dropGroup(p, group)
				return nil
			}
			return takeGroup(p, group)
		})
		target.text = language.Say("from %s and %s¦users, readers", language.Count(members, "%d user¦from it", "%d users¦from them"), language.Count(readers, "%d reader¦from it", "%d readers¦from them"))
		return err
	})
}

// dropGroup takes a group from the policy that a removed reader had: should it be adopted again,
// its unlock schedule would wait for nobody, so that ends, too.
func dropGroup(p *wire.Policy, group string) {
	is := func(g string) bool { return g == group }
	p.Access = slices.DeleteFunc(p.Access, func(a wire.Access) bool { return is(a.Group) })
	p.Exempt, p.InLockdown = slices.DeleteFunc(p.Exempt, is), slices.DeleteFunc(p.InLockdown, is)
	if p.Opening != nil && is(p.Opening.First) {
		p.Opening = nil
	}
}

// checkWholeGroup refuses to rename or remove a group that does not exist or has changed
// since was. Field: "group".
func checkWholeGroup(tx *store.Tx, group, was string) error {
	if err := editableGroup(group); err != nil {
		return err
	}
	g, err := groupNamed(tx, group)
	if err != nil {
		return err
	}
	if was != "" && was != g.Revision() {
		return changedMeanwhile("group")
	}
	return nil
}

// replaceInPolicies edits all policies that name a group, and returns how many they are.
func replaceInPolicies(tx *store.Tx, now time.Time, group string, edit func(p *wire.Policy, removed bool) error) (readers int, err error) {
	places, err := tx.ReaderPlaces()
	if err != nil {
		return 0, err
	}
	err = eachPolicy(tx, func(p *wire.Policy, removed bool) error {
		if !slices.Contains(groupsIn(p), group) {
			return nil
		}
		name := doorName(places, p.Reader)
		if removed {
			name += " (reader " + p.Reader + ", which was removed)"
		}
		if err := edit(p, removed); err != nil {
			return atDoor(name, err)
		}
		readers++
		return atDoor(name, site.SetPolicy(tx, now, p))
	})
	return readers, err
}

// renameIn gives a group another name in a policy.
func renameIn(p *wire.Policy, group, to string) {
	for i := range p.Access {
		if p.Access[i].Group == group {
			p.Access[i].Group = to
		}
	}
	p.Exempt, p.InLockdown = replaced(p.Exempt, group, to), replaced(p.InLockdown, group, to)
	if p.Opening != nil && p.Opening.First == group {
		p.Opening.First = to
	}
}

// replaced returns sorted groups with another one, "": none, in place of one of them.
func replaced(groups []string, group, by string) []string {
	at, is := slices.BinarySearch(groups, group)
	if !is {
		return groups
	}
	groups = slices.Delete(groups, at, at+1)
	if by != "" {
		at, _ = slices.BinarySearch(groups, by)
		groups = slices.Insert(groups, at, by)
	}
	return groups
}
