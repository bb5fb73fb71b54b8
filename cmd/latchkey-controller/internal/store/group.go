package store

import (
	"slices"

	"latchkey/sync/wire"
)

// CountMembers returns how many users are in each group that has any.
func (t *Tx) CountMembers() (map[string]int, error) {
	members := map[string]int{}
	err := t.rows(`SELECT name, count(*) FROM user_groups GROUP BY name`, nil, func(r scanner) error {
		var name string
		var n int
		err := r.Scan(&name, &n)
		members[name] = n
		return err
	})
	return members, err
}

// GroupsWithMembers returns the names of the groups that somebody is in. It does not count
// whom.
func (t *Tx) GroupsWithMembers() ([]string, error) {
	return t.texts(`SELECT name FROM groups WHERE EXISTS (SELECT 1 FROM user_groups WHERE user_groups.name = groups.name)`)
}

// CountUsers returns how many users there are.
func (t *Tx) CountUsers() (n int, err error) {
	err = t.row(`SELECT count(*) FROM users`, nil, &n)
	return n, err
}

// MembersOf returns the ids of the users in a group, sorted.
func (t *Tx) MembersOf(group string) (users []uint64, err error) {
	err = t.rows(`SELECT user_id FROM user_groups WHERE name = ? ORDER BY user_id`, []any{group}, func(r scanner) error {
		var id uint64
		err := r.Scan(&id)
		users = append(users, id)
		return err
	})
	return users, err
}

// A GroupNumber is by what programs know a group, whatever it is called.
type GroupNumber struct {
	Number int64
	Made   bool // the group is there even if nobody is in it and no policy names it
}

// GroupNumbers returns the numbers of the groups that there are or were, by name.
func (t *Tx) GroupNumbers() (map[string]GroupNumber, error) {
	numbers := map[string]GroupNumber{}
	err := t.rows(`SELECT name, number, made FROM groups`, nil, func(r scanner) error {
		var name string
		var n GroupNumber
		err := r.Scan(&name, &n.Number, &n.Made)
		numbers[name] = n
		return err
	})
	return numbers, err
}

// GroupNumber returns the number of a group; zero: there never was one of this name.
func (t *Tx) GroupNumber(name string) (n GroupNumber, err error) {
	err = t.rowIfAny(`SELECT number, made FROM groups WHERE name = ?`, []any{name}, &n.Number, &n.Made)
	return n, err
}

// MakeGroup has a group be there even if nobody is in it, and returns its number.
func (t *Tx) MakeGroup(name string) (number int64, err error) {
	err = t.row(`INSERT INTO groups (name, made) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET made = 1 RETURNING number`, []any{name}, &number)
	return number, err
}

// GroupNumbered returns the name of the group with a number, or ErrNotFound. The group may have
// no members now, and be in no policy.
func (t *Tx) GroupNumbered(number int64) (name string, err error) {
	err = t.row(`SELECT name FROM groups WHERE number = ?`, []any{number}, &name)
	return name, err
}

// numberGroups gives the groups that policies name numbers, if they have none.
func (t *Tx) numberGroups(policies ...*wire.Policy) error {
	var groups []string
	for _, p := range policies {
		groups = append(groups, PolicyGroups(p)...)
	}
	slices.Sort(groups)
	var rows [][]any
	for _, group := range slices.Compact(groups) {
		rows = append(rows, []any{group})
	}
	return t.insert(`INSERT INTO groups (name) VALUES (?) ON CONFLICT DO NOTHING`, rows)
}

// PolicyGroups returns the groups that a policy names, sorted.
func PolicyGroups(p *wire.Policy) []string {
	groups := slices.Concat(p.Exempt, p.InLockdown)
	for _, a := range p.Access {
		groups = append(groups, a.Group)
	}
	if p.Opening != nil && p.Opening.First != "" {
		groups = append(groups, p.Opening.First)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// renumberGroup gives another name the number of a group; "": no name has it any more.
func (t *Tx) renumberGroup(group, by string) error {
	if by == "" {
		return t.exec(`DELETE FROM groups WHERE name = ?`, group)
	}
	if err := t.exec(`DELETE FROM groups WHERE name = ?`, by); err != nil { // of a group that was
		return err
	}
	return t.exec(`UPDATE groups SET name = ? WHERE name = ?`, by, group)
}

// ReplaceGroup has the members of a group be in another one in its place, which has none yet, and
// gets its number; "": in none. It appends to the log what changes for their credentials, and
// returns how many members there are.
func (t *Tx) ReplaceGroup(now int64, group, by string) (members int, err error) {
	const inGroup = `IN (SELECT user_id FROM user_groups WHERE name = ?)`
	users, err := t.users(`id `+inGroup, group)
	if err != nil {
		return 0, err
	}
	credentials, err := t.credentials(`user_id `+inGroup, group)
	if err != nil {
		return 0, err
	}
	if err := t.renumberGroup(group, by); err != nil {
		return 0, err
	}
	if by == "" {
		err = t.exec(`DELETE FROM user_groups WHERE name = ?`, group)
	} else {
		err = t.exec(`UPDATE user_groups SET name = ? WHERE name = ?`, by, group)
	}
	if err != nil {
		return 0, err
	}
	byID := make(map[uint64]*User, len(users))
	for _, u := range users {
		byID[u.ID] = u
		u.Groups = slices.DeleteFunc(u.Groups, func(g string) bool { return g == group })
		if by != "" {
			u.Groups = append(u.Groups, by)
			slices.Sort(u.Groups)
		}
		if err := t.exec(`UPDATE users SET words = ? WHERE id = ?`, u.words(), u.ID); err != nil {
			return 0, err
		}
	}
	head, err := t.Head()
	if err != nil {
		return 0, err
	}
	for _, c := range credentials {
		change := byID[c.User].change(c)
		if change.Credential == nil {
			continue
		}
		if err := t.appendAt(&head, now, change); err != nil {
			return 0, err
		}
	}
	return len(users), nil
}
