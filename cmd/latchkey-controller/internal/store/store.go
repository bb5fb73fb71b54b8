// Package store keeps one site's tables in SQLite or PostgreSQL: the site, its epochs, the chained
// credential log, users with their credentials, readers with their bundles and
// policies. Each act is one transaction, durable when it returns. Several processes
// may use one database at once, in PostgreSQL also of two versions of the program: side_by_side.go has the rules for what
// a new version may change, and write.
//
// It sees no secrets: callers seal them (package vault).
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"latchkey/device/durable"
)

// ErrNotFound says that the row does not exist.
var ErrNotFound = errors.New("not found")

// A Store is an open database. It is safe for concurrent use.
type Store struct {
	engine engine
	wakes  wakes
}

// Create opens the database of a directory, and creates it if it does not exist: at an address of
// a PostgreSQL server (see Address), or, if that is "", a SQLite database, readable by its owner
// only. A directory that has another database keeps it.
func Create(ctx context.Context, dir, address string) (*Store, error) {
	if err := settle(ctx, dir, address); err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	return Open(ctx, dir)
}

// settle has a directory that holds no site yet have its database at an address, or refuses to. An
// address with which nothing comes about is not kept.
func settle(ctx context.Context, dir, address string) error {
	there, err := Address(dir)
	if err != nil || there == address && address != "" {
		return err
	}
	if there != "" {
		return fmt.Errorf("%s has its database in %s, as the file %s there says; choose another directory, or, if that site was never finished, delete that file", dir, there, AddressFile)
	}
	if address == "" {
		return touch(filepath.Join(dir, File))
	}
	switch name, err := holds(ctx, dir, ""); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case name != "":
		return fmt.Errorf("%s already holds the site %s; latchkey-controller site move takes it to PostgreSQL", dir, name)
	default:
		return fmt.Errorf("%s holds a site in SQLite that was never finished; choose another directory, or delete %s", dir, filepath.Join(dir, File))
	}
	if name, err := holds(ctx, dir, address); err != nil {
		return err
	} else if name != "" {
		return fmt.Errorf("the database already holds the site %s; a site has a database of its own. To work with that site, use the directory that it was made in", name)
	}
	return writeAddress(dir, address)
}

