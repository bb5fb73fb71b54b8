package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// checks matches what a column's CHECK allows: a length, one of some values, or a range.
const checks = `(?s)\b%[1]s\b[^,]*?(?:length\(%[1]s\) (?:=|IN) \(?(?:\d+, )*(\d+)|CHECK \(%[1]s IN \(([^)]*)\)\)|BETWEEN (\d+) AND|CHECK \(%[1]s = (\d+)\))`

// fillTables puts rows into each table of a database in SQLite, with values that the schema allows.
func fillTables(t *testing.T, s *Store) {
	t.Helper()
	must(t, s.Update(t.Context(), func(tx *Tx) error {
		all, err := tx.engine.tables(tx)
		if err != nil {
			return err
		}
		for _, one := range parentsFirst(all) {
			if err := fillTable(tx, one); err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
		}
		return nil
	}))
}

func fillTable(tx *Tx, one table) error {
	var sql string
	if err := tx.row(`SELECT sql FROM sqlite_master WHERE name = ?`, []any{one.name}, &sql); err != nil {
		return err
	}
	parents := map[string][2]string{}
	err := tx.rows(`SELECT "from", "table", "to" FROM pragma_foreign_key_list(?)`, []any{one.name}, func(r scanner) error {
		var from, table, to string
		err := r.Scan(&from, &table, &to)
		parents[from] = [2]string{table, to}
		return err
	})
	types := map[string]string{}
	if err == nil {
		err = tx.rows(`SELECT name, type FROM pragma_table_info(?)`, []any{one.name}, func(r scanner) error {
			var name, kind string
			err := r.Scan(&name, &kind)
			types[name] = kind
			return err
		})
	}
	if err != nil {
		return err
	}
	for row := range 3 {
		values := make([]any, len(one.columns))
		for i, column := range one.columns {
			if parent, is := parents[column]; is {
				if err := tx.row(fmt.Sprintf(`SELECT "%s" FROM "%s" ORDER BY 1 LIMIT 1 OFFSET %d`, parent[1], parent[0], row), nil, &values[i]); err != nil {
					return fmt.Errorf("%s: %w", column, err)
				}
				continue
			}
			values[i] = value(sql, column, types[column], row)
		}
		if values[max(slices.Index(one.columns, "one"), 0)] == int64(1) && row > 0 && slices.Contains(one.columns, "one") {
			break
		}
		places := strings.Repeat(", ?", len(values))[2:]
		if err := tx.exec(`INSERT INTO `+quoted(one.name)+` (`+quoted(one.columns...)+`) VALUES (`+places+`) ON CONFLICT DO NOTHING`, values...); err != nil {
			return err
		}
	}
	return nil
}

// value returns one that a column may have, another in each row.
func value(sql, column, kind string, row int) any {
	found := regexp.MustCompile(fmt.Sprintf(checks, column)).FindStringSubmatch(sql)
	if found == nil {
		found = make([]string, 5)
	}
	switch kind {
	case "BLOB":
		if n, _ := strconv.Atoi(found[1]); n > 0 {
			return bytes.Repeat([]byte{byte(200 - row)}, n)
		}
		return slices.Repeat([]byte{byte(255 - row), 0}, 20*row) // one is empty
	case "TEXT":
		if found[2] != "" {
			return strings.Trim(strings.Split(found[2], ", ")[row%2], "'")
		}
		return fmt.Sprintf("Zoë\t\\N %q 名 %d", column, 10-row)
	}
	switch {
	case found[4] != "":
		return int64(1)
	case found[3] != "":
		return int64(10 + row)
	case found[2] != "":
		n, _ := strconv.ParseInt(strings.TrimSpace(strings.Split(found[2], ",")[row%2]), 10, 64)
		return n
	}
	return int64(1<<40 + 7 - row)
}

// sums returns what each table of a site holds.
func sums(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, s.View(t.Context(), func(tx *Tx) error {
		tables, err := tx.engine.tables(tx)
		for _, one := range tables {
			one.key = one.columns
			sum, err := tx.sum(one)
			if err != nil {
				return err
			}
			last := int64(-1)
			if one.counted != "" && one.name != "names" && one.name != "broker_clients" { // SQLite counts others only
				if last, err = tx.engine.count(tx, one); err != nil {
					return err
				}
			}
			if sum.rows == 0 {
				t.Errorf("nothing is in %s: have fillTables put something there", one.name)
			}
			all[one.name] = fmt.Sprintf("%d rows, %x, last %d", sum.rows, sum.hash, last)
		}
		return err
	}))
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// come returns what comes over a channel, and waits for much longer than a busy machine takes.
func come[T any](t *testing.T, from <-chan T, what string) (came T) {
	t.Helper()
	select {
	case came = <-from:
	case <-time.After(time.Minute / 2):
		t.Fatalf("this does not come: %s", what)
	}
	return came
}

// filled returns the directory of a database in SQLite with rows in each table.
func filled(t *testing.T) (dir string, s *Store) {
	t.Helper()
	dir = t.TempDir()
	s, err := Create(t.Context(), dir, "")
	must(t, err)
	fillTables(t, s)
	return dir, s
}

func nothing(*Tx) error { return nil }

func move(dir, address string) Move {
	return Move{Dir: dir, To: address, At: time.Now(), First: nothing}
}

