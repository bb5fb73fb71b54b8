package store

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// ofVersion returns a store of a program with some migrations, which has opened a database, or what it is told.
func ofVersion(t *testing.T, address string, steps []step) (*Store, error) {
	t.Helper()
	e, err := connectPostgres(address)
	must(t, err)
	e.steps = steps
	if err := e.ready(t.Context(), true); err != nil {
		e.close()
		return nil, err
	}
	t.Cleanup(func() { e.close() })
	return &Store{engine: e}, nil
}

// addSite adds a site: nobody cares who works with a database that has none.
func addSite(t *testing.T, s *Store) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		return tx.AddSite(&Site{ID: [16]byte{1}, Name: "home", Zone: "UTC", Signing: []byte{1}, Authority: []byte{1}, Root: []byte{1}, CardMaster: []byte{1}, GrantKey: []byte{1}})
	})
}

func TestASchemaIsNotChangedUnderAControllerThatKnowsNothingOfNewerOnes(t *testing.T) {
	t.Parallel()
	all, err := postgresMigrations()
	must(t, err)
	address := postgrestest.Database(t)
	s, err := ofVersion(t, address, all[:sideBySide-firstPostgres])
	must(t, err)
	addSite(t, s)
	lead, err := pgx.Connect(t.Context(), address)
	must(t, err)
	_, err = lead.Exec(t.Context(), `SELECT pg_advisory_lock_shared($1)`, int64(controllersLock))
	must(t, err)
	_, err = ofVersion(t, address, all)
	if err == nil || !strings.Contains(err.Error(), "its schema is of an older version of the program, and the site in "+s.Place()+" is served already: by ") || !strings.HasSuffix(err.Error(), "; stop that controller first") {
		t.Errorf("%v", err)
	}
	if at := schemaVersion(t, s); at != sideBySide-1 {
		t.Errorf("it is version %d then", at)
	}
	must(t, lead.Close(t.Context()))
	for end := time.Now().Add(takeLead); ; {
		if _, err = ofVersion(t, address, all); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if at := schemaVersion(t, s); at != all[len(all)-1].version {
		t.Errorf("it is version %d afterwards", at)
	}
}

// withoutCells takes away what schema 29 adds, but that the table lead is as it was.
var withoutCells = [...]string{`DROP TABLE cell`, `DROP INDEX readers_by_cell`, `ALTER TABLE readers DROP COLUMN cell`, `ALTER TABLE readers DROP COLUMN from_cell`, `ALTER TABLE readers DROP COLUMN cell_changes`}

// withoutHappenings takes away what 32_happenings.sql adds.
var withoutHappenings = [...]string{
	`DROP INDEX activity_parts`, `DROP INDEX activity_acts`, `ALTER TABLE activity DROP COLUMN part_of`, `DROP TABLE act_orders`,
	`ALTER TABLE policies DROP COLUMN act`, `ALTER TABLE policies DROP COLUMN act_revision`,
	`ALTER TABLE journals DROP COLUMN opener`, `ALTER TABLE journals DROP COLUMN opens_until`, `ALTER TABLE journals DROP COLUMN opening`, `ALTER TABLE journals DROP COLUMN told`,
}
