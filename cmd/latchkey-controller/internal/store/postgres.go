package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// postgresEngine is a database of a PostgreSQL server. Several processes of several machines may
// use it at once.
type postgresEngine struct {
	address   string
	name      string // of the database, and where it is: what people read
	self      string // the name of all sessions of this process
	db        *sql.DB
	writing   chan struct{} // holds an element while a transaction of this process writes
	changes   changes       // that this process has heard of
	limits    limits
	server    server              // that all connections are to
	leading   atomic.Pointer[led] // nil: this process does not lead
	now       func() time.Time
	left      time.Time // when it last left the lead to others for its clock; who leads has it
	leftUnfit time.Time // the same, as it was unfit
	steps     []step    // the migrations, of which the last leads to this program's schema; a test may have others

	// reaching says that whoever writes next is being connected.
	reaching atomic.Bool
	// unawaited is how many commits the server has said are done without the stand-by that they were to wait for.
	unawaited atomic.Int64
}

// limits are how long things may take; a test may have others.
type limits struct {
	busy   time.Duration // waiting for a lock: busyTimeout
	idle   time.Duration // between two statements of who holds the lock: writeIdle
	commit time.Duration // commitTimeout
	leave  time.Duration // leaveLead
}

// connectPostgres prepares connections to a database of a PostgreSQL server.
func connectPostgres(address string) (*postgresEngine, error) {
	e := &postgresEngine{address: address, self: sessionName(), writing: make(chan struct{}, 1), limits: limits{busyTimeout, writeIdle, commitTimeout, leaveLead}, now: time.Now}
	config, err := e.connection()
	if err != nil {
		return nil, err
	}
	if e.steps, err = postgresMigrations(); err != nil {
		return nil, err
	}
	e.name = describe(config)
	// Each new connection reads the files that the address names: passwords and certificates are
	// renewed while the controller runs.
	renew := func(_ context.Context, c *pgx.ConnConfig) error {
		renewed, err := e.connection()
		if err == nil {
			*c = *renewed
		}
		return err
	}
	reset := func(_ context.Context, conn *pgx.Conn) error {
		if e.server.left(conn.PgConn()) {
			return driver.ErrBadConn
		}
		return nil
	}
	e.db = stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(renew), stdlib.OptionResetSession(reset))
	e.db.SetMaxOpenConns(postgresConnections)
	e.db.SetMaxIdleConns(postgresConnections)
	e.changes.engine, e.changes.closed = e, make(chan struct{})
	return e, nil
}

func (e *postgresEngine) ready(ctx context.Context, create bool) error {
	err := e.checkServer(ctx)
	if err == nil {
		err = e.migrate(ctx, create)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errUnderway):
		return err
	}
	return e.refusal(err)
}

func (e *postgresEngine) place() string { return e.name }

func (*postgresEngine) kind() string { return "PostgreSQL" }

// postgresConnections is how many connections a process uses at once, besides that of changes.
const postgresConnections = 16

// writeLock is the advisory lock that the one transaction that writes holds.
const writeLock = applicationID

// writeIdle is how long the server lets a transaction that holds the lock wait for its next
// statement: a machine that was cut off does not hold the lock until others give up, see busyTimeout.
// commitTimeout is how long a commit may take: it waits for disks, and for stand-bys.
const writeIdle, commitTimeout = 8 * time.Second, 30 * time.Second

// How long the server may take to begin a transaction: one that hangs, or was cut off without a word,
// never answers. One that writes waits for a lock, and before this the server says that it has for
// busyTimeout.
const viewTimeout, updateTimeout = 8 * time.Second, busyTimeout + 2*time.Second

