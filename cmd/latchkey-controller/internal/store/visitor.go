package store

import "slices"

// VisitorGroups begins the names of the groups of visitors, which nobody gives by hand and
// nobody searches for.
const VisitorGroups = "visitors-of-door-"

// An Invitation makes a user a visitor. It ends with their dates.
type Invitation struct {
	At int64 // Unix seconds
	By string
}

// SetInvitation makes a user a visitor.
func (t *Tx) SetInvitation(user uint64, i Invitation) error {
	return t.exec(`UPDATE users SET invited = ?, invited_by = ? WHERE id = ?`, max(i.At, 1), i.By, user)
}

// Invitations returns the invitations of those of some users who are visitors.
func (t *Tx) Invitations(users []uint64) (map[uint64]Invitation, error) {
	ids := make([]int64, len(users))
	for i, id := range users {
		ids[i] = int64(id)
	}
	all := map[uint64]Invitation{}
	err := t.rows(`SELECT id, invited, invited_by FROM users WHERE invited <> 0 AND id IN `+listedIDs, []any{list(ids)}, func(r scanner) error {
		var id uint64
		var i Invitation
		err := r.Scan(&id, &i.At, &i.By)
		all[id] = i
		return err
	})
	return all, err
}

// IsVisitor says whether a user is a visitor.
func (t *Tx) IsVisitor(user uint64) (is bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM users WHERE id = ? AND invited <> 0)`, []any{user}, &is)
	return is, err
}

// A VisitTime says when visits are, compared with now.
type VisitTime string

// The times.
const (
	AnyVisit VisitTime = ""
	Coming   VisitTime = "coming" // they have not begun
	Here     VisitTime = "now"
	Over     VisitTime = "over"
)

// visitConditions select visits by their time, now in Unix seconds, twice.
var visitConditions = map[VisitTime]string{
	AnyVisit: `CAST(? AS BIGINT) = ?`,
	Coming:   `valid_from > ? AND valid_until > ?`,
	Here:     `valid_from <= ? AND valid_until > ?`,
	Over:     `valid_until <= ? AND CAST(? AS BIGINT) <> 0`,
}

// A VisitCursor is a position in the list of visitors.
type VisitCursor struct {
	Until int64
	ID    uint64
}

// A VisitChoice selects visitors.
type VisitChoice struct {
	At     VisitTime
	Now    int64    // Unix seconds
	Groups []string // in one of these; nil: in any
}

// from returns the FROM and WHERE of a choice with its arguments.
func (c VisitChoice) from() (clause string, args []any) {
	clause, args = `users INDEXED BY visits WHERE invited <> 0 AND `+visitConditions[c.At], []any{c.Now, c.Now}
	if c.Groups != nil {
		clause, args = clause+` AND `+inGroups, append(args, list(c.Groups))
	}
	return clause, args
}

// Visitors returns up to limit of the visitors that a choice selects, after a cursor and some
// more: those whose visits end first, first.
func (t *Tx) Visitors(c VisitChoice, after VisitCursor, skip, limit int) ([]*User, error) {
	var ids []int64
	rank := map[uint64]int{}
	clause, args := c.from()
	err := t.rows(`SELECT id FROM `+clause+` AND (valid_until, id) > (?, ?) ORDER BY valid_until, id LIMIT ? OFFSET ?`,
		append(args, after.Until, after.ID, limit, skip), func(r scanner) error {
			var id int64
			err := r.Scan(&id)
			rank[uint64(id)] = len(ids)
			ids = append(ids, id)
			return err
		})
	if err != nil {
		return nil, err
	}
	users, err := t.users(`id IN `+listedIDs, list(ids))
	slices.SortFunc(users, func(a, b *User) int { return rank[a.ID] - rank[b.ID] })
	return users, err
}

// CountVisitors returns how many visitors a choice selects.
func (t *Tx) CountVisitors(c VisitChoice) (n int, err error) {
	clause, args := c.from()
	err = t.row(`SELECT count(*) FROM `+clause, args, &n)
	return n, err
}

// SetTakesVisitors stores whether visitors may be invited to a door.
func (t *Tx) SetTakesVisitors(door int64, takes bool) error {
	return t.exec(`UPDATE doors SET visitors = ? WHERE id = ?`, takes, door)
}

// VisitedAt returns the door of a reader if visitors may be invited to it; 0: they may not.
func (t *Tx) VisitedAt(reader string) (door int64, err error) {
	err = t.rowIfAny(`SELECT d.id FROM readers r JOIN doors d ON d.id = r.door_id WHERE r.id = ? AND d.visitors <> 0`, []any{reader}, &door)
	return door, err
}

// VisitedDoors returns the doors to which visitors may be invited.
func (t *Tx) VisitedDoors() (doors map[int64]bool, err error) {
	doors = map[int64]bool{}
	err = t.rows(`SELECT id FROM doors WHERE visitors <> 0`, nil, func(r scanner) error {
		var id int64
		err := r.Scan(&id)
		doors[id] = true
		return err
	})
	return doors, err
}
