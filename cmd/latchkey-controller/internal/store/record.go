package store

import (
	"errors"
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
}

// AddRecord adds a record and its event, and says whether it was new.
func (t *Tx) AddRecord(r *Record) (added bool, err error) {
	err = t.row(`INSERT INTO records (reader_id, journal, number, hash, record, kind, at, received) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id`,
		[]any{r.Reader, r.Journal[:], r.Number, r.Hash[:], r.Encoded, string(r.Kind), r.At, r.Received}, &r.ID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, t.addRecordEvent(r)
}

// RecordHashes returns the hashes of all records received with a number of a journal.
func (t *Tx) RecordHashes(reader string, journal wire.JournalID, number uint64) (hashes []wire.Hash, err error) {
	err = t.rows(`SELECT hash FROM records WHERE reader_id = ? AND journal = ? AND number = ? ORDER BY id`, []any{reader, journal[:], number}, func(r scanner) error {
		var hash []byte
		err := r.Scan(&hash)
		hashes = append(hashes, wire.Hash(hash))
		return err
	})
	return hashes, err
}

// Dropped returns the ranges of numbers that a journal reports as dropped.
func (t *Tx) Dropped(reader string, journal wire.JournalID) (ranges [][2]uint64, err error) {
	records, err := t.records(`reader_id = ? AND journal = ? AND kind = ?`, []any{reader, journal[:], string(wire.RecordsDropped)}, `number`)
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
	Kinds        []string // "access.granted", or "access." as a prefix
	Since, Until int64    // Unix milliseconds, [Since, Until)
	Last         int      // the newest so many, 0: all
	First        int      // the first so many, 0: all; Last takes precedence
}

func (f *Filter) where() (where string, args []any) {
	where, args = `id > ?`, []any{f.After}
	if f.Reader != "" {
		where, args = where+` AND reader_id = ?`, append(args, f.Reader)
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
	return where, args
}

// limit returns the ORDER BY of a query, and whether its rows come in reverse.
func (f *Filter) limit(args []any) (order string, all []any, reversed bool) {
	switch {
	case f.Last != 0:
		return `id DESC LIMIT ?`, append(args, f.Last), true
	case f.First != 0:
		return `id LIMIT ?`, append(args, f.First), false
	}
	return `id`, args, false
}

// Records returns records in the order of arrival.
func (t *Tx) Records(f Filter) ([]*Record, error) {
	where, args := f.where()
	order, args, reversed := f.limit(args)
	records, err := t.records(where, args, order)
	if reversed {
		slices.Reverse(records)
	}
	return records, err
}

func (t *Tx) records(where string, args []any, order string) ([]*Record, error) {
	var records []*Record
	err := t.rows(`SELECT id, reader_id, journal, number, hash, record, kind, at, received FROM records WHERE `+where+` ORDER BY `+order, args, func(row scanner) error {
		var r Record
		var journal, hash []byte
		var kind string
		if err := row.Scan(&r.ID, &r.Reader, &journal, &r.Number, &hash, &r.Encoded, &kind, &r.At, &r.Received); err != nil {
			return err
		}
		r.Journal, r.Hash, r.Kind = wire.JournalID(journal), wire.Hash(hash), wire.RecordKind(kind)
		records = append(records, &r)
		return nil
	})
	return records, err
}
