package desk

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/sync/wire"
)

func TestWhatIsDamagedIsSaidAndTheRestIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	w.records(door, &wire.Record{Kind: wire.DoorOpened}, &wire.Record{Kind: wire.DoorClosed}, &wire.Record{Kind: wire.DoorForced})
	w.user()
	for _, statement := range []string{`UPDATE records SET record = x'a1ff' WHERE number = 2`, `DELETE FROM audit WHERE act = 'user.add'`} {
		if n := sitetest.Execute(t, w.dir, statement); n != 1 {
			t.Fatalf("%s: %d rows", statement, n)
		}
	}
	told := strings.Join(w.told(Query{}), "\n")
	for _, want := range []string{
		"Opened: Door of " + door + " was opened", "Unreadable: Door of " + door + ": record 2 cannot be read: ",
		"Forced: Door of " + door + " was forced open", "Unreadable: Event ",
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
