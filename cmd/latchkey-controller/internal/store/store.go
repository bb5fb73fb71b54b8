// Package store keeps one site's tables in SQLite: the site, its epochs, the chained
// credential log, users with their credentials, readers with their bundles and
// policies. Each act is one transaction, durable when it returns. Several processes
// may use one database at once.
//
// It sees no secrets: callers seal them (package vault).
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // also registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"latchkey/device/durable"
)

// File is the name of the database in a site's directory. SQLite keeps
// File-wal and File-shm beside it while it is open.
const File = "site.db"

// ErrNotFound says that the row does not exist.
var ErrNotFound = errors.New("not found")

// A Store is an open database. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	reserve reserve
	wakes   wakes
}

// Create opens the database in a directory, and creates it, readable by its owner
// only, if it does not exist.
func Create(ctx context.Context, dir string) (*Store, error) {
	f, err := os.OpenFile(filepath.Join(dir, File), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = errors.Join(f.Close(), durable.SyncDir(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	return Open(ctx, dir)
}

// busyTimeout is how long one process waits for another's lock.
const busyTimeout = 10 * time.Second

// busy says whether another process held the database's lock.
func busy(err error) bool {
	var refusal *sqlite.Error
	return errors.As(err, &refusal) && refusal.Code()&0xff == sqlite3.SQLITE_BUSY
}

// Open opens the database in a directory and migrates its schema. The error wraps
// fs.ErrNotExist if there is none.
func Open(ctx context.Context, dir string) (*Store, error) {
	path, err := filepath.Abs(filepath.Join(dir, File))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if _, err := os.Stat(path); err != nil { // SQLite would create it
		return nil, fmt.Errorf("open database: %w", err)
	}
	r := reserve{filepath.Dir(path)}
	if err := r.release(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	options := url.Values{
		"mode": {"rw"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"journal_mode(WAL)",
			"synchronous(FULL)", // a commit is durable
			"foreign_keys(1)",
			"secure_delete(1)",
			"temp_store(memory)",
		},
		"_txlock": {"immediate"}, // writers take the lock before they read
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// SQLite does not wait while another process switches a new database to WAL
	// (https://sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode).
	err = migrate(ctx, db)
	for end := time.Now().Add(busyTimeout); busy(err) && time.Now().Before(end); err = migrate(ctx, db) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open database %s: %w", path, r.fullError(err))
	}
	s := &Store{db: db, reserve: r}
	if err := s.prepareReserve(); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return s, nil
}

// prepareReserve fills the reserve of a newly opened database; on a full disk it
// preallocates what is left for the write-ahead log.
func (s *Store) prepareReserve() error {
	err := s.Full()
	if full := (*FullError)(nil); !errors.As(err, &full) {
		return err
	}
	free, err := s.reserve.free()
	if err != nil {
		return err
	}
	return s.reserve.preallocate(min(free, reserveSize))
}

// Full returns a FullError if the disk is full. Then Keep fails, and Update works as
// long as the reserve lasts.
func (s *Store) Full() error { return s.reserve.check() }

// Close closes the database.
func (s *Store) Close() error {
	err := s.db.Close()
	s.reserve.refill()
	return err
}

// Update runs act in a read-write transaction, which is durable when Update returns
// nil and rolled back otherwise. On a full disk it uses the reserve.
func (s *Store) Update(ctx context.Context, act func(*Tx) error) error {
	if err := s.reserve.release(); err != nil {
		return err
	}
	return s.transact(ctx, nil, act)
}

// Keep is Update for what can wait: on a full disk it returns a FullError and does
// not use the reserve.
func (s *Store) Keep(ctx context.Context, act func(*Tx) error) error {
	if err := s.Full(); err != nil {
		return err
	}
	return s.transact(ctx, nil, act)
}

// View runs act in a read-only transaction, which sees one consistent state.
func (s *Store) View(ctx context.Context, act func(*Tx) error) error {
	return s.transact(ctx, &sql.TxOptions{ReadOnly: true}, act)
}

func (s *Store) transact(ctx context.Context, options *sql.TxOptions, act func(*Tx) error) error {
	tx, err := s.db.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("database: %w", s.reserve.fullError(err))
	}
	defer tx.Rollback()
	t := &Tx{ctx: ctx, tx: tx}
	err = act(t)
	if t.prepared != nil && err == nil {
		err = t.exec(usualCache)
	}
	if err == nil {
		if err = dbError(tx.Commit()); err == nil && options == nil {
			s.wakes.wake()
		}
	}
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) { // report a rollback caused by ctx as ctx's error
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return s.reserve.fullError(err)
}

// A Tx is a transaction, valid until the function it was passed to returns.
type Tx struct {
	ctx      context.Context
	tx       *sql.Tx
	prepared map[string]*sql.Stmt // nil: statements are not kept
}

// SQLite's cache of pages, in KiB: of a transaction that changes more than the cache holds, it
// writes pages again and again. A connection whose transaction fails keeps the larger one.
const usualCache, largeCache = `PRAGMA cache_size = -2000`, `PRAGMA cache_size = -131072`

// Repeats readies a transaction for doing the same things thousands of times: it keeps each
// statement prepared, and more pages in memory. Until a query is read to its end, it must not be
// run again.
func (t *Tx) Repeats() error {
	if t.prepared == nil {
		t.prepared = map[string]*sql.Stmt{}
	}
	return t.exec(largeCache)
}

// statement returns a statement that is kept. database/sql closes it with the transaction.
func (t *Tx) statement(text string) (*sql.Stmt, error) {
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
	if t.prepared == nil {
		_, err := t.tx.ExecContext(t.ctx, statement, args...)
		return dbError(err)
	}
	s, err := t.statement(statement)
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
	var err error
	if t.prepared == nil {
		err = t.tx.QueryRowContext(t.ctx, query, args...).Scan(into...)
	} else if s, failed := t.statement(query); failed != nil {
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
	var rows *sql.Rows
	var err error
	if t.prepared == nil {
		rows, err = t.tx.QueryContext(t.ctx, query, args...)
	} else if s, failed := t.statement(query); failed != nil {
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

// listed is the right side of an IN, whose argument is a list of ids or names.
const listed = `(SELECT value FROM json_each(?))`

// list returns ids or names as an argument for listed.
func list[T int64 | ~string](values []T) string {
	b, _ := json.Marshal(values) // these can always be encoded
	return string(b)
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
