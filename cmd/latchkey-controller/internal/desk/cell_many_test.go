package desk

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// While they are, nothing else is stored, and each statement takes at least as long as the way to the database and back.
func TestManyReadersAreToldOfBrokersInFewStatements(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t, "log_statement=all")
	w := beginning()
	w.t, w.dir = t, filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), w.dir, server.New("site"), "home", "UTC", w.clock())
	w.must(err)
	w.must(s.Close())
	s = w.open()
	defer s.Close()
	const many = 60
	var readers []string
	for i := range many {
		id := w.reader()
		readers = append(readers, id)
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { // each names another group
			p, err := site.Policy(tx, id)
			if err != nil {
				return err
			}
			p.Access = []wire.Access{{Group: fmt.Sprint("group-", i)}}
			return site.SetPolicy(tx, time.Now(), p)
		}))
	}
	var south int64
	log := filepath.Join(server.Dir, "log")
	for _, c := range []struct {
		name string
		act  func() (int, error)
	}{
		{"all are told of others", func() (int, error) {
			return w.SetBrokers(t.Context(), as(Owner), BrokersForm{Brokers: "ssl://first.example", Anyway: true})
		}},
		{"the cell has others", func() (int, error) {
			c, err := w.EditCell(t.Context(), as(Owner), CellForm{ID: store.HomeCell, Name: "main", Brokers: "ssl://second.example", Anyway: true})
			if err != nil {
				return 0, err
			}
			return c.Changed, nil
		}},
		{"they are moved", func() (int, error) {
			south = w.cell("south")
			return w.MoveReaders(t.Context(), as(Owner), MoveForm{Readers: readers, Cell: south, Anyway: true})
		}},
	} {
		before, err := os.Stat(log)
		w.must(err)
		changed, err := c.act()
		if err != nil || changed != many {
			t.Fatalf("%s: %d, %v", c.name, changed, err)
		}
		b, err := os.ReadFile(log)
		w.must(err)
		if n := len(regexp.MustCompile(`LOG:  (?:execute|statement)`).FindAll(b[before.Size():], -1)); n == 0 || n >= many {
			t.Errorf("%s: %d statements for %d readers", c.name, n, many)
		}
	}
	for _, id := range []string{readers[0], readers[many-1]} {
		if is, p := w.cellOf(id), w.policyOf(id); is != (store.ReaderCell{Cell: south, From: store.HomeCell}) || p.Brokers[0] != "ssl://south-1.example:8883" {
			t.Errorf("%s: %+v, %q", id, is, p.Brokers)
		}
	}
}
