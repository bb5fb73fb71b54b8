package store

import "latchkey/sync/wire"

// An EventCount counts events of one kind at one reader.
type EventCount struct {
	Reader string // "": of none
	Class  wire.RecordClass
	Kind   string
	N      int
}

// CountEvents counts the events whose ids are in (after, until], by reader and kind, without
// wire.ClassBookkeeping.
func (t *Tx) CountEvents(after, until int64) (counts []EventCount, err error) {
	err = t.rows(`SELECT reader_id, class, kind, count(*) FROM activity WHERE id > ? AND id <= ? AND class <> 'quiet' GROUP BY reader_id, class, kind`, []any{after, until}, func(r scanner) error {
		var c EventCount
		err := r.Scan(&c.Reader, &c.Class, &c.Kind, &c.N)
		counts = append(counts, c)
		return err
	})
	return counts, err
}
