package store

import (
	"maps"
	"slices"
	"strings"
)

// maxEventName is how many bytes of a name are kept with events: a reader may send one of 4 KiB, which is
// too long for an index of PostgreSQL.
const maxEventName = 1024

// eventName returns a name as events have it.
func eventName(name string) string {
	name = plain(name)
	return strings.ToValidUTF8(name[:min(len(name), maxEventName)], "") // no part of a character at the end
}

// cutNames cuts the names of events that are stored whole, from before there was eventName. Those that are
// the same then become one.
func (t *Tx) cutNames() error {
	whole := map[int64]string{}
	err := t.rows(`SELECT id, name FROM names`, nil, func(r scanner) error {
		var id int64
		var name string
		err := r.Scan(&id, &name)
		if name != eventName(name) {
			whole[id] = eventName(name)
		}
		return err
	})
	for _, id := range slices.Sorted(maps.Keys(whole)) {
		name, same := whole[id], int64(0)
		if err == nil {
			err = t.rowIfAny(`SELECT id FROM names WHERE name = ?`, []any{name}, &same)
		}
		if err == nil && same == 0 {
			err = t.exec(`UPDATE names SET name = ?, words = ? WHERE id = ?`, name, " "+searchText(name), id)
			continue
		}
		for _, column := range []string{"subject", "door", "who"} {
			if err == nil {
				err = t.exec(`UPDATE activity SET `+column+` = ? WHERE `+column+` = ? AND `+column+` <> 0`, same, id)
			}
		}
		if err == nil {
			err = t.exec(`UPDATE besides SET name = ? WHERE name = ?`, same, id)
		}
		if err == nil {
			err = t.exec(`DELETE FROM names WHERE id = ?`, id)
		}
	}
	return err
}

// nameIDs returns the ids of names, which are as of eventName, and adds those that are new, in order;
// that of "" is 0.
func (t *Tx) nameIDs(names []string) (ids map[string]int64, err error) {
	ids = map[string]int64{"": 0}
	find := func(names []string) error {
		return t.rows(`SELECT id, name FROM names WHERE name IN `+listed, []any{list(names)}, func(r scanner) error {
			var id int64
			var name string
			err := r.Scan(&id, &name)
			ids[name] = id
			return err
		})
	}
	// What does not know the names yet is asked for, and added, once.
	missing := func(names []string) (missing []string) {
		asked := map[string]bool{}
		for _, name := range names {
			if _, known := ids[name]; !known && !asked[name] {
				asked[name], missing = true, append(missing, name)
			}
		}
		return missing
	}
	names = missing(names)
	if len(names) == 0 {
		return ids, nil
	}
	if err := find(names); err != nil {
		return nil, err
	}
	added := missing(names)
	if len(added) == 0 {
		return ids, nil
	}
	rows := make([][]any, len(added))
	for i, name := range added {
		rows[i] = []any{name, " " + searchText(name)}
	}
	if err := t.insert(`INSERT INTO names (name, words) VALUES (?, ?)`, rows); err != nil {
		return nil, err
	}
	return ids, find(added)
}

// nameDoors returns the current names of readers' doors, or, of a reader that has none, its id.
func (t *Tx) nameDoors(readers []string) (doors map[string]string, err error) {
	doors = map[string]string{}
	for _, reader := range readers {
		doors[reader] = reader
	}
	if len(doors) == 0 {
		return doors, nil
	}
	err = t.rows(`SELECT r.id, d.name FROM readers r JOIN doors d ON d.id = r.door_id WHERE r.id IN `+listed, []any{list(slices.Collect(maps.Keys(doors)))}, func(r scanner) error {
		var reader, door string
		err := r.Scan(&reader, &door)
		doors[reader] = door
		return err
	})
	return doors, err
}

// userNames returns the names of users by their ids; those that there are not are missing.
func (t *Tx) userNames(ids []int64) (names map[uint64]string, err error) {
	names = map[uint64]string{}
	if len(ids) == 0 {
		return names, nil
	}
	slices.Sort(ids)
	err = t.rows(`SELECT id, name FROM users WHERE id IN `+listedIDs, []any{list(slices.Compact(ids))}, func(r scanner) error {
		var id uint64
		var name string
		err := r.Scan(&id, &name)
		names[id] = eventName(name)
		return err
	})
	return names, err
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
	users, _, err := t.UsersAfter(UserChoice{Search: search}, UserCursor{}, limit)
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
