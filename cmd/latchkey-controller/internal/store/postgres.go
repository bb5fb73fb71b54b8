package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresEngine is a database of a PostgreSQL server. Several processes of several machines may
// use it at once.
type postgresEngine struct {
	config *pgx.ConnConfig
	db     *sql.DB
}

// openPostgres opens a database of a PostgreSQL server and migrates its schema.
func openPostgres(ctx context.Context, address string) (*postgresEngine, error) {
	config, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = "latchkey-controller"
	config.RuntimeParams["lock_timeout"] = fmt.Sprint(busyTimeout.Milliseconds())
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	e := &postgresEngine{config, db}
	if err := e.migrate(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("database %s: %w", describe(config), e.failure(err))
	}
	return e, nil
}

// postgresConnections is how many connections a process uses at once, besides that of watch.
const postgresConnections = 16

// writeLock is the advisory lock that the one transaction that writes holds.
const writeLock = applicationID

// changedChannel is the channel on which commits are notified.
const changedChannel = "latchkey_changed"

func (e *postgresEngine) begin(ctx context.Context, writes bool) (*sql.Tx, error) {
	if !writes {
		return e.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	}
	// Each statement after the lock sees what the last holder committed, and nobody else writes:
	// together they are as good as serializable, and never have to be repeated.
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1), pg_notify($2, '')`, int64(writeLock), changedChannel); err != nil {
		tx.Rollback()
		return nil, err
	}
	return tx, nil
}

// forSQLite matches what a statement for SQLite has and PostgreSQL does not: parameters, numbered or
// not; hints of which index to use, or, with a + right before a column, not to use; and functions.
var forSQLite = regexp.MustCompile(`\?(\d*)|INDEXED BY \w+|\+([a-z_])|json_each\(\?\)|instr\(`)

// statement has these rules: a parameter that is a bool is an integer, as the columns are, and is
// compared with 0; where PostgreSQL cannot tell the type of a parameter, it is cast.
func (*postgresEngine) statement(text string, args []any) (string, []any) {
	n := 0
	parameter := func() string {
		n++
		return fmt.Sprintf("$%d", n)
	}
	text = forSQLite.ReplaceAllStringFunc(text, func(found string) string {
		switch {
		case found == "?":
			return parameter()
		case found[0] == '?':
			return "$" + found[1:]
		case found[0] == '+':
			return found[1:]
		case found == "json_each(?)":
			return "json_array_elements_text(" + parameter() + "::json)"
		case found == "instr(":
			return "strpos("
		}
		return ""
	})
	taken := make([]any, len(args))
	for i, arg := range args {
		if b, is := arg.(bool); is {
			arg = 0
			if b {
				arg = 1
			}
		}
		taken[i] = arg
	}
	return text, taken
}

func (*postgresEngine) repeats(*Tx) error { return nil } // pgx keeps statements
func (*postgresEngine) usual(*Tx) error   { return nil }

func (*postgresEngine) skipIDs(t *Tx, table string, n int64) (first int64, err error) {
	column := "id"
	if table == "groups" {
		column = "number"
	}
	// A sequence that was not used yet has its first value still to give.
	err = t.row(`SELECT nextval(pg_get_serial_sequence($1, $2))`, []any{table, column}, &first)
	if err == nil && n > 1 {
		err = t.exec(`SELECT setval(pg_get_serial_sequence($1, $2), CAST($3 AS BIGINT))`, table, column, first+n-1)
	}
	return first, err
}

// code returns the SQLSTATE of an error; "": it is none of the server.
func code(err error) string {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return ""
	}
	return refusal.Code
}

func (*postgresEngine) isTaken(err error) bool { return code(err) == "23505" } // unique_violation

func (*postgresEngine) full() error     { return nil }
func (*postgresEngine) makeRoom() error { return nil }

func (e *postgresEngine) failure(err error) error {
	if code(err) == "53100" { // disk_full
		return &FullError{describe(e.config)}
	}
	return err
}

// watch listens for the commits of all processes.
func (e *postgresEngine) watch(ctx context.Context, woken <-chan struct{}, changed func() error) error {
	conn, err := pgx.ConnectConfig(ctx, e.config)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `LISTEN `+changedChannel); err != nil {
		return fmt.Errorf("watch database: %w", err)
	}
	for {
		if err := changed(); err != nil {
			return err
		}
		_, err := conn.WaitForNotification(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch database: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wakeGap):
		}
	}
}

func (e *postgresEngine) close() error { return e.db.Close() }