// moveTo moves the database of a directory, and returns it opened where it is then.
func moveTo(t *testing.T, dir string, s *Store, address string) *Store {
	t.Helper()
	_, err := s.MoveTo(t.Context(), move(dir, address))
	must(t, err)
	must(t, s.Close())
	s, err = Open(t.Context(), dir)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestEveryTableMovesToPostgreSQLAndBack(t *testing.T) {
	dir, s := filled(t)
	before := sums(t, s)
	address := postgrestest.Database(t)
	s = moveTo(t, dir, s, address)
	compare := func(where string) {
		t.Helper()
		for name, sum := range sums(t, s) {
			if sum != before[name] {
				t.Errorf("%s: %s: %s, before %s", where, name, sum, before[name])
			}
		}
	}
	compare("in PostgreSQL")
	if !strings.Contains(s.Place(), "site") {
		t.Error(s.Place())
	}
	if _, err := s.MoveTo(t.Context(), move(dir, address)); err == nil || !strings.Contains(err.Error(), "already") {
		t.Error(err)
	}
	if _, err := s.MoveTo(t.Context(), move(dir, "")); err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("over what was left: %v", err)
	}
	for _, name := range []string{File, File + "-wal", File + "-shm", ReserveFile} {
		os.Remove(filepath.Join(dir, name))
	}
	s = moveTo(t, dir, s, "")
	compare("back in SQLite")
	if _, err := os.Stat(filepath.Join(dir, AddressFile)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Whoever has the old address, or an old copy of the directory, is told, and not let in.
func TestWhatASiteHasLeftIsOpenedNoMoreAndSaysWhereItWent(t *testing.T) {
	dir, s := filled(t)
	address := postgrestest.Database(t)
	old := t.TempDir()
	open, err := Open(t.Context(), dir) // by a command that goes on meanwhile
	must(t, err)
	s = moveTo(t, dir, s, address)
	if err := open.Update(t.Context(), func(tx *Tx) error { _, err := tx.SealedSigning(); return err }); err == nil {
		t.Error("what was opened before the move goes on with what the site has left")
	}
	must(t, open.Close())
	b, err := os.ReadFile(filepath.Join(dir, File))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(old, File), b, 0o600))
	var moved *LeftError
	if _, err := Open(t.Context(), old); !errors.As(err, &moved) || moved.To != address {
		t.Errorf("an old copy: %v", err)
	}
	if _, err := Create(t.Context(), old, ""); !errors.As(err, &moved) {
		t.Errorf("a new site there: %v", err)
	}
	for _, name := range []string{File, File + "-wal", File + "-shm"} {
		os.Remove(filepath.Join(dir, name))
	}
	moveTo(t, dir, s, "")
	must(t, os.WriteFile(filepath.Join(old, AddressFile), []byte(address+"\n"), 0o600))
	if _, err := Open(t.Context(), old); !errors.As(err, &moved) || moved.To != "" || !strings.Contains(err.Error(), "SQLite, in the directory of its controller") {
		t.Errorf("the old address: %v", err)
	}
}

var errStop = errors.New("stop")

// A move may end after any table, and the site change before it is taken up.
func TestAMoveThatWasInterruptedIsTakenUpThoughTheSiteHasChanged(t *testing.T) {
	dir, s := filled(t)
	address := postgrestest.Database(t)
	all := sums(t, s)
	for n := 1; n < len(all); n += 11 {
		left := n
		_, err := s.MoveTo(t.Context(), Move{Dir: dir, To: address, At: time.Now(), First: nothing, Copied: func(string, int64) error {
			if left--; left == 0 {
				return errStop
			}
			return nil
		}})
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		must(t, s.Update(t.Context(), func(tx *Tx) error {
			return errors.Join(tx.exec(`UPDATE locations SET name = name || '+'`), tx.exec(`INSERT INTO users (name, valid_from, valid_until, extended, created) VALUES ('New', 0, 0, 0, 0)`), tx.exec(`DELETE FROM users WHERE id = (SELECT max(id) FROM users)`))
		}))
		other, err := Create(t.Context(), t.TempDir(), address)
		if err == nil || !strings.Contains(err.Error(), "part of the site") {
			t.Fatalf("%v, %v", other, err)
		}
	}
	before := sums(t, s)
	s = moveTo(t, dir, s, address)
	for name, sum := range sums(t, s) {
		if sum != before[name] {
			t.Errorf("%s: %s, before %s", name, sum, before[name])
		}
	}
}

func TestASiteMovesIntoNothingElse(t *testing.T) {
	dir, s := filled(t)
	defer s.Close()
	address := postgrestest.Database(t)
	other, err := Create(t.Context(), t.TempDir(), address)
	must(t, err)
	must(t, other.Update(t.Context(), func(tx *Tx) error {
		return tx.AddSite(&Site{ID: [16]byte{1}, Name: "other", Signing: []byte{1}, Authority: []byte{1}, Root: []byte{1}, CardMaster: []byte{1}, GrantKey: []byte{1}})
	}))
	must(t, other.Close())
	if _, err := s.MoveTo(t.Context(), move(dir, address)); err == nil || !strings.Contains(err.Error(), "holds the site other already") {
		t.Error(err)
	}
	if again, err := Open(t.Context(), dir); err != nil {
		t.Error(err)
	} else {
		again.Close()
	}
}
