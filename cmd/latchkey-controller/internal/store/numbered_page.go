package store

import (
	"cmp"
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// A NumberedUsers selects users who are no visitors, for pages that have numbers.
type NumberedUsers struct {
	Search    string   // as in UserChoice
	Suspended *bool    // nil: those who are, and those who are not
	IDs       []uint64 // of these only; nil: of all
	Group     string   // of its members only; "": of all
}

// from returns the FROM and WHERE of a selection with its arguments. Unless it has ids, it is on
// an index that covers it.
func (n NumberedUsers) from() (clause string, args []any) {
	table, where := `users INDEXED BY users_sorted`, `invited = 0`
	switch {
	case n.IDs != nil:
		ids := make([]int64, len(n.IDs))
		for i, id := range n.IDs {
			ids[i] = int64(id)
		}
		table, where, args = `users`, where+` AND id IN `+listedIDs, append(args, list(ids))
	case n.Suspended != nil && *n.Suspended:
		table = `users INDEXED BY users_suspended`
	}
	switch {
	case n.Suspended == nil:
	case *n.Suspended:
		where += ` AND suspended <> 0`
	default:
		where += ` AND suspended = 0`
	}
	if n.Group != "" {
		where, args = where+` AND id IN (SELECT user_id FROM user_groups WHERE name = ?)`, append(args, n.Group)
	}
	for _, word := range strings.Fields(searchText(n.Search)) {
		where, args = where+` AND instr(words, ?) > 0`, append(args, " "+word)
	}
	return table + ` WHERE ` + where, args
}

// NumberedUsers returns those of the selected users, by name, who come after some others, and
// how many are selected. Skipping reads the index only.
func (t *Tx) NumberedUsers(n NumberedUsers, skip, limit int) (users []*User, found int, err error) {
	clause, args := n.from()
	ids, rank := []int64{}, map[uint64]int{}
	err = t.rows(`SELECT id FROM `+clause+` ORDER BY sort, id LIMIT ? OFFSET ?`, append(args, limit, skip), func(r scanner) error {
		var id int64
		err := r.Scan(&id)
		rank[uint64(id)], ids = len(ids), append(ids, id)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	// A page that is not full is the last one.
	if found = skip + len(ids); len(ids) == limit || len(ids) == 0 && skip > 0 {
		if found, err = t.countNumbered(n); err != nil {
			return nil, 0, err
		}
	}
	users, err = t.users(`id IN `+listedIDs, list(ids))
	slices.SortFunc(users, func(a, b *User) int { return cmp.Compare(rank[a.ID], rank[b.ID]) })
	return users, found, err
}

// countNumbered returns how many users are selected.
func (t *Tx) countNumbered(n NumberedUsers) (found int, err error) {
	if n.IDs == nil && n.Suspended == nil && n.Group == "" && len(strings.Fields(searchText(n.Search))) == 0 {
		err = t.row(`SELECT (SELECT count(*) FROM users) - (SELECT count(*) FROM users INDEXED BY users_invited WHERE invited <> 0)`, nil, &found)
		return found, err
	}
	clause, args := n.from()
	err = t.row(`SELECT count(*) FROM `+clause, args, &found)
	return found, err
}

// NumberedCards returns the cards that come after some others, by id, with their users, and how
// many there are; of visitors' cards those only of visitors who are in one of some groups, nil:
// all.
func (t *Tx) NumberedCards(visitors []string, skip, limit int) (cards []*Credential, users map[uint64]*User, found int, err error) {
	if found, _, err = t.CountCards(visitors); err != nil {
		return nil, nil, 0, err
	}
	seen, args := ``, []any{}
	if visitors != nil {
		seen, args = ` AND NOT `+ofUnseen, []any{list(visitors)}
	}
	cards, err = t.credentials(`id IN (SELECT id FROM credentials INDEXED BY credentials_copyable WHERE kind = 2`+seen+` ORDER BY id LIMIT ? OFFSET ?)`, append(args, limit, skip)...)
	if err != nil {
		return nil, nil, 0, err
	}
	ids := make([]int64, len(cards))
	for i, c := range cards {
		ids[i] = int64(c.User)
	}
	all, err := t.users(`id IN `+listedIDs, list(ids))
	users = make(map[uint64]*User, len(all))
	for _, u := range all {
		users[u.ID] = u
	}
	return cards, users, found, err
}

// MoveCredential gives a credential of a user to another one, and appends what changes to the
// log. by is who does.
func (t *Tx) MoveCredential(now int64, by string, c *Credential, from, to *User) error {
	last := from.change(c)
	c.User, c.Created, c.By = to.ID, now, by
	if err := t.exec(`UPDATE credentials SET user_id = ?, created = ?, given_by = ? WHERE id = ?`, c.User, c.Created, c.By, c.ID); err != nil {
		return err
	}
	copyable := 0
	if c.Kind == wire.Card && c.Chip == 0 {
		copyable = 1
	}
	for _, move := range []struct {
		user uint64
		more int
	}{{from.ID, -1}, {to.ID, 1}} {
		if err := t.exec(`UPDATE users SET credentials = credentials + ?, copyable = copyable + ? WHERE id = ?`, move.more, move.more*copyable, move.user); err != nil {
			return err
		}
	}
	return t.appendIfChanged(now, last, to.change(c))
}
