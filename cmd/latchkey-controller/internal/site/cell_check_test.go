package site

import (
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestACheckFindsWhatIsWrongWithCells(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "front-door", newBoard(t), func(p *wire.Policy) {})
	south := store.Cell{Name: "south", Brokers: []string{"ssl://south.example:8883"}}
	update := func(change func(*store.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx *store.Tx) error { return tx.AddCell(&south) })
	check(t, s)
	for _, c := range []struct {
		breaks, mends func(*store.Tx) error
		says          string
	}{
		{func(tx *store.Tx) error {
			return tx.SetCellOf("front-door", store.ReaderCell{Cell: south.ID, From: 77})
		}, func(tx *store.Tx) error {
			return tx.SetCellOf("front-door", store.ReaderCell{Cell: south.ID, From: store.HomeCell})
		}, "the reader front-door is of a cell that is not there"},
		{func(tx *store.Tx) error {
			return tx.EditCell(&store.Cell{ID: store.HomeCell, Name: "main", Brokers: []string{"ssl://a.example:8883", "tls://SOUTH.example"}})
		}, func(tx *store.Tx) error {
			return tx.EditCell(&store.Cell{ID: store.HomeCell, Name: "main", Brokers: []string{"ssl://a.example:8883"}})
		}, "is a broker of the cell main and of the cell south"},
		{func(tx *store.Tx) error {
			return tx.EditCell(&store.Cell{ID: south.ID, Name: "south", Brokers: []string{"http://x"}})
		}, func(tx *store.Tx) error {
			return tx.EditCell(&south)
		}, "cell south: broker"},
	} {
		update(c.breaks)
		if _, err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("it says %v, not %q", err, c.says)
		}
		update(c.mends)
		check(t, s)
	}
}

// In SQLite one process serves a site, so one with several cells goes only from PostgreSQL to PostgreSQL.
func TestASiteWithSeveralCellsStaysInPostgreSQL(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	dir := filepath.Join(t.TempDir(), "site")
	s, err := Create(t.Context(), dir, postgrestest.Database(t), "home", "UTC", at(noon))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	south := store.Cell{Name: "south", Brokers: []string{"ssl://south.example:8883"}}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.AddCell(&south) }); err != nil {
		t.Fatal(err)
	}
	moves := func() error {
		_, err := s.Move(t.Context(), "", noon, func(*store.Tx) error { return nil })
		return err
	}
	if err := moves(); err == nil || !strings.Contains(err.Error(), "the site has 2 cells, which need PostgreSQL: move their readers to the home cell") {
		t.Errorf("to SQLite: %v", err)
	}
	check(t, s) // where it was
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.RemoveCell(south.ID) }); err != nil {
		t.Fatal(err)
	}
	if err := moves(); err != nil {
		t.Error(err)
	}
}
