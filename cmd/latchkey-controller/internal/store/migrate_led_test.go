package store

import (
	"strings"
	"testing"
	"time"
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
		return tx.engine.setVersion(tx, newest-1)
	})
	lead, err := s.Lead(t.Context())
	must(t, err)
	defer lead.Close()
	_, err = Open(t.Context(), dir)
	if err == nil || !strings.Contains(err.Error(), "its schema is of an older version of the program, and the site in "+s.Place()+" is served already: by latchkey-controller on ") || !strings.HasSuffix(err.Error(), "; stop that controller first") {
		t.Errorf("%v", err)
	}
	if at := schemaVersion(t, s); at != newest-1 {
		t.Errorf("it is version %d then", at)
	}
	lead.Close()
	for end := time.Now().Add(checkLead); ; {
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
