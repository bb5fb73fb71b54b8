package store

import "latchkey/sync/wire"

// Beyond says whether records of a journal are here whose numbers are above
// one.
func (t *Tx) Beyond(reader string, journal wire.JournalID, number uint64) (beyond bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM records WHERE reader_id = ? AND journal = ? AND number > ?)`, []any{reader, journal[:], number}, &beyond)
	return beyond, err
}
