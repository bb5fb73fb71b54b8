package desk

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// refuseAudit makes the database refuse any audit entry from now on.
func (w *world) refuseAudit() {
	w.t.Helper()
	_, err := w.database().Exec(`CREATE TRIGGER refused AFTER INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no note is taken'); END`)
	w.must(err)
}

// database opens the site's database directly.
func (w *world) database() *sql.DB {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, store.File))
	w.must(err)
	w.t.Cleanup(func() { db.Close() })
	return db
}

// rows returns all rows of the database, without the ids that come next: an act may reserve some
// that nobody gets.
func rows(t *testing.T, db *sql.DB) string {
	t.Helper()
	tables, err := db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence' ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	var all strings.Builder
	for _, name := range names {
		found, err := db.Query(`SELECT * FROM ` + name)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := found.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for found.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := found.Scan(values...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&all, name)
			for _, v := range values {
				fmt.Fprintf(&all, " %v", *v.(*any))
			}
			all.WriteByte('\n')
		}
		if err := found.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// changesNothing are acts that need no audit entry.
var changesNothing = map[string]bool{"reader.adopt 1": true, "pin.set 1": true, "users.import 1": true}

// This does each act that changes something, in each way. If its audit entry cannot be
// written, nothing is stored, and nothing is sent to a reader.
func TestNothingIsKeptOfAnActThatCannotBeNoted(t *testing.T) {
	for _, act := range Acts() {
		if strings.HasSuffix(string(act), ".view") {
			continue
		}
		for i, prepare := range attempts[act] {
			t.Run(fmt.Sprint(act, " ", i), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				do := prepare(w)
				w.refuseAudit()
				before, orders := rows(t, w.database()), len(w.live.orders)
				err := do(t.Context(), as(Owner))
				if noted := err != nil && strings.Contains(err.Error(), "no note is taken"); !noted && !changesNothing[fmt.Sprint(act, " ", i)] {
					t.Error(err)
				}
				if after := rows(t, w.database()); after != before {
					t.Errorf("something is kept:\n%s\nbefore:\n%s", after, before)
				}
				if len(w.live.orders) != orders {
					t.Error("a reader was asked")
				}
			})
		}
	}
}

func TestAClashThatCannotBeNotedIsNotTold(t *testing.T) {
	w := newWorld(t)
	eve := w.user()
	w.must(func() error { _, err := w.SetPIN(t.Context(), as(Owner), w.user(), chosen("58310274")); return err }())
	w.refuseAudit()
	if err := w.guess(as(Editor), eve, "58310274"); err == nil || errors.Is(err, site.ErrPINTaken) || Fields(err) != nil {
		t.Error(err)
	}
}
