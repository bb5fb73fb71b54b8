package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Programs of two versions work with one database of PostgreSQL while the controllers of a site are upgraded, one after
// the other. What a migration does decides whether they can:
//
//   - Its file begins with the line "-- Works with N" if programs of schema version N, and all later ones, work with the
//     tables as it leaves them. It expands them then: new tables, indexes, and columns with a default that says what older
//     programs mean. It takes moments, as others wait for it: it rewrites no table, and alters few. It may also contract what
//     programs from N on use no longer: a release takes away only what the release before had ceased to use.
//   - Without that line no older program works with it. Then all controllers must be stopped for it.
//   - Older programs read and write meanwhile. What one cannot read (a new kind of record, a new key in a CBOR value,
//     a new value of a column) is written only once schema_works_with says that the database is open to none that cannot:
//     from the release on whose migration says so.
//
// The table schema_works_with has the oldest version that works with the tables as they are. A controller shares an
// advisory lock, of the class versionsLock and the version of its schema, for as long as it is connected; whoever raises
// what the database works with has the locks of all versions below for itself.

// versionsLock is the class of these locks.
const versionsLock = writeLock + 3

// sideBySide is the first version whose programs know of this.
const sideBySide = 30

// A step is a migration of PostgreSQL.
type step struct {
	sql       string
	version   int // of the schema, that it leads to
	worksWith int // the oldest version whose programs work with that
}

var saysWorksWith = regexp.MustCompile(`(?im)^[ \t]*--[ \t]*works[ \t]+with\b.*$`)

// newStep returns the migration to a version.
func newStep(sql string, version int) (step, error) {
	s := step{sql, version, version}
	lines := saysWorksWith.FindAllStringIndex(sql, -1)
	if lines == nil {
		return s, nil
	}
	number := regexp.MustCompile(`^-- Works with ([1-9][0-9]{0,8})$`).FindStringSubmatch(sql[lines[0][0]:lines[0][1]])
	if len(lines) > 1 || lines[0][0] != 0 || number == nil {
		return s, errors.New(`"-- Works with" and a version is the first line of a migration, or not there`)
	}
	s.worksWith, _ = strconv.Atoi(number[1])
	if s.worksWith < sideBySide || s.worksWith >= version {
		return s, fmt.Errorf("it cannot work with %d: programs from %d on are asked for, and older ones than its own", s.worksWith, sideBySide)
	}
	return s, nil
}

// mustWork returns an error if the database has come to a schema, at, that this program does not work with. It is for
// transactions that write.
func (t *Tx) mustWork(at, worksWith int) error {
	if own := t.engine.newest(); worksWith > own {
		return fmt.Errorf("the schema of the database has become version %d, of a newer latchkey-controller, and this one works with %d, so nothing was done; install the newer one here, too, and restart the controller", at, own)
	}
	return nil
}

// exact returns an error unless the schema is of the very version of this program: what is about all tables must know
// all of them.
func (t *Tx) exact() error {
	var at int
	if err := t.row(t.engine.versionQuery(), nil, &at); err != nil {
		return err
	}
	if own := t.engine.newest(); at > own && at < arrivingVersion {
		return fmt.Errorf("the schema of the database is version %d already, of a newer latchkey-controller, and this one knows %d: do this with the newer one", at, own)
	}
	return nil
}

// schema reads the version of the schema of a database that is not empty, and the oldest one that works with it.
func schema(row func(query string) scanner) (at, worksWith int, err error) {
	if err = row(`SELECT version FROM schema_version`).Scan(&at); err != nil {
		return 0, 0, err
	}
	if at < sideBySide || at >= arrivingVersion {
		return at, at, nil
	}
	err = row(`SELECT version FROM schema_works_with`).Scan(&worksWith)
	return at, worksWith, err
}

// How long controllers that run are held up while the tables are changed. One that leads must get at them within keepLead.
const (
	// besideWait is for each lock of a table, as all who come later wait behind. It is longer than deadlock_timeout at the
	// server, 1 s, after which autovacuum gives way.
	besideWait   = 1500 * time.Millisecond
	besideWithin = 2500 * time.Millisecond // for all of it
	besideTries  = 5
	besideAgain  = time.Second // after a try
)

