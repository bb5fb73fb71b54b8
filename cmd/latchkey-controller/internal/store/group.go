package store

// Groups returns all groups of users, sorted.
func (t *Tx) Groups() ([]string, error) {
	return t.texts(`SELECT DISTINCT name FROM user_groups ORDER BY name`)
}

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

// Members returns the users in a group, by id.
func (t *Tx) Members(group string) ([]*User, error) {
	return t.users(`id IN (SELECT user_id FROM user_groups WHERE name = ?)`, group)
}

// CountMembersOf returns how many users are in a group.
func (t *Tx) CountMembersOf(group string) (n int, err error) {
	err = t.row(`SELECT count(*) FROM user_groups WHERE name = ?`, []any{group}, &n)
	return n, err
}
