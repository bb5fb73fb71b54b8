package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store/migrations"
)

// firstPostgres is the version of the schema with which PostgreSQL begins: its migration is all of
// the tables.
const firstPostgres = 26

// postgresMigrations returns the migrations of PostgreSQL to the versions from firstPostgres on, in order.
func postgresMigrations() (steps []step, err error) {
	names, err := fs.Glob(migrations.Files, "postgres/*.sql")
	for i, name := range names {
		b, err := migrations.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		one, err := newStep(string(b), firstPostgres+i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		steps = append(steps, one)
	}
	return steps, err
}

// newest is the version of this program's schema.
func (e *postgresEngine) newest() int { return e.steps[len(e.steps)-1].version }

// migrate brings a database up to this program's schema, in one transaction. The error wraps
// fs.ErrNotExist if it is empty, and not to be created. Controllers that run go on if they work with what the schema becomes;
// otherwise it changes nothing and says who they are.
func (e *postgresEngine) migrate(ctx context.Context, create bool) error {
	for tries := 1; ; tries++ {
		err := e.tryMigrate(ctx, create)
		switch {
		case err != errTables && err != errLong:
			return err
		case tries == besideTries && err == errTables:
			return e.inUse(ctx)
		case tries == besideTries:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(besideAgain):
		}
	}
}

// tryMigrate is migrate. The error is errTables or errLong if controllers that run would have been held up.
func (e *postgresEngine) tryMigrate(asked context.Context, create bool) (err error) {
	ctx, cancel := context.WithCancel(asked)
	defer cancel()
	tx, err := e.beginTx(ctx, nil, fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, writeLock))
	if err != nil {
		return err
	}
	defer tx.Rollback()
	at, worked, err := e.version(ctx, tx)
	switch {
	case err != nil:
		return err
	case at == 0 && !create:
		return errEmpty
	case at >= arrivingVersion || worked > e.newest():
		return newerSchema(at, e.newest())
	case at >= e.newest():
		return nil
	}
	worksWith := worked
	steps := e.steps[max(at+1, firstPostgres)-firstPostgres:]
	for _, s := range steps {
		worksWith = max(worksWith, s.worksWith)
	}
	beside := false
	if at > 0 {
		if beside, err = e.enter(ctx, tx, at, worked, worksWith); err != nil {
			return err
		}
	}
	if beside {
		late := time.AfterFunc(besideWithin, cancel)
		defer func() {
			switch {
			case code(err) == lockNotAvailable, code(err) == deadlock:
				err = errTables
			case !late.Stop() && err != nil && asked.Err() == nil:
				err = errLong
			}
		}()
	}
	for _, s := range steps {
		if _, err := tx.ExecContext(ctx, s.sql); err != nil {
			return fmt.Errorf("schema %d: %w", s.version, err)
		}
	}
	if worksWith > worked { // a leader whose connection has just broken stores nothing more
		if _, err := tx.ExecContext(ctx, `UPDATE lead SET term = term + 1, holder = '' WHERE NOT EXISTS (SELECT`+holdsLock+` AND a.application_name = lead.holder)`, int64(controllersLock)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`UPDATE schema_version SET version = %d`, e.newest())); err != nil {
		return err
	}
	if e.newest() >= sideBySide {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`UPDATE schema_works_with SET version = %d`, worksWith)); err != nil {
			return err
		}
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

// version returns the version of the schema, 0 for an empty database, and the oldest one that works with it.
func (e *postgresEngine) version(ctx context.Context, tx *sql.Tx) (at, worksWith int, err error) {
	var ours bool
	var all, foreign, role string
	err = tx.QueryRowContext(ctx, `SELECT coalesce(bool_or(relname = 'schema_version' AND (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped) = 'one,version'), false),
			coalesce(string_agg(relname, ', ' ORDER BY relname), ''), coalesce(string_agg(relname, ', ' ORDER BY relname) FILTER (WHERE NOT pg_has_role(relowner, 'USAGE')), ''), current_user
		FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())`).Scan(&ours, &all, &foreign, &role)
	switch {
	case err != nil:
		return 0, 0, err
	case !ours && all != "":
		return 0, 0, fmt.Errorf("it belongs to another program (it has the tables %s); give the site a database of its own", shorten(all))
	case foreign != "":
		return 0, 0, fmt.Errorf("the role %s does not own all of its tables (%s); name the role that does in the address, or have them change hands: REASSIGN OWNED BY … TO %s", role, shorten(foreign), role)
	case !ours:
		return 0, 0, nil
	}
	return schema(func(query string) scanner { return tx.QueryRowContext(ctx, query) })
}

// shorten returns a list up to its third element.
func shorten(list string) string {
	if parts := strings.SplitN(list, ", ", 4); len(parts) == 4 {
		return strings.Join(parts[:3], ", ") + ", …"
	}
	return list
}