// errTables and errLong say that one try was in vain.
var (
	errTables = errors.New("its tables are to be changed, but are in use for longer than the controllers that run can wait")
	errLong   = errors.New("to change its tables takes longer than the controllers that run can wait; stop all of them, start this one, and then the others")
)

// enter has a transaction, which has the lock of who writes, change a schema that worked with one version to one that works
// with another, unless a controller runs that would not work any more. It says whether others run meanwhile.
func (e *postgresEngine) enter(ctx context.Context, tx *sql.Tx, at, worked, worksWith int) (beside bool, err error) {
	var alone bool
	if err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1) OR NOT EXISTS (SELECT 1 FROM site)`, int64(controllersLock)).Scan(&alone); err != nil || alone {
		return false, err
	}
	if at < sideBySide {
		return false, fmt.Errorf("its schema is of an older version of the program, and %w", e.served(tx.QueryRowContext(ctx, longestAtWork, int64(controllersLock))))
	}
	var older *int
	err = tx.QueryRowContext(ctx, `SELECT min(v) FROM generate_series($1::int, $2::int) AS v WHERE NOT pg_try_advisory_xact_lock($3, v)`, worked, worksWith-1, int32(versionsLock)).Scan(&older)
	if err == nil && older != nil {
		err = e.olderRuns(ctx, tx, worksWith)
	}
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`, milliseconds(besideWait), milliseconds(besideWithin))
	return true, err
}

// olderRuns returns the error that a controller works with the database whose version is below worksWith.
func (e *postgresEngine) olderRuns(ctx context.Context, tx *sql.Tx, worksWith int) error {
	var name, from string
	var version, others int
	err := tx.QueryRowContext(ctx, `SELECT coalesce(nullif(a.application_name, ''), 'a controller'), coalesce(host(a.client_addr), ''), v.objid::int, count(*) OVER () - 1`+
		holdsVersion+` AND v.objid::bigint < $2 AND v.pid <> pg_backend_pid() ORDER BY v.objid, a.backend_start LIMIT 1`, int64(versionsLock), int64(worksWith)).Scan(&name, &from, &version, &others)
	if errors.Is(err, sql.ErrNoRows) {
		return errors.New("a controller of an older version has just stopped; try again")
	}
	if err != nil {
		return err
	}
	who := withoutToken(name)
	if from != "" {
		who += " (" + from + ")"
	}
	besides := ""
	if others > 0 {
		besides = fmt.Sprintf(" (%d besides)", others)
	}
	do := "stop that controller, upgrade it, and start it again after this one"
	if worksWith < e.newest() {
		do = fmt.Sprintf("upgrade that controller to a version in between first, of a schema from %d on, or stop it", worksWith)
	}
	return fmt.Errorf("its schema has to become version %d for this program, with which controllers from schema version %d on work; but %s runs and is of version %d%s: %s", e.newest(), worksWith, who, version, besides, do)
}

// holdsVersion is what a query has of the controllers by the versions of their schemas: v of pg_locks, with the version
// as objid, a of pg_stat_activity. $1 is versionsLock.
const holdsVersion = ` FROM pg_locks v LEFT JOIN pg_stat_activity a ON a.pid = v.pid
	WHERE v.locktype = 'advisory' AND v.granted AND v.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND v.objsubid = 2 AND v.classid::bigint = $1`

// inUse adds to errTables who has used tables for longest.
func (e *postgresEngine) inUse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, holderTimeout)
	defer cancel()
	var name string
	var since time.Time
	err := e.db.QueryRowContext(ctx, `SELECT coalesce(nullif(application_name, ''), backend_type, 'another program'), xact_start FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - CAST($1 AS interval) ORDER BY xact_start LIMIT 1`, milliseconds(besideWait)+" ms").Scan(&name, &since)
	if err != nil {
		return fmt.Errorf("%w; try again when a backup, or what else reads all of it, is done", errTables)
	}
	return fmt.Errorf("%w, by %.80q since %s; try again when that is done", errTables, withoutToken(name), since.Local().Format("15:04:05"))
}
