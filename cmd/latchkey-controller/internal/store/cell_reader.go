package store

import (
	"strings"

	"latchkey/sync/wire"
)

// A CellReader is a reader with a bundle in force, as one of a cell.
type CellReader struct {
	ID string
	ReaderCell
	Door   string   // name; its id, if it has none
	Level  int      // what it understands, or LevelUnknown
	Bundle []string // brokers in its bundle, in order
	Policy []string // brokers in its policy, which it goes to in place of those; none: it names none
}

// Wanted returns the brokers to which the reader goes, in order.
func (r *CellReader) Wanted() []string {
	if len(r.Policy) > 0 {
		return r.Policy
	}
	return r.Bundle
}

// CellReaders returns the readers that a cell serves, by id, without brokers; 0: all readers.
func (t *Tx) CellReaders(cell int64) (all []CellReader, err error) {
	err = t.rows(`SELECT r.id, r.cell, r.from_cell, r.level, coalesce(d.name, r.id) FROM bundles b JOIN readers r ON r.id = b.reader_id LEFT JOIN doors d ON d.id = r.door_id
		WHERE b.revoked = 0 AND CAST(? AS BIGINT) IN (0, r.cell, r.from_cell) ORDER BY r.id`, []any{cell}, func(s scanner) error {
		var r CellReader
		err := s.Scan(&r.ID, &r.Cell, &r.From, &r.Level, &r.Door)
		all = append(all, r)
		return err
	})
	return all, err
}

// CellBrokers returns all readers with the brokers that they are told of, by id. It reads all policies.
func (t *Tx) CellBrokers() (all []CellReader, err error) {
	err = t.rows(`SELECT r.id, r.cell, r.from_cell, r.level, r.broker, p.policy FROM bundles b JOIN readers r ON r.id = b.reader_id JOIN policies p ON p.reader_id = r.id
		WHERE b.revoked = 0 ORDER BY r.id`, nil, func(s scanner) error {
		var r CellReader
		var bundle string
		var encoded []byte
		if err := s.Scan(&r.ID, &r.Cell, &r.From, &r.Level, &bundle, &encoded); err != nil {
			return err
		}
		policy, err := wire.ParsePolicy(encoded)
		if err != nil {
			return err
		}
		r.Door, r.Bundle, r.Policy = policy.Door, strings.Fields(bundle), policy.Brokers
		all = append(all, r)
		return nil
	})
	return all, err
}
