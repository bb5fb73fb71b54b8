package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"
)

// The same statement at work twice at once, after an error, after another connection has changed the table,
// and after more statements than are kept: each time it does what one does that is not kept.
func TestAStatementThatIsKeptDoesWhatANewOneDoes(t *testing.T) {
	t.Parallel()
	file := "file:" + filepath.Join(t.TempDir(), "kept.db")
	c, err := sqlite.NewConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	kept := sql.OpenDB(keeping{c})
	defer kept.Close()
	kept.SetMaxOpenConns(1)
	other, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	do := func(db *sql.DB, text string, args ...any) {
		t.Helper()
		if _, err := db.Exec(text, args...); err != nil {
			t.Fatal(err)
		}
	}
	const insert, all = `INSERT INTO numbers VALUES (?)`, `SELECT * FROM numbers WHERE n > ? ORDER BY n`
	do(other, `CREATE TABLE numbers (n INTEGER PRIMARY KEY)`)
	for n := range 3 {
		do(kept, insert, n+1)
	}
	read := func(q interface {
		Query(string, ...any) (*sql.Rows, error)
	}, above int, each func()) string {
		t.Helper()
		rows, err := q.Query(all, above)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, _ := rows.Columns()
		said := fmt.Sprint(columns)
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			said += fmt.Sprint(values)
			if each != nil {
				each()
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return said
	}
	is := func(said, want string) {
		t.Helper()
		if said != want {
			t.Errorf("%s, not %s", said, want)
		}
	}
	tx, err := kept.Begin()
	if err != nil {
		t.Fatal(err)
	}
	is(read(tx, 0, func() { is(read(tx, 1, nil), "[n][2][3]") }), "[n][1][2][3]")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Exec(insert, 1); err == nil {
		t.Error("1 is there twice")
	}
	do(kept, insert, 4)
	is(read(kept, 2, nil), "[n][3][4]")
	do(other, `ALTER TABLE numbers ADD COLUMN name TEXT NOT NULL DEFAULT 'one'`)
	is(read(kept, 3, nil), "[n name][4 one]")
	if _, err := kept.Exec(insert, 5); err == nil {
		t.Error("a row without a name")
	}
	do(other, `ALTER TABLE numbers DROP COLUMN name`)
	for n := range mostKept + 10 {
		do(kept, fmt.Sprintf(`UPDATE numbers SET n = n WHERE n = %d`, n))
	}
	is(read(kept, 3, nil), "[n][4]")
	conn, err := kept.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Raw(func(driver any) error {
		k := driver.(*keeper)
		if len(k.kept) != mostKept || k.kept[all] == nil {
			t.Errorf("%d are kept", len(k.kept))
		}
		return nil
	})
}
