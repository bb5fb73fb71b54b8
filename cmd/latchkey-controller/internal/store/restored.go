package store

import "latchkey/sync/wire"

// Beyond says whether records of a journal are here whose numbers are above
// one.
func (t *Tx) Beyond(reader string, journal wire.JournalID, number uint64) (beyond bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM records WHERE reader_id = ? AND journal = ? AND number > ?)`, []any{reader, journal[:], number}, &beyond)
	return beyond, err
}

// Came returns when a record of a journal came first, in Unix milliseconds.
// The error is ErrNotFound if it did not.
func (t *Tx) Came(reader string, journal wire.JournalID, number uint64) (at int64, err error) {
	err = t.row(`SELECT received FROM records WHERE reader_id = ? AND journal = ? AND number = ? ORDER BY received LIMIT 1`, []any{reader, journal[:], number}, &at)
	return at, err
}
