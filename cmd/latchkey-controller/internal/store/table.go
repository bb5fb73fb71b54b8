package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// A mover is what a move needs of an engine. Tables are found in the schema, so that none is
// forgotten.
type mover interface {
	// image returns an Image that is not checked yet.
	image(t *Tx, dir string) (*Image, error)
	// deletion is a command that deletes the database.
	deletion() string
	// versionQuery is the query of the schema's version.
	versionQuery() string
	// newest is the version of this program's schema. worksWithQuery is the query of the oldest version whose programs work
	// with the database.
	newest() int
	worksWithQuery() string
	setVersion(t *Tx, version int) error
	// tables returns all tables but those about the schema and moves.
	tables(t *Tx) ([]table, error)
	// stay has a transaction last, however long its next statement takes to come.
	stay(t *Tx) error
	// replace replaces the rows of a table, in one transaction, without triggers. Tables that refer
	// to it may lose theirs.
	replace(ctx context.Context, one table, rows *tableScan) error
	// sound returns an error if a row refers to one that is not there.
	sound(t *Tx) error
	// count returns the highest id that a table has assigned or has; 0: none. setCount sets it.
	count(t *Tx, one table) (int64, error)
	setCount(t *Tx, one table, last int64) error
}

// A table is what a schema says of one.
type table struct {
	name    string
	columns []string // in the order of their names
	key     []string // primary; nil: PostgreSQL has none, where values may be too long for one
	parents []string // tables to which it refers
	counted string   // the column whose ids the table assigns, never twice; "": none
}

// sameTables returns an error unless two schemas have the same tables, with the same columns. It gives
// both the same keys, where only one has them.
func sameTables(a, b []table) error {
	for _, order := range [][2][]table{{a, b}, {b, a}} {
		for _, one := range order[0] {
			i := slices.IndexFunc(order[1], func(other table) bool { return other.name == one.name })
			if i < 0 {
				return fmt.Errorf("only one of both databases has the table %s", one.name)
			}
			if other := order[1][i]; !slices.Equal(one.columns, other.columns) {
				return fmt.Errorf("the table %s is not the same in both databases", one.name)
			} else if len(other.key) == 0 {
				order[1][i].key = one.key
			} else if len(one.key) > 0 && !slices.Equal(one.key, other.key) {
				return fmt.Errorf("the table %s has not the same key in both databases", one.name)
			}
		}
	}
	return nil
}

// parentsFirst orders tables by their names, but each after those to which it refers.
func parentsFirst(all []table) (ordered []table) {
	slices.SortFunc(all, func(a, b table) int { return cmp.Compare(a.name, b.name) })
	placed := map[string]bool{}
	for len(ordered) < len(all) {
		before := len(ordered)
		for _, one := range all {
			waits := slices.ContainsFunc(one.parents, func(parent string) bool { return parent != one.name && !placed[parent] })
			if !placed[one.name] && !waits {
				placed[one.name], ordered = true, append(ordered, one)
			}
		}
		if len(ordered) == before { // tables that refer to each other, in a circle
			return all
		}
	}
	return ordered
}

// quoted returns names as SQL has them, with commas between.
func quoted(names ...string) string { return `"` + strings.Join(names, `", "`) + `"` }

// A tableScan goes through the rows of a table in the order of its key, and sums them up. It is a
// pgx.CopyFromSource.
type tableScan struct {
	rows   *sql.Rows
	values []any
	into   []any // pointers to values
	text   []byte
	hash   hash.Hash
	count  int64
	failed error
}

// A sum says what a table holds: two with the same hold the same rows.
type sum struct {
	rows int64
	hash []byte
}

func (t *Tx) read(one table) (*tableScan, error) {
	order := one.key
	if len(order) == 0 {
		order = one.columns
	}
	query, _ := t.engine.statement(`SELECT `+quoted(one.columns...)+` FROM `+quoted(one.name)+` ORDER BY `+quoted(order...), nil)
	rows, err := t.tx.QueryContext(t.ctx, query)
	if err != nil {
		return nil, dbError(err)
	}
	r := &tableScan{rows: rows, values: make([]any, len(one.columns)), hash: sha256.New()}
	for i := range r.values {
		r.into = append(r.into, &r.values[i])
	}
	return r, nil
}

// sum sums up a table.
func (t *Tx) sum(one table) (*sum, error) {
	r, err := t.read(one)
	if err != nil {
		return nil, err
	}
	defer r.close()
	for r.Next() {
	}
	return r.end()
}

// Next implements pgx.CopyFromSource.
func (r *tableScan) Next() bool {
	if r.failed != nil || !r.rows.Next() {
		return false
	}
	if r.failed = r.rows.Scan(r.into...); r.failed != nil {
		return false
	}
	r.text = r.text[:0]
	for i, value := range r.values {
		switch v := value.(type) {
		case nil:
			r.text = append(r.text, 'n')
		case int64:
			r.text = binary.BigEndian.AppendUint64(append(r.text, 'i'), uint64(v))
		case string:
			v = plain(v)
			r.values[i] = v
			r.text = append(binary.BigEndian.AppendUint64(append(r.text, 't'), uint64(len(v))), v...)
		case []byte:
			if v == nil { // empty; NULL is nil itself
				r.values[i] = []byte{}
			}
			r.text = append(binary.BigEndian.AppendUint64(append(r.text, 'b'), uint64(len(v))), v...)
		default:
			r.failed = fmt.Errorf("column %d has a %T", i, value)
			return false
		}
	}
	r.hash.Write(r.text)
	r.count++
	return true
}

// Values implements pgx.CopyFromSource.
func (r *tableScan) Values() ([]any, error) { return r.values, nil }

// Err implements pgx.CopyFromSource.
func (r *tableScan) Err() error {
	if r.failed != nil {
		return r.failed
	}
	return r.rows.Err()
}

// end returns the sum of the rows that were read.
func (r *tableScan) end() (*sum, error) {
	if err := r.Err(); err != nil {
		return nil, dbError(err)
	}
	return &sum{r.count, r.hash.Sum(nil)}, nil
}

func (r *tableScan) close() { r.rows.Close() }
