package store

import (
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// A Record is a record of a reader's journal, as received.
type Record struct {
	ID       int64 // rises in the order of arrival
	Reader   string
	Journal  wire.JournalID
	Number   uint64
	Hash     wire.Hash
	Encoded  []byte
	Kind     wire.RecordKind
	At       int64 // Unix milliseconds, by the reader's clock
	Received int64 // Unix milliseconds

	Decoded *wire.Record // nil: not yet
}

// insertRecords adds records, none of which is stored, and fills in their IDs.
func (t *Tx) insertRecords(records []*Record) error {
	rows := make([][]any, len(records))
	for i, r := range records {
		rows[i] = []any{r.Reader, r.Journal[:], r.Number, r.Hash[:], r.Encoded, string(r.Kind), r.At, r.Received}
	}
	ids, err := t.insertNew(`INSERT INTO records (reader_id, journal, number, hash, record, kind, at, received) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, rows)
	for i, id := range ids {
		records[i].ID = id
	}
	return err
}

// Dropped returns the ranges of numbers that a journal reports as dropped.
func (t *Tx) Dropped(reader string, journal wire.JournalID) (ranges [][2]uint64, err error) {
	records, err := t.records(`reader_id = ? AND journal = ? AND kind = ? ORDER BY number`, reader, journal[:], string(wire.RecordsDropped))
	for _, r := range records {
		if decoded, err := wire.ParseRecord(r.Encoded); err == nil { // a damaged record explains nothing
			ranges = append(ranges, [2]uint64{decoded.First, decoded.Last})
		}
	}
	return ranges, err
}

// A Filter selects records or alarms. Zero fields do not restrict.
type Filter struct {
	After        int64 // ids above this one
	Reader       string
	Readers      []string // at these only; nil: at any, or none
	Kinds        []string // "access.granted", or "access." as a prefix
	Since, Until int64    // Unix milliseconds, [Since, Until)
	Last         int      // the newest so many, 0: all
	First        int      // the first so many, 0: all; Last takes precedence
}

// where returns the filter as SQL, with its arguments. With Last the newest come first.
func (f *Filter) where() (where string, args []any) {
	where, args = `id > ?`, []any{f.After}
	if f.Reader != "" {
		where, args = where+` AND reader_id = ?`, append(args, f.Reader)
	}
	if f.Readers != nil {
		where, args = where+` AND +reader_id IN `+listed, append(args, list(f.Readers))
	}
	if f.Since != 0 {
		where, args = where+` AND at >= ?`, append(args, f.Since)
	}
	if f.Until != 0 {
		where, args = where+` AND at < ?`, append(args, f.Until)
	}
	if len(f.Kinds) > 0 {
		var any []string
		for _, kind := range f.Kinds {
			if strings.HasSuffix(kind, ".") {
				any, args = append(any, `substr(kind, 1, ?) = ?`), append(args, len(kind), kind)
			} else {
				any, args = append(any, `kind = ?`), append(args, kind)
			}
		}
		where += ` AND (` + strings.Join(any, ` OR `) + `)`
	}
	switch {
	case f.Last != 0:
		return where + ` ORDER BY id DESC LIMIT ?`, append(args, f.Last)
	case f.First != 0:
		return where + ` ORDER BY id LIMIT ?`, append(args, f.First)
	}
	return where + ` ORDER BY id`, args
}

// Records returns records in the order of arrival.
func (t *Tx) Records(f Filter) ([]*Record, error) {
	where, args := f.where()
	records, err := t.records(where, args...)
	if f.Last != 0 {
		slices.Reverse(records)
	}
	return records, err
}

func (t *Tx) records(where string, args ...any) (records []*Record, err error) {
	err = t.rows(`SELECT id, reader_id, journal, number, hash, record, kind, at, received FROM records WHERE `+where, args, func(row scanner) error {
		var r Record
		records = append(records, &r)
		return row.Scan(&r.ID, &r.Reader, fixed(r.Journal[:]), &r.Number, fixed(r.Hash[:]), &r.Encoded, &r.Kind, &r.At, &r.Received)
	})
	return records, err
}
