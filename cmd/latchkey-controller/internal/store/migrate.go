package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"latchkey/cmd/latchkey-controller/internal/store/migrations"
)

// applicationID marks a database of this program: "LKEY".
const applicationID = 0x4c4b4559

// A database's user_version counts the migrations it has been through. Never change a released one; add a new one. What one
// of PostgreSQL may do, and must say, so that controllers of two versions work side by side, is in side_by_side.go.
const sqliteMigrations = "sqlite/*.sql"

// sqliteSteps returns the SQL of all migrations of SQLite, in order.
func sqliteSteps() ([]string, error) {
	names, err := fs.Glob(migrations.Files, sqliteMigrations)
	if err != nil {
		return nil, err
	}
	all := make([]string, len(names))
	for i, name := range names {
		b, err := migrations.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all[i] = string(b)
	}
	return all, nil
}

// backfills run after the migration to their version, where SQL alone is not enough.
var backfills = map[int]func(*Tx) error{3: fillConsole, 4: (*Tx).fillUserNames, 6: (*Tx).fillNames, 7: (*Tx).fillClockAndZone, 19: (*Tx).fillGroups, 27: (*Tx).cutNames}

// migrate brings a database up to this program's schema, one transaction per version, and a new one in one: it has nothing
// to lose, and each transaction waits for the disk.
func (e *sqliteEngine) migrate(ctx context.Context) error {
	steps, err := sqliteSteps()
	if err != nil {
		return err
	}
	at, err := version(e.db.QueryRowContext(ctx, selectVersion), len(steps))
	for err == nil && at < len(steps) {
		at, err = e.migrateOnce(ctx, steps)
	}
	return err
}

const selectVersion = `SELECT user_version, application_id FROM pragma_user_version, pragma_application_id`

// version returns the schema's version as selectVersion reads it, 0 for an empty
// database. It refuses one above newest.
func version(row *sql.Row, newest int) (int, error) {
	var version, application int
	if err := row.Scan(&version, &application); err != nil {
		return 0, err
	}
	switch {
	case application != applicationID && (application != 0 || version != 0):
		return 0, errors.New("the file belongs to another program")
	case version > newest:
		return 0, newerSchema(version, newest)
	}
	return version, nil
}

func newerSchema(at, newest int) error {
	if at >= arrivingVersion {
		return errUnderway
	}
	return fmt.Errorf("its schema is version %d, made by a newer latchkey-controller; this one supports up to %d. Install the newer one here, too", at, newest)
}

// migrateOnce takes the next step, or all of a new database, in one transaction, and returns the version reached. Another
// process may have taken it meanwhile.
func (e *sqliteEngine) migrateOnce(ctx context.Context, steps []string) (int, error) {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	at, err := version(tx.QueryRowContext(ctx, selectVersion), len(steps))
	if err != nil || at == len(steps) {
		return at, err
	}
	last := at
	if at == 0 {
		last = len(steps) - 1
	}
	for ; at <= last; at++ {
		statements := fmt.Sprintf("%s; PRAGMA application_id = %d; PRAGMA user_version = %d;", steps[at], applicationID, at+1)
		if _, err := tx.ExecContext(ctx, statements); err != nil {
			return 0, fmt.Errorf("schema %d: %w", at+1, err)
		}
		if fill := backfills[at+1]; fill != nil {
			if err := fill(&Tx{ctx: ctx, tx: tx, engine: e}); err != nil {
				return 0, fmt.Errorf("schema %d: %w", at+1, err)
			}
		}
	}
	return at, tx.Commit()
}
