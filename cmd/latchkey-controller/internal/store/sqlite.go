package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // also registers the driver "sqlite", for image.go
	sqlite3 "modernc.org/sqlite/lib"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/device/durable"
)

// File is the name of the SQLite database in a site's directory. SQLite keeps
// File-wal and File-shm beside it while it is open.
const File = "site.db"

// sqliteEngine is a SQLite database. Several processes of one machine may use it at once.
type sqliteEngine struct {
	db      *sql.DB
	reserve reserve
	version dataVersion
}

// busyTimeout is how long one process waits for another's lock.
const busyTimeout = 10 * time.Second

// busyReason is what people read then.
var busyReason = language.Say("somebody else has been writing to the database for 10 seconds, so nothing was done; try again")

// busy says whether another process held the database's lock.
func busy(err error) bool {
	var refusal *sqlite.Error
	return errors.As(err, &refusal) && refusal.Code()&0xff == sqlite3.SQLITE_BUSY
}

// connectSQLite opens the SQLite database in a directory. The error wraps fs.ErrNotExist if there is
// none.
func connectSQLite(dir string) (*sqliteEngine, error) {
	path, err := filepath.Abs(filepath.Join(dir, File))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil { // SQLite would create it
		return nil, err
	}
	r := reserve{filepath.Dir(path)}
	if err := r.release(); err != nil {
		return nil, err
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
	c, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	return &sqliteEngine{db: sql.OpenDB(keeping{c}), reserve: r}, nil
}

func (e *sqliteEngine) place() string { return filepath.Join(e.reserve.dir, File) }

func (*sqliteEngine) kind() string { return "SQLite" }

func (e *sqliteEngine) ready(ctx context.Context, _ bool) error {
	// SQLite does not wait while another process switches a new database to WAL
	// (https://sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode).
	err := e.migrate(ctx)
	for end := time.Now().Add(busyTimeout); busy(err) && time.Now().Before(end); err = e.migrate(ctx) {
		time.Sleep(10 * time.Millisecond)
	}
	if err == nil {
		err = e.prepareReserve()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.place(), e.failure(err))
	}
	return nil
}

// RemoveSQLite deletes the SQLite database in a directory. It must be closed.
func RemoveSQLite(dir string) (err error) {
	for _, name := range []string{File, File + "-wal", File + "-shm", ReserveFile} {
		err = errors.Join(err, durable.Remove(filepath.Join(dir, name)))
	}
	return err
}

// prepareReserve fills the reserve of a newly opened database; on a full disk it
// preallocates what is left for the write-ahead log.
func (e *sqliteEngine) prepareReserve() error {
	err := e.full()
	if full := (*FullError)(nil); !errors.As(err, &full) {
		return err
	}
	free, err := e.reserve.free()
	if err != nil {
		return err
	}
	return e.reserve.preallocate(min(free, reserveSize))
}

func (e *sqliteEngine) begin(ctx context.Context, writes bool) (*begun, error) {
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: !writes})
	if err != nil {
		return nil, err
	}
	return &begun{tx, tx.Commit, func() { tx.Rollback() }}, nil
}

func (*sqliteEngine) statement(text string, args []any) (string, []any) { return text, args }

// SQLite's cache of pages, in KiB: of a transaction that changes more than the cache holds, it
// writes pages again and again. A connection whose transaction fails keeps the larger one.
const usualCache, largeCache = `PRAGMA cache_size = -2000`, `PRAGMA cache_size = -131072`

func (*sqliteEngine) repeats(t *Tx) error {
	if t.prepared == nil {
		t.prepared = map[string]*sql.Stmt{}
	}
	return t.exec(largeCache)
}

func (*sqliteEngine) usual(t *Tx) error {
	if t.prepared == nil {
		return nil
	}
	return t.exec(usualCache)
}

func (*sqliteEngine) skipIDs(t *Tx, table string, n int64) (first int64, err error) {
	var last int64                                                                       // above 0 once there is a row
	const next = `UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ? RETURNING seq` // where AUTOINCREMENT counts
	if err = t.rowIfAny(next, []any{n, table}, &last); err != nil || last != 0 {
		return last - n + 1, err
	}
	return 1, t.exec(`INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)`, table, n)
}

func (e *sqliteEngine) full() error     { return e.reserve.check() }
func (e *sqliteEngine) makeRoom() error { return e.reserve.release() }

func (e *sqliteEngine) failure(err error) error {
	if busy(err) {
		return &UnavailableError{Reason: busyReason}
	}
	return e.reserve.fullError(err)
}

func (*sqliteEngine) doubts(context.Context) ([]string, error) { return nil, nil }

func (e *sqliteEngine) close() error {
	err := e.db.Close()
	e.reserve.refill()
	return err
}