// holds returns the name of the site that a database holds; "": none.
func holds(ctx context.Context, dir, address string) (name string, err error) {
	e, err := connect(dir, address)
	if err != nil {
		return "", err
	}
	s := &Store{engine: e}
	defer s.Close()
	err = e.ready(ctx, true)
	if errors.Is(err, errUnderway) {
		if m, failed := readSignpost(ctx, e); failed != nil || m != nil {
			return "", errors.Join(failed, m.refusal(e.place()))
		}
	}
	if err != nil {
		return "", err
	}
	err = s.View(ctx, func(t *Tx) error {
		row, err := t.Site()
		if err == nil {
			name = row.Name
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return name, err
}

// touch creates a file, readable by its owner only, unless it exists.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), durable.SyncDir(filepath.Dir(path)))
}

// Open opens the database of a directory and migrates its schema. The error wraps
// fs.ErrNotExist if there is none, or an empty one of a server.
func Open(ctx context.Context, dir string) (*Store, error) {
	address, err := Address(dir)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	e, err := openEngine(ctx, dir, address)
	if errors.Is(err, errUnderway) {
		e, err = arrive(ctx, dir, address)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &Store{engine: e}, nil
}

// connect connects to the database at an address; "": SQLite's, in a directory.
func connect(dir, address string) (engine, error) {
	if address == "" {
		return connectSQLite(dir)
	}
	return connectPostgres(address)
}

// openEngine connects to it, and readies it. The error wraps fs.ErrNotExist if it is empty.
func openEngine(ctx context.Context, dir, address string) (engine, error) {
	e, err := connect(dir, address)
	if err != nil {
		return nil, err
	}
	if err := e.ready(ctx, false); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// Place says where the database is, for people.
func (s *Store) Place() string { return s.engine.place() }

// Kind says what the database is, for people: SQLite or PostgreSQL.
func (s *Store) Kind() string { return s.engine.kind() }

// Full returns a FullError if the disk is full. Then Keep fails, and Update works as
// long as the reserve lasts.
func (s *Store) Full() error { return s.engine.full() }

// Doubts says, in sentences, what of the database's settings could lose what is stored.
func (s *Store) Doubts(ctx context.Context) ([]string, error) {
	doubts, err := s.engine.doubts(ctx)
	return doubts, s.engine.failure(dbError(err))
}

// Close closes the database.
func (s *Store) Close() error { return s.engine.close() }

// Update runs act in a read-write transaction, which is durable when Update returns
// nil and rolled back otherwise, unless the error is an UnsureError. On a full disk it uses the
// reserve.
func (s *Store) Update(ctx context.Context, act func(*Tx) error) error {
	if err := s.engine.makeRoom(); err != nil {
		return err
	}
	return s.transact(ctx, true, act)
}

// Keep is Update for what can wait: on a full disk it returns a FullError and does
// not use the reserve.
func (s *Store) Keep(ctx context.Context, act func(*Tx) error) error {
	if err := s.Full(); err != nil {
		return err
	}
	return s.transact(ctx, true, act)
}

// View runs act in a read-only transaction, which sees one consistent state.
func (s *Store) View(ctx context.Context, act func(*Tx) error) error {
	return s.transact(ctx, false, act)
}

func (s *Store) transact(ctx context.Context, writes bool, act func(*Tx) error) error {
	tx, err := s.engine.begin(ctx, writes)
	if err != nil {
		return s.ended(ctx, dbError(err))
	}
	defer tx.end()
	t := &Tx{ctx: ctx, tx: tx.Tx, engine: s.engine}
	if err = act(t); err == nil {
		err = s.engine.usual(t)
	}
	if err == nil {
		if err = dbError(tx.commit()); err == nil && writes {
			s.wakes.wake()
		}
	}
	return s.ended(ctx, err)
}

// ended returns the error of a transaction as its caller gets it: one because ctx has ended is ctx's.
func (s *Store) ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return s.engine.failure(err)
	}
	if errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// A Tx is a transaction, valid until the function it was passed to returns.
type Tx struct {
	ctx      context.Context
	tx       *sql.Tx
	engine   engine
	prepared map[string]*sql.Stmt // nil: statements are not kept
	deed     *deed                // that is under way; nil: none
}

// Repeats readies a transaction for doing the same things thousands of times: it keeps each
// statement prepared, and more pages in memory. Until a query is read to its end, it must not be
// run again.
func (t *Tx) Repeats() error { return t.engine.repeats(t) }

// kept returns a statement that is kept. database/sql closes it with the transaction.
func (t *Tx) kept(text string) (*sql.Stmt, error) {
	if s := t.prepared[text]; s != nil {
		return s, nil
	}
	s, err := t.tx.PrepareContext(t.ctx, text)
	if err == nil {
		t.prepared[text] = s
	}
	return s, err
}

func (t *Tx) exec(statement string, args ...any) error {
	statement, args = t.engine.statement(statement, args)
	if t.prepared == nil {
		_, err := t.tx.ExecContext(t.ctx, statement, args...)
		return dbError(err)
	}
	s, err := t.kept(statement)
	if err == nil {
		_, err = s.ExecContext(t.ctx, args...)
	}
	return dbError(err)
}

// Try runs act, and rolls back its writes if it fails.
func (t *Tx) Try(act func() error) error {
	if err := t.exec(`SAVEPOINT act`); err != nil {
		return err
	}
	failed := act()
	if failed != nil {
		if err := t.exec(`ROLLBACK TO act`); err != nil {
			return err
		}
	}
	if err := t.exec(`RELEASE act`); err != nil {
		return err
	}
	return failed
}

func dbError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("database: %w", err)
}

// row reads a single row. The error is ErrNotFound if there is none.
func (t *Tx) row(query string, args []any, into ...any) error {
	query, args = t.engine.statement(query, args)
	var err error
	if t.prepared == nil {
		err = t.tx.QueryRowContext(t.ctx, query, args...).Scan(into...)
	} else if s, failed := t.kept(query); failed != nil {
		err = failed
	} else {
		err = s.QueryRowContext(t.ctx, args...).Scan(into...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return dbError(err)
}

// rowIfAny is row, but leaves the values as they are if there is no row.
func (t *Tx) rowIfAny(query string, args []any, into ...any) error {
	err := t.row(query, args, into...)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// A fixed scans a column of exactly as many bytes as it has, a hash or an id.
type fixed []byte

// Scan implements sql.Scanner.
func (f fixed) Scan(column any) error {
	b, _ := column.([]byte)
	if len(b) != len(f) {
		return fmt.Errorf("%d bytes, not %d", len(b), len(f))
	}
	copy(f, b)
	return nil
}

// A scanner is one row of a result.
type scanner interface{ Scan(into ...any) error }

// rows calls scan for each row of a query.
func (t *Tx) rows(query string, args []any, scan func(scanner) error) error {
	query, args = t.engine.statement(query, args)
	var rows *sql.Rows
	var err error
	if t.prepared == nil {
		rows, err = t.tx.QueryContext(t.ctx, query, args...)
	} else if s, failed := t.kept(query); failed != nil {
		err = failed
	} else {
		rows, err = s.QueryContext(t.ctx, args...)
	}
	if err != nil {
		return dbError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return dbError(err)
		}
	}
	return dbError(rows.Err())
}

// The right side of an IN, whose argument is a list of names or of ids.
const (
	listed    = `(SELECT value FROM json_each(?))`
	listedIDs = `(SELECT CAST(value AS BIGINT) FROM json_each(?))`
)

// withoutNUL replaces NUL in JSON, as storable does.
var withoutNUL = strings.NewReplacer(`\\`, `\\`, `\u0000`, `\ufffd`)

// list returns ids or names as an argument for listed and listedIDs.
func list[T int64 | ~string](values []T) string {
	if values == nil {
		return "[]"
	}
	b, _ := json.Marshal(values) // these can always be encoded
	return withoutNUL.Replace(string(b))
}

// texts returns a query's only column.
func (t *Tx) texts(query string, args ...any) (all []string, err error) {
	err = t.rows(query, args, func(r scanner) error {
		var text string
		err := r.Scan(&text)
		all = append(all, text)
		return err
	})
	return all, err
}
