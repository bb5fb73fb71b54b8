package store

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// insert runs an INSERT … VALUES (?, …), with the row first and without other parameters, for each
// of some rows, in their order.
func (t *Tx) insert(statement string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	return dbError(t.engine.insert(t, statement, rows))
}

// insertNew is insert for rows that get ids, which rise in their order, and returns these; with ON
// CONFLICT DO NOTHING those of the rows that were added.
func (t *Tx) insertNew(statement string, rows [][]any) (ids []int64, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids, err = t.engine.insertNew(t, statement, rows)
	return ids, dbError(err)
}

func (e *sqliteEngine) insert(t *Tx, statement string, rows [][]any) error {
	_, err := e.insertNew(t, statement, rows)
	return err
}

// insertNew prepares the statement once; for one row that costs more than it saves.
func (*sqliteEngine) insertNew(t *Tx, statement string, rows [][]any) ([]int64, error) {
	ids := make([]int64, 0, len(rows))
	add := func(result sql.Result, err error) error {
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		id, err := result.LastInsertId() // RETURNING takes twice as long
		ids = append(ids, id)
		return err
	}
	if len(rows) == 1 {
		err := add(t.tx.ExecContext(t.ctx, statement, rows[0]...))
		return ids, err
	}
	s, err := t.tx.PrepareContext(t.ctx, statement)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, row := range rows {
		if err := add(s.ExecContext(t.ctx, row...)); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// oneRow matches what stands for a row in an INSERT.
var oneRow = regexp.MustCompile(`VALUES \(\?(?:, \?)*\)`)

// insert sends all rows in one statement.
func (*postgresEngine) insert(t *Tx, statement string, rows [][]any) error {
	statement, columns, err := ofAll(statement, rows)
	if err == nil {
		_, err = t.tx.ExecContext(t.ctx, statement, columns...)
	}
	return err
}

func (*postgresEngine) insertNew(t *Tx, statement string, rows [][]any) ([]int64, error) {
	statement, columns, err := ofAll(statement, rows)
	if err != nil {
		return nil, err
	}
	added, err := t.tx.QueryContext(t.ctx, statement+` RETURNING id`, columns...)
	if err != nil {
		return nil, err
	}
	defer added.Close()
	ids := make([]int64, 0, len(rows))
	for added.Next() {
		var id int64
		if err := added.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids) // they were assigned in the order of the rows
	return ids, added.Err()
}

// ofAll returns an INSERT of one row as one of all rows, with each column as an array.
func ofAll(statement string, rows [][]any) (string, []any, error) {
	columns, types := make([]any, len(rows[0])), make([]string, len(rows[0]))
	for i := range columns {
		array, kind, err := postgresColumn(rows, i)
		if err != nil {
			return "", nil, err
		}
		columns[i], types[i] = array, fmt.Sprintf("$%d::%s[]", i+1, kind)
	}
	return oneRow.ReplaceAllLiteralString(statement, `SELECT * FROM unnest(`+strings.Join(types, ", ")+`)`), columns, nil
}

// postgresColumn returns a column of some rows as an array, and the type of its elements, which is
// that of the first.
func postgresColumn(rows [][]any, i int) (array any, kind string, err error) {
	switch first := storable(rows[0][i]).(type) {
	case int64:
		array, err = column[int64](rows, i)
		return array, "bigint", err
	case string:
		array, err = column[string](rows, i)
		return array, "text", err
	case []byte:
		array, err = column[[]byte](rows, i)
		return array, "bytea", err
	default:
		return nil, "", fmt.Errorf("column %d: %T", i, first)
	}
}

func column[T any](rows [][]any, i int) ([]T, error) {
	all := make([]T, len(rows))
	for n, row := range rows {
		value, is := storable(row[i]).(T)
		if !is {
			return nil, fmt.Errorf("column %d: %T among others", i, row[i])
		}
		all[n] = value
	}
	return all, nil
}
