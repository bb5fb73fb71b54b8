package store

import (
	"slices"
	"strings"
)

// part returns the condition that selects, of what is part of something, what a filter's readers and actors did or had
// done to them, with what it leaves out.
func (f ActivityFilter) part() condition {
	f = ActivityFilter{Readers: f.Readers, Actors: f.Actors, NoActs: f.NoActs, NoDuress: f.NoDuress, Quiet: true}
	return f.matches(f.there(condition{}.and(`part_of <> 0`)), true)
}

// PartsOf returns what is part of some events, of each the first most parts, in the order of arrival. Of a filter it regards
// the readers and actors, and what it leaves out.
func (t *Tx) PartsOf(f ActivityFilter, events []int64, most int) ([]*Event, error) {
	const union = ` UNION ALL `
	c := f.part()
	term := `SELECT id FROM (SELECT id FROM activity WHERE part_of = ? AND ` + c.where + ` ORDER BY id LIMIT ?) AS parts`
	var ids []int64
	for some := range slices.Chunk(events, termsAtOnce) {
		var args []any
		for _, event := range some {
			args = append(append(append(args, event), c.args...), most)
		}
		err := t.rows(strings.Repeat(union+term, len(some))[len(union):], args, func(r scanner) error {
			var id int64
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return t.activity(`id IN `+listedIDs+` ORDER BY id`, list(ids))
}

// CountParts returns how many events are part of one, as of PartsOf, up to a limit.
func (t *Tx) CountParts(f ActivityFilter, event int64, limit int) (n int, err error) {
	c := condition{}.and(`part_of = ?`, event)
	part := f.part()
	c = c.and(part.where, part.args...)
	err = t.row(`SELECT count(*) FROM (SELECT 1 FROM activity WHERE `+c.where+` LIMIT ?) AS parts`, append(c.args, limit), &n)
	return n, err
}
