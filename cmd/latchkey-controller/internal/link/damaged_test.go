package link_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestADamagedStateKeepsNoControllerFromStarting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.embed()
	w.serve()
	m := w.reader("front-door")
	w.end() // newest states are kept at the end
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, store.File))
	if err != nil {
		t.Fatal(err)
	}
	result, err := db.Exec(`UPDATE states SET state = x'a1ff'`)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := result.RowsAffected(); n != 1 {
		t.Fatalf("%d states", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	w.serve()
	w.connect(m)
	readers, err := w.link.Readers(t.Context())
	if err != nil || len(readers) != 1 || !readers[0].Online || readers[0].State == nil {
		t.Errorf("%+v, %v", readers, err)
	}
}
