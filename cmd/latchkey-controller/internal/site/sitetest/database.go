package sitetest

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// Database opens the database of the site in a directory, whichever it is, to read and change it
// behind the site's back. It is closed when the test ends.
func Database(t testing.TB, dir string) *sql.DB {
	t.Helper()
	address, err := store.Address(dir)
	if err != nil {
		t.Fatal(err)
	}
	driver := "pgx"
	if address == "" {
		driver, address = "sqlite", "file:"+filepath.Join(dir, store.File)+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// forSQLite matches what Execute says otherwise to PostgreSQL: bytes, random ones, and how references
// to rows that are not there are possible.
var forSQLite = regexp.MustCompile(`x'([0-9a-f]*)'|randomblob\((\d+)\)|PRAGMA foreign_keys = 0`)

func forPostgreSQL(statement string) string {
	return forSQLite.ReplaceAllStringFunc(statement, func(found string) string {
		switch part := forSQLite.FindStringSubmatch(found); {
		case part[2] != "":
			return `decode(repeat('5a', ` + part[2] + `), 'hex')`
		case found[0] == 'P':
			return `SET session_replication_role = replica`
		default:
			return `'\x` + part[1] + `'::bytea`
		}
	})
}

// Execute runs statements in the database of the site in a directory, and returns how many rows the
// last of them changed.
func Execute(t testing.TB, dir string, statements ...string) (rows int64) {
	t.Helper()
	db := Database(t, dir)
	defer db.Close()
	address, _ := store.Address(dir)
	for _, statement := range statements {
		if address != "" {
			statement = forPostgreSQL(statement)
		}
		result, err := db.Exec(statement)
		if err == nil {
			rows, err = result.RowsAffected()
		}
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return rows
}

// Refuse has the database of the site in a directory fail from now on at each row that an act,
// INSERT, UPDATE or DELETE, writes to a table.
func Refuse(t testing.TB, dir, act, table string) {
	t.Helper()
	if address, _ := store.Address(dir); address == "" {
		Execute(t, dir, `CREATE TRIGGER refused BEFORE `+act+` ON `+table+` BEGIN SELECT RAISE(ABORT, 'refused by the test'); END`)
		return
	}
	Execute(t, dir, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$`,
		`CREATE TRIGGER refused BEFORE `+act+` ON `+table+` FOR EACH ROW EXECUTE FUNCTION refuse()`)
}

// Rows returns all rows of the database of the site in a directory as lines, sorted, without the ids
// that come next: an act may reserve some that nobody gets.
func Rows(t testing.TB, dir string) string {
	t.Helper()
	db := Database(t, dir)
	defer db.Close()
	var lines []string
	if address, _ := store.Address(dir); address != "" { // one statement: each costs more than there is to read
		all := query(t, db, `SELECT string_agg(format('SELECT %L, t::text FROM %I t', relname, relname), ' UNION ALL ') FROM pg_class
			WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = current_schema()::regnamespace AND relname NOT IN ('schema_version', 'schema_works_with', 'lead')`)
		for _, row := range query(t, db, all[0][0]) {
			lines = append(lines, strings.Join(row, " "))
		}
	} else {
		for _, table := range query(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('sqlite_sequence', 'lead')`) {
			for _, row := range query(t, db, `SELECT * FROM `+table[0]) {
				lines = append(lines, table[0]+" "+strings.Join(row, " "))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// query returns the rows of a query as text.
func query(t testing.TB, db *sql.DB, statement string) (rows [][]string) {
	t.Helper()
	found, err := db.Query(statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		values, into, row := make([]any, len(columns)), make([]any, len(columns)), make([]string, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			row[i] = fmt.Sprint(v)
		}
		rows = append(rows, row)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}
