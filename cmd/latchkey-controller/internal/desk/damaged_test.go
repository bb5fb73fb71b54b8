package desk

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestWhatIsDamagedIsSaidAndTheRestIsShown(t *testing.T) {
	w := newWorld(t)
	door := w.reader()
	w.records(door, &wire.Record{Kind: wire.DoorOpened}, &wire.Record{Kind: wire.DoorClosed}, &wire.Record{Kind: wire.DoorForced})
	w.user()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, store.File))
	w.must(err)
	defer db.Close()
	for _, statement := range []string{`UPDATE records SET record = x'a1ff' WHERE number = 2`, `DELETE FROM audit WHERE act = 'user.add'`} {
		result, err := db.Exec(statement)
		w.must(err)
		if n, _ := result.RowsAffected(); n != 1 {
			t.Fatalf("%s: %d rows", statement, n)
		}
	}
	told := strings.Join(w.told(Query{}), "\n")
	for _, want := range []string{
		"Door: Door of " + door + " was opened", "Unreadable: Door of " + door + ": record 2 cannot be read: ",
		"Alarm: Door of " + door + " was forced open", "Unreadable: Event ",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is missing in\n%s", want, told)
		}
	}
	for _, format := range []Format{CSV, JSON} {
		var out bytes.Buffer
		w.must(w.Export(t.Context(), as(Owner), Query{}, format, &out))
		if n := strings.Count(out.String(), "cannot be read"); n != 2 {
			t.Errorf("%d entries of the %s are unreadable", n, format)
		}
		if format == JSON && !json.Valid(out.Bytes()) {
			t.Error("that is no JSON")
		}
	}
}
