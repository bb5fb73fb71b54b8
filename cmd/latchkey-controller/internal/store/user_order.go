package store

import (
	"cmp"
	"slices"
	"strings"
)

// A UserOrder is the order of a list of users.
type UserOrder string

// The orders, each with its reverse. Those who are alike in it are in order of their names.
const (
	ByName      UserOrder = "name"  // as people sort names; the zero value means the same
	ByNameDown  UserOrder = "-name" //
	ByUntil     UserOrder = "until" // whose dates end first, then those without an end
	ByUntilDown UserOrder = "-until"
	BySeen      UserOrder = "seen" // whom no door has let in, then who has not come for longest
	BySeenDown  UserOrder = "-seen"
	ByAdded     UserOrder = "added"
	ByAddedDown UserOrder = "-added"
)

// A UserCursor is a position in a list of users. It has what the order of the list compares.
type UserCursor struct {
	Sort string // SortKey of the name
	ID   uint64
	Key  int64 // the end of the dates, or the newest event; 0: there is none
}

// A userRun is a part of a list of users: all that is in the same order of the same columns.
type userRun struct {
	where   string
	columns []string // of which the last tells all users apart
	down    bool
	hint    string      // of the index that has this order; "": to sort who is chosen takes less
	keyed   bool        // UserCursor.Key is not 0 in it
	begin   *UserCursor // nobody comes before it; nil: not known
}

// runs returns the parts of the list of a choice, in order.
func (c UserChoice) runs() []userRun {
	order, down := strings.CutPrefix(string(c.Order), "-")
	named := userRun{columns: []string{"sort", "id"}}
	// Few are in most states, and words are in some indexes only.
	many, searches := c.State == AnyState || c.State == ValidUsers, len(strings.Fields(searchText(c.Search))) > 0
	var keyed userRun
	switch UserOrder(order) {
	default:
		named.down = down
		return []userRun{named}
	case ByAdded:
		added := userRun{columns: []string{"id"}, down: down}
		if many && !searches {
			added.hint = `NOT INDEXED` // but the table's own order
		}
		return []userRun{added}
	case ByUntil:
		named.where, keyed = `valid_until = 0`, userRun{where: `valid_until <> 0`, columns: []string{"valid_until", "sort", "id"}, hint: `INDEXED BY users_until`}
		if c.State == ValidUsers && !down {
			keyed.begin = &UserCursor{Key: c.Now + 1}
		}
	case BySeen:
		named.where, keyed = `seen = 0`, userRun{where: `seen <> 0`, columns: []string{"seen"}}
		if !searches {
			keyed.hint = `INDEXED BY users_seen`
		}
	}
	if keyed.keyed, keyed.down = true, down; !many {
		keyed.hint = ""
	}
	if (UserOrder(order) == ByUntil) != down {
		return []userRun{keyed, named}
	}
	return []userRun{named, keyed}
}

// pageQuery returns the statement that reads the positions in a part of a list after a cursor, nil: from its beginning,
// with its arguments but for the limit.
func (c UserChoice) pageQuery(run userRun, after *UserCursor) (query string, args []any) {
	w := c.where()
	if run.where != "" {
		w = w.and(run.where)
	}
	order, above := "", `>`
	if run.down {
		order, above = ` DESC`, `<`
	}
	if after == nil {
		after = run.begin
	}
	if after != nil {
		values := map[string]any{"sort": after.Sort, "id": after.ID, "valid_until": after.Key, "seen": after.Key}
		var at []any
		for _, column := range run.columns {
			at = append(at, values[column])
		}
		w = w.and(`(`+strings.Join(run.columns, ", ")+`) `+above+` (?`+strings.Repeat(", ?", len(at)-1)+`)`, at...)
	}
	key := `CAST(0 AS BIGINT)`
	if run.keyed {
		key = run.columns[0]
	}
	return `SELECT sort, id, ` + key + ` FROM users ` + cmp.Or(run.hint, `INDEXED BY `+c.index()) + ` WHERE ` + w.where + ` ORDER BY ` + strings.Join(run.columns, order+", ") + order + ` LIMIT ?`, w.args
}

// UsersAfter is FindUsers without the numbers.
func (t *Tx) UsersAfter(c UserChoice, after UserCursor, limit int) (users []*User, next UserCursor, err error) {
	from := &after
	if after == (UserCursor{}) {
		from = nil
	}
	var page []UserCursor
	for _, run := range c.runs() {
		if from != nil && run.keyed != (from.Key != 0) || len(page) > limit {
			continue // it comes before, or later
		}
		query, args := c.pageQuery(run, from)
		from = nil
		err := t.rows(query, append(args, limit+1-len(page)), func(r scanner) error {
			var at UserCursor
			err := r.Scan(&at.Sort, &at.ID, &at.Key)
			page = append(page, at)
			return err
		})
		if err != nil {
			return nil, UserCursor{}, err
		}
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1]
	}
	ids, rank := make([]int64, len(page)), make(map[uint64]int, len(page))
	for i, at := range page {
		ids[i], rank[at.ID] = int64(at.ID), i
	}
	users, err = t.users(`id IN `+listedIDs, list(ids))
	slices.SortFunc(users, func(a, b *User) int { return cmp.Compare(rank[a.ID], rank[b.ID]) })
	return users, next, err
}

// A UserPage is a part of the list of a choice.
type UserPage struct {
	Users []*User
	Next  UserCursor // after which the next page begins; the zero value: there is none
	Total int        // users, as of CountSeen
	Found int        // that the choice selects
}

// FindUsers returns the page of the list of a choice after a cursor, the zero value: from the beginning.
func (t *Tx) FindUsers(c UserChoice, after UserCursor, limit int) (*UserPage, error) {
	page := new(UserPage)
	var err error
	if page.Total, err = t.CountSeen(c.Visitors); err != nil {
		return nil, err
	}
	if page.Users, page.Next, err = t.UsersAfter(c, after, limit); err != nil {
		return nil, err
	}
	// A first page after which nobody comes holds all there are.
	if page.Found = len(page.Users); after != (UserCursor{}) || page.Next != (UserCursor{}) {
		page.Found, err = t.countUsers(c, page.Total)
	}
	return page, err
}
