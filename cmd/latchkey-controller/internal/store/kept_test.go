package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"

	"latchkey/sync/wire"
)

// preparing counts how often each statement is prepared.
type preparing struct {
	driver.Connector
	times map[string]int
}

func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return preparingConn{c.(sqliteConn), p.times}, nil
}

type preparingConn struct {
	sqliteConn
	times map[string]int
}

func (p preparingConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	p.times[text]++
	return p.sqliteConn.PrepareContext(ctx, text)
}

// The same statement at work twice at once, after an error, after another connection has changed the table,
// and after more statements than are kept: each time it does what one does that is not kept.
func TestAStatementThatIsKeptDoesWhatANewOneDoes(t *testing.T) {
	t.Parallel()
	file := "file:" + filepath.Join(t.TempDir(), "kept.db")
	c, err := sqlite.NewConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	kept := sql.OpenDB(keeping{preparing{c, times}})
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
	if times[insert] != 1 {
		t.Errorf("one statement was prepared %d times", times[insert])
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
	if times[all] != 2 { // at work twice at once
		t.Errorf("one statement was prepared %d times", times[all])
	}
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

// A session notes what a connection answers.
type session struct {
	t    *testing.T
	conn *sql.Conn
	said strings.Builder
}

func (s *session) do(ctx context.Context, text string, args ...any) {
	if _, err := s.conn.ExecContext(ctx, text, args...); err != nil {
		s.said.WriteString(" error")
		return
	}
	s.said.WriteString(" done")
}

// begin asks, and notes the first row; rest notes the others.
func (s *session) begin(ctx context.Context, text string) (rest func()) {
	s.t.Helper()
	rows, err := s.conn.QueryContext(ctx, text)
	if err != nil {
		s.t.Fatal(err)
	}
	next := func() bool {
		var n int
		if !rows.Next() || rows.Scan(&n) != nil {
			return false
		}
		fmt.Fprint(&s.said, " ", n)
		return true
	}
	next()
	return func() {
		for next() {
		}
		if rows.Err() != nil {
			s.said.WriteString(" error")
		}
		rows.Close()
	}
}

func TestAStatementIsKeptThroughWhateverBefallsIt(t *testing.T) {
	t.Parallel()
	const (
		all     = `SELECT n FROM numbers ORDER BY n`
		insert  = `INSERT INTO numbers VALUES (?)`
		highest = `INSERT INTO numbers WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up LIMIT ?) SELECT max(n) FROM up`
		child   = `INSERT INTO children VALUES (?)`
	)
	for name, test := range map[string]struct {
		do       func(context.Context, *session)
		want     string
		prepared map[string]int
	}{
		"its context ends": {func(ctx context.Context, s *session) {
			s.do(ctx, highest, 3)
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			s.do(short, highest, 1<<40)
			s.do(ctx, highest, 4)
			s.do(ctx, highest, 5)
			short, cancel = context.WithCancel(ctx)
			rows, err := s.conn.QueryContext(short, all)
			if err != nil || !rows.Next() {
				s.t.Fatal(err)
			}
			cancel()
			for rows.Next() {
			}
			rows.Close()
			s.begin(ctx, all)()
		}, " done error done done 3 4 5", map[string]int{highest: 2, all: 1}},
		"its transaction ends": {func(ctx context.Context, s *session) {
			for n, end := range []string{`COMMIT`, `ROLLBACK`, `ROLLBACK`} {
				s.do(ctx, insert, 2*n)
				s.do(ctx, `BEGIN`)
				rest := s.begin(ctx, all)
				s.do(ctx, insert, 2*n+1)
				s.do(ctx, end)
				rest()
			}
			s.begin(ctx, all)()
		}, " done done 0 done done 1 done done 0 done done 1 2 done done 0 done done 1 2 4 0 1 2 4", map[string]int{insert: 1, all: 1}},
		"foreign keys do not count for a while": {func(ctx context.Context, s *session) {
			for parent, enforce := range []string{`on`, `off`, `on`, `off`} {
				s.do(ctx, `PRAGMA foreign_keys = `+enforce)
				s.do(ctx, child, parent)
			}
		}, " done done done done done error done done", map[string]int{child: 2}},
	} {
		for _, keeps := range []bool{false, true} {
			c, err := sqlite.NewConnector("file:" + filepath.Join(t.TempDir(), "kept.db"))
			if err != nil {
				t.Fatal(err)
			}
			times := map[string]int{}
			if keeps {
				c = keeping{preparing{c, times}}
			}
			db := sql.OpenDB(c)
			defer db.Close()
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.ExecContext(t.Context(), `CREATE TABLE numbers (n INTEGER PRIMARY KEY);
				CREATE TABLE parents (n INTEGER PRIMARY KEY);
				CREATE TABLE children (parent INTEGER NOT NULL REFERENCES parents (n));
				INSERT INTO parents VALUES (0)`); err != nil {
				t.Fatal(err)
			}
			s := session{t: t, conn: conn}
			test.do(t.Context(), &s)
			if s.said.String() != test.want {
				t.Errorf("%s, kept %v:%s", name, keeps, &s.said)
			}
			for text, n := range test.prepared {
				if keeps && times[text] != n {
					t.Errorf("%s: prepared %d times, not %d: %s", name, times[text], n, text)
				}
			}
		}
	}
}

func TestTheManyTextsOfIntakesAreNoBurden(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	t.Parallel()
	s, err := Create(t.Context(), t.TempDir(), "")
	must(t, err)
	defer s.Close()
	db := s.engine.(*sqliteEngine).db
	db.SetMaxOpenConns(1)
	must(t, s.View(t.Context(), func(tx *Tx) error {
		var messages []*Message
		for n := range 2 * termsAtOnce {
			messages = append(messages, &Message{Reader: fmt.Sprint(n), Records: []*Record{{Number: 1, Decoded: new(wire.Record)}}})
			if _, err := tx.Intake(1, messages); err != nil {
				return err
			}
		}
		return nil
	}))
	conn, err := db.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	conn.Raw(func(c any) error {
		k := c.(*keeper)
		used, _, err := k.sqliteConn.(sqlite.DBStatus).Status(sqlite.DBStatusStmtUsed, false)
		must(t, err)
		if len(k.kept) < 2*termsAtOnce || used > 5_000_000 {
			t.Errorf("%d statements have %d bytes", len(k.kept), used)
		}
		return nil
	})
}
