package store

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestASchemaIsNotChangedUnderAControllerOfAnOlderVersion(t *testing.T) {
	address := newPostgres(t)
	dir := t.TempDir()
	s, err := Create(t.Context(), dir, address)
	must(t, err)
	defer s.Close()
	steps, err := postgresMigrations()
	must(t, err)
	newest := firstPostgres + len(steps) - 1
	update(t, s, func(tx *Tx) error {
		if err := tx.AddSite(&Site{ID: [16]byte{1}, Name: "home", Signing: []byte{1}, Authority: []byte{1}, Root: []byte{1}, CardMaster: []byte{1}, GrantKey: []byte{1}}); err != nil {
			return err
		}
		for _, later := range append(withoutCells[:], `ALTER TABLE lead RENAME cell TO one`, `ALTER TABLE lead ADD CHECK (one = 1)`) {
			if err := tx.exec(later); err != nil {
				return err
			}
		}
		return tx.engine.setVersion(tx, newest-1)
	})
	config, err := s.engine.(*postgresEngine).connection()
	must(t, err)
	lead, err := pgx.ConnectConfig(t.Context(), config)
	must(t, err)
	_, err = lead.Exec(t.Context(), `SELECT pg_advisory_lock_shared($1)`, int64(controllersLock))
	must(t, err)
	_, err = Open(t.Context(), dir)
	if err == nil || !strings.Contains(err.Error(), "its schema is of an older version of the program, and the site in "+s.Place()+" is served already: by latchkey-controller on ") || !strings.HasSuffix(err.Error(), "; stop that controller first") {
		t.Errorf("%v", err)
	}
	if at := schemaVersion(t, s); at != newest-1 {
		t.Errorf("it is version %d then", at)
	}
	must(t, lead.Close(t.Context()))
	for end := time.Now().Add(takeLead); ; {
		after, err := Open(t.Context(), dir)
		if err == nil {
			must(t, after.Close())
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if at := schemaVersion(t, s); at != newest {
		t.Errorf("it is version %d afterwards", at)
	}
}

// withoutCells takes away what schema 29 adds, but that the table lead is as it was.
var withoutCells = [...]string{`DROP TABLE cell`, `DROP INDEX readers_by_cell`, `ALTER TABLE readers DROP COLUMN cell`, `ALTER TABLE readers DROP COLUMN from_cell`, `ALTER TABLE readers DROP COLUMN cell_changes`}