func (e *postgresEngine) begin(asked context.Context, writes bool) (*begun, error) {
	ctx, cancel := context.WithCancel(asked)
	begin := func(within time.Duration, options *sql.TxOptions, first string) (*sql.Tx, error) {
		silence := time.AfterFunc(within, cancel)
		tx, err := e.beginTx(ctx, options, first)
		if silence.Stop() || asked.Err() != nil {
			return tx, err
		}
		if err == nil {
			tx.Rollback()
		}
		return nil, e.away(language.Say("the database %s has not answered for %d s", e.name, int(within.Seconds())))
	}
	if !writes {
		tx, err := begin(viewTimeout, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, "")
		if err != nil {
			cancel()
			return nil, err
		}
		return &begun{tx, tx.Commit, func() { tx.Rollback(); cancel() }}, nil
	}
	// The process waits for the lock with one connection: others remain for those that only read.
	timer := time.NewTimer(e.limits.busy)
	defer timer.Stop()
	select {
	case e.writing <- struct{}{}:
	case <-timer.C:
		defer cancel()
		return nil, e.busy(ctx)
	case <-ctx.Done():
		cancel()
		return nil, ctx.Err()
	}
	// Each statement after the lock sees what the last holder committed, and nobody else writes:
	// together they are as good as serializable, and never have to be repeated.
	tx, err := begin(updateTimeout, &sql.TxOptions{Isolation: sql.LevelReadCommitted}, fmt.Sprintf(
		`SELECT pg_advisory_xact_lock(%d), set_config('idle_in_transaction_session_timeout', '%d', true), pg_notify('%s', '')`,
		writeLock, e.limits.idle.Milliseconds(), changedChannel))
	if code(err) == lockNotAvailable {
		err = e.busy(ctx)
	}
	if l := e.leading.Load(); err == nil && l != nil {
		if err = l.deposed(tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT term FROM lead WHERE cell = %d`, l.cell))); err != nil {
			tx.Rollback()
		}
	}
	if err != nil {
		cancel()
		<-e.writing
		return nil, err
	}
	commit := func() error {
		if ctx.Err() != nil { // then it is not sent
			return tx.Commit()
		}
		defer time.AfterFunc(e.limits.commit, cancel).Stop()
		before := e.unawaited.Load()
		if err := e.committed(tx.Commit()); err != nil || e.unawaited.Load() == before {
			return err
		}
		return &UnsureError{e.name} // a stand-by that takes over may not have it
	}
	return &begun{tx, commit, func() { tx.Rollback(); cancel(); <-e.writing }}, nil
}

// beginTx begins a transaction with a first statement; "": none. Connections that broke while they were idle, as
// when the server was restarted, show it here, where nothing is lost: the next one is tried. A server
// that cannot be connected to, or does not answer, is not tried again.
func (e *postgresEngine) beginTx(ctx context.Context, options *sql.TxOptions, first string) (*sql.Tx, error) {
	for tries := 0; ; tries++ {
		if first != "" {
			e.reaching.Store(true)
		}
		tx, err := e.db.BeginTx(ctx, options)
		if first != "" {
			e.reaching.Store(false)
		}
		if err == nil && first == "" {
			return tx, nil
		}
		if err == nil {
			if _, err = tx.ExecContext(ctx, first); err == nil {
				return tx, nil
			}
			tx.Rollback()
		}
		if connect := (*pgconn.ConnectError)(nil); ctx.Err() != nil || tries == postgresConnections || !broken(err) || errors.As(err, &connect) || pgconn.Timeout(err) {
			return nil, err
		}
	}
}

// forSQLite matches what a statement for SQLite has and PostgreSQL does not: parameters, numbered or
// not; hints of which index to use, or, with a + right before a column, not to use; functions; and
// listed and listedIDs. These are arrays in PostgreSQL, which looks up each of their elements in an
// index; rows it might join with a whole table.
var forSQLite = regexp.MustCompile(`IN \(SELECT (value|CAST\(value AS BIGINT\)) FROM json_each\(\?\)\)|\?(\d*)|INDEXED BY \w+|NOT INDEXED|\+([a-z_])|instr\(`)

// statement has these rules: a parameter without a number has the one after the highest so far; one
// that is a bool is an integer, as the columns are, and is compared with 0; where PostgreSQL cannot
// tell the type of a parameter, it is cast.
func (*postgresEngine) statement(text string, args []any) (string, []any) {
	highest := 0
	parameter := func() string {
		highest++
		return fmt.Sprintf("$%d", highest)
	}
	text = forSQLite.ReplaceAllStringFunc(text, func(found string) string {
		switch {
		case found == "?":
			return parameter()
		case found[0] == '?':
			n, _ := strconv.Atoi(found[1:])
			highest = max(highest, n)
			return "$" + found[1:]
		case found[0] == '+':
			return found[1:]
		case strings.HasPrefix(found, "IN ("):
			element, _, _ := strings.Cut(strings.TrimPrefix(found, "IN (SELECT "), " FROM")
			return "= ANY (ARRAY(SELECT " + element + " FROM json_array_elements_text(" + parameter() + "::json)))"
		case found == "instr(":
			return "strpos("
		}
		return ""
	})
	taken := make([]any, len(args))
	for i, arg := range args {
		taken[i] = storable(arg)
	}
	return text, taken
}

// storable returns an argument as SQLite's driver takes it, too: of a basic type, whatever type has
// it. Of text it replaces what PostgreSQL does not store, NUL and what is not UTF-8, with U+FFFD:
// it may come from a reader, or from a browser.
func storable(arg any) any {
	basic, err := driver.DefaultParameterConverter.ConvertValue(arg)
	if err != nil {
		return arg // the driver says so
	}
	switch v := basic.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case string:
		return plain(v)
	}
	return basic
}

// plain returns a text as PostgreSQL stores it.
func plain(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\ufffd"), "\ufffd")
}

func (*postgresEngine) repeats(*Tx) error { return nil } // pgx keeps statements
func (*postgresEngine) usual(*Tx) error   { return nil }

func (*postgresEngine) skipIDs(t *Tx, table string, n int64) (first int64, err error) {
	column := "id"
	if table == "groups" {
		column = "number"
	}
	err = t.row(`SELECT setval(ids, nextval(ids) + ? - 1) FROM (SELECT CAST(pg_get_serial_sequence(?, ?) AS regclass) AS ids) AS sequence`, []any{n, table, column}, &first)
	return first - n + 1, err
}

func (*postgresEngine) full() error     { return nil }
func (*postgresEngine) makeRoom() error { return nil }

// doubts is for what a session cannot change; what a commit waits for it can, see session.
func (e *postgresEngine) doubts(ctx context.Context) (doubts []string, err error) {
	var fsync, pages string
	var open, let bool
	var clock time.Time
	tx, err := e.beginTx(ctx, &sql.TxOptions{ReadOnly: true}, "")
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	err = tx.QueryRowContext(ctx, `SELECT current_setting('fsync'), current_setting('full_page_writes'), has_schema_privilege('public', 'public', 'CREATE'),
		has_database_privilege('public', current_database(), 'CONNECT') AND EXISTS (SELECT FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname <> current_user), clock_timestamp()`).Scan(&fsync, &pages, &open, &let, &clock)
	if off := e.now().Sub(clock).Round(time.Second); err == nil && max(off, -off) >= clockOff {
		doubts = append(doubts, fmt.Sprintf("this machine's clock is %v %s that of the server of the database %s: correct the one that is wrong. Until then another controller leads rather than the one here", max(off, -off), aheadOr(off), e.name))
	}
	if fsync == "off" {
		doubts = append(doubts, fmt.Sprintf("the server of the database %s has fsync=off: a power cut can destroy the database; set fsync=on there", e.name))
	}
	if pages == "off" {
		doubts = append(doubts, fmt.Sprintf("the server of the database %s has full_page_writes=off: unless its file system never tears a write, a power cut can destroy the database; set full_page_writes=on there", e.name))
	}
	if open {
		doubts = append(doubts, fmt.Sprintf("every role of the server may create functions in the database %s, and could have the controller run them; take that away: REVOKE CREATE ON SCHEMA public FROM PUBLIC", e.name))
	}
	config, failed := e.connection()
	if failed != nil {
		return doubts, errors.Join(err, failed)
	}
	if let {
		doubts = append(doubts, fmt.Sprintf("every role of the server may connect to the database %s, and could take the locks of the controller, which then cannot work; take that away: REVOKE CONNECT, TEMPORARY ON DATABASE %s FROM PUBLIC", e.name, quoted(config.Database)))
	}
	if config.Password == "" && !proven(config) {
		doubts = append(doubts, fmt.Sprintf("the server of the database %s does not prove who it is: any program of this machine could listen there; connect to a socket in a directory that only the server writes to, give the role a password (passfile in the address), or use TLS (sslmode=verify-full)", e.name))
	}
	return doubts, err
}

func (e *postgresEngine) close() error {
	e.changes.close()
	return e.db.Close()
}

func aheadOr(off time.Duration) string {
	if off > 0 {
		return "ahead of"
	}
	return "behind"
}
