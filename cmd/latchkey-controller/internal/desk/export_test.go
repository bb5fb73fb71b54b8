package desk

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAnExportHoldsEachEntryOnceAndNoFormulas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "=HYPERLINK(1)"}, PIN{}, nil)
	w.must(err)
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 2*exportBatch + 1 {
			if err := tx.AddAudit(&store.Audit{At: w.time.UnixMilli(), Who: "＠Eve", Via: "cli", Act: "unlock", Outcome: store.Done, Subject: fmt.Sprint("door, \"", i, "\"")}); err != nil {
				return err
			}
		}
		return nil
	}))
	w.records(w.reader(), &wire.Record{Kind: "=of.tomorrow"})
	var buffer bytes.Buffer
	w.must(w.Export(t.Context(), as(Editor), Query{}, CSV, &buffer))
	rows, err := csv.NewReader(&buffer).ReadAll()
	w.must(err)
	if want := 1 + 1 + 2*exportBatch + 1 + 3; len(rows) != want { // header, user, audit entries, a reader and its record, the export
		t.Fatalf("%d rows, not %d", len(rows), want)
	}
	for i, row := range rows[1:] {
		if row[0] != fmt.Sprint(i+1) {
			t.Fatalf("row %d is entry %s", i, row[0])
		}
		for _, cell := range row {
			if strings.IndexAny(cell, "=+-@＝＋－＠") == 0 {
				t.Errorf("a spreadsheet would carry out %q", cell)
			}
		}
	}
	buffer.Reset()
	w.must(w.Export(t.Context(), as(Editor), Query{Kind: "admin.user.add"}, JSON, &buffer))
	var entries []map[string]any
	w.must(json.Unmarshal(buffer.Bytes(), &entries))
	if len(entries) != 1 || entries[0]["kind"] != "admin.user.add" || entries[0]["text"] != "Owner added =HYPERLINK(1)" {
		t.Errorf("%v", entries)
	}
	buffer.Reset()
	w.must(w.Export(t.Context(), as(Editor), Query{User: 99}, JSON, &buffer))
	if w.must(json.Unmarshal(buffer.Bytes(), &entries)); len(entries) != 0 && !strings.Contains(buffer.String(), "export") {
		t.Errorf("%s", buffer.String())
	}
	if err := w.Export(t.Context(), as(Editor), Query{}, "xml", &buffer); err == nil {
		t.Error("another format")
	}
}
