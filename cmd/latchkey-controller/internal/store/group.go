package store

import "slices"

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

// ReplaceGroup has the members of a group be in another one in its place, which has none
// yet; "": in none. It appends to the log what changes for their credentials, and returns how
// many members there are.
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
