package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strings"
)

// firstPostgres is the version of the schema with which PostgreSQL begins: its migration is all of
// the tables.
const firstPostgres = 26

// postgresMigrations returns the SQL of the migrations of PostgreSQL from firstPostgres on, in order.
func postgresMigrations() (steps []string, err error) {
	names, err := fs.Glob(migrationFiles, "migrations/postgres/*.sql")
	for _, name := range names {
		b, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(b))
	}
	return steps, err
}

// migrate brings a database up to this program's schema, in one transaction. The error wraps
// fs.ErrNotExist if it is empty, and not to be created. It is a ServedError's if a controller, of an
// older version, works on the database.
func (e *postgresEngine) migrate(ctx context.Context, create bool) error {
	steps, err := postgresMigrations()
	if err != nil {
		return err
	}
	newest := firstPostgres + len(steps) - 1
	tx, err := e.beginTx(ctx, nil, fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, writeLock))
	if err != nil {
		return err
	}
	defer tx.Rollback()
	at, err := e.version(ctx, tx)
	if err != nil || at == newest {
		return err
	}
	if at == 0 && !create {
		return errEmpty
	}
	if at > newest {
		return newerSchema(at, newest)
	}
	if at > 0 {
		var alone bool
		if err := tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1) OR NOT EXISTS (SELECT 1 FROM site)`, int64(controllersLock)).Scan(&alone); err != nil {
			return err
		}
		if !alone {
			return fmt.Errorf("its schema is of an older version of the program, and %w", e.served(tx.QueryRowContext(ctx, worksWith, int64(controllersLock))))
		}
	}
	for at = max(at, firstPostgres-1); at < newest; at++ {
		if _, err := tx.ExecContext(ctx, steps[at+1-firstPostgres]); err != nil {
			return fmt.Errorf("schema %d: %w", at+1, err)
		}
	}
	// A leader whose connection has just broken stores nothing more.
	if _, err := tx.ExecContext(ctx, `UPDATE lead SET term = term + 1, holder = ''`); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE schema_version SET version = `+fmt.Sprint(newest)); err != nil {
		return err
	}
	return tx.Commit()
}

// An emptyError says that there is nothing in a database, and what to do. It is an fs.ErrNotExist.
type emptyError string

const (
	errEmpty  emptyError = "it holds no site: correct its address, or create a site in it with latchkey-controller init --database"
	errNoSite emptyError = "it holds no site; correct the address" // to join
)

func (e emptyError) Error() string { return string(e) }

func (emptyError) Is(target error) bool { return target == fs.ErrNotExist }

// version returns the version of the schema, 0 for an empty database.
func (e *postgresEngine) version(ctx context.Context, tx *sql.Tx) (at int, err error) {
	var ours bool
	var all, foreign, role string
	err = tx.QueryRowContext(ctx, `SELECT coalesce(bool_or(relname = 'schema_version' AND (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped) = 'one,version'), false),
			coalesce(string_agg(relname, ', ' ORDER BY relname), ''), coalesce(string_agg(relname, ', ' ORDER BY relname) FILTER (WHERE NOT pg_has_role(relowner, 'USAGE')), ''), current_user
		FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())`).Scan(&ours, &all, &foreign, &role)
	switch {
	case err != nil:
		return 0, err
	case !ours && all != "":
		return 0, fmt.Errorf("it belongs to another program (it has the tables %s); give the site a database of its own", shorten(all))
	case foreign != "":
		return 0, fmt.Errorf("the role %s does not own all of its tables (%s); name the role that does in the address, or have them change hands: REASSIGN OWNED BY … TO %s", role, shorten(foreign), role)
	case !ours:
		return 0, nil
	}
	return at, tx.QueryRowContext(ctx, `SELECT version FROM schema_version`).Scan(&at)
}

// shorten returns a list up to its third element.
func shorten(list string) string {
	if parts := strings.SplitN(list, ", ", 4); len(parts) == 4 {
		return strings.Join(parts[:3], ", ") + ", …"
	}
	return list
}
