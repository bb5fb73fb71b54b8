package store

import (
	"errors"
	"strings"
)

// maxEventName is how many bytes of a name are kept for searches: a reader may send one of 4 KiB, which is
// too long for an index of PostgreSQL.
const maxEventName = 1024

// nameID returns the id of a name, which it adds if it is new; 0: the name is empty.
func (t *Tx) nameID(name string) (id int64, err error) {
	if name == "" {
		return 0, nil
	}
	if len(name) > maxEventName {
		name = strings.ToValidUTF8(name[:maxEventName], "")
	}
	err = t.row(`SELECT id FROM names WHERE name = ?`, []any{name}, &id)
	if errors.Is(err, ErrNotFound) {
		err = t.row(`INSERT INTO names (name, words) VALUES (?, ?) RETURNING id`, []any{name, " " + searchText(name)}, &id)
	}
	return id, err
}

// nameDoor returns the current name of a reader's door, or the reader's id if it has
// none.
func (t *Tx) nameDoor(reader string) (name string, err error) {
	name = reader
	err = t.rowIfAny(`SELECT d.name FROM readers r JOIN doors d ON d.id = r.door_id WHERE r.id = ?`, []any{reader}, &name)
	return name, err
}

// forgetNames deletes those of some names that no event uses any more.
func (t *Tx) forgetNames(ids []int64) error {
	return t.exec(`DELETE FROM names WHERE id IN `+listedIDs+`
		AND NOT EXISTS (SELECT 1 FROM activity WHERE subject = names.id AND subject <> 0)
		AND NOT EXISTS (SELECT 1 FROM activity WHERE door = names.id AND door <> 0)
		AND NOT EXISTS (SELECT 1 FROM activity WHERE who = names.id AND who <> 0)
		AND NOT EXISTS (SELECT 1 FROM besides WHERE name = names.id)`, list(ids))
}

// A NameMatch is the result of a search for names. An event matches if it has one of
// them.
type NameMatch struct {
	Names []int64  // of users, doors or administrators, at the time of the event
	Users []uint64 // by their current names
}

// FindNames returns up to limit names of events, and up to limit users by their
// current names, in which each word of search begins a word.
func (t *Tx) FindNames(search string, limit int) (n NameMatch, err error) {
	where, args := `TRUE`, []any{}
	for _, word := range strings.Fields(searchText(search)) {
		where, args = where+` AND instr(words, ?) > 0`, append(args, " "+word)
	}
	if len(args) == 0 {
		return n, nil
	}
	err = t.rows(`SELECT id FROM names WHERE `+where+` ORDER BY id LIMIT ?`, append(args, limit), func(r scanner) error {
		var id int64
		err := r.Scan(&id)
		n.Names = append(n.Names, id)
		return err
	})
	if err != nil {
		return n, err
	}
	users, _, _, err := t.FindUsers(UserChoice{Search: search}, UserCursor{}, limit)
	for _, u := range users {
		n.Users = append(n.Users, u.ID)
	}
	return n, err
}

// OtherNames returns the names, at that time, of the users that an event names
// besides its own.
func (t *Tx) OtherNames(entry int64) (names map[uint64]string, err error) {
	names = map[uint64]string{}
	err = t.rows(`SELECT b.user_id, n.name FROM besides b JOIN names n ON n.id = b.name WHERE b.activity = ?`, []any{entry}, func(r scanner) error {
		var user uint64
		var name string
		err := r.Scan(&user, &name)
		names[user] = name
		return err
	})
	return names, err
}
