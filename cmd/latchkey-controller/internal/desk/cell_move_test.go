package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestReadersAreMovedToAnotherCell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, gate, barn := w.reader(), w.reader(), w.reader()
	south, north := w.cell("south"), w.cell("north")
	move := func(to int64, ids ...string) (int, error) {
		return w.MoveReaders(t.Context(), as(Owner), MoveForm{Readers: ids, Cell: to, Anyway: true})
	}
	moves := func(to int64, changed int, says string, ids ...string) {
		t.Helper()
		before := w.newest().ID
		n, err := move(to, ids...)
		w.must(err)
		if n != changed {
			t.Errorf("%q: %d are moved, not %d", ids, n, changed)
		}
		if changed > 0 {
			w.lastSays(says)
		} else if w.newest().ID != before {
			t.Errorf("nothing is changed, and activity says %s", w.newest().Text)
		}
	}
	is := func(id string, cell, from int64, broker string) {
		t.Helper()
		if got := w.cellOf(id); got != (store.ReaderCell{Cell: cell, From: from}) || w.policyOf(id).Brokers[0] != broker {
			t.Errorf("%s: %+v, %q", id, got, w.policyOf(id).Brokers)
		}
	}
	settle := func(id string) {
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetCellOf(id, store.ReaderCell{Cell: w.cellOf(id).Cell}) }))
	}
	moves(south, 1, "Owner moved Door of "+front+" to the cell south", front)
	is(front, south, store.HomeCell, "ssl://south-1.example:8883")
	moves(south, 0, "", front, front)
	moves(south, 2, "Owner moved 2 readers to the cell south: "+gate+", "+barn, barn, front, gate, gate)
	is(gate, south, store.HomeCell, "ssl://south-1.example:8883")

	_, err := move(store.HomeCell, front)
	w.refused(err, "cell", "The cell main has no brokers of its own")
	w.home("ssl://a.example:8883")
	_, err = move(north, front)
	w.refused(err, "readers", front+" is being moved from main to south: wait until it has moved, or move it back to main")
	moves(store.HomeCell, 1, "Owner moved Door of "+front+" to the cell main", front)
	is(front, store.HomeCell, south, "ssl://a.example:8883") // it may have come over meanwhile
	settle(gate)
	moves(north, 1, "Owner moved Door of "+gate+" to the cell north", gate)
	is(gate, north, south, "ssl://north-1.example:8883")

	w.refused(w.RemoveCell(t.Context(), as(Owner), north, 0), "cell", "The cell north has 1 reader: move it to another cell first")
	settle(barn)
	moves(north, 1, "Owner moved Door of "+barn+" to the cell north", barn)
	w.refused(w.RemoveCell(t.Context(), as(Owner), south, 0), "cell", "3 readers are still being moved from south to another cell")

	// One that cannot be moved keeps all others where they are.
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.SetReaderLevel(front, wire.LevelBrokers-1), tx.SetCellOf(front, store.ReaderCell{Cell: store.HomeCell}), tx.SetCellOf(gate, store.ReaderCell{Cell: north}))
	}))
	_, err = move(south, gate, front)
	w.refused(err, "readers", "The program of "+front+" is too old to be told of other brokers")
	is(gate, north, 0, "ssl://north-1.example:8883")
	if rows, err := w.CellReaders(t.Context(), as(Owner), store.HomeCell); err != nil || len(rows) != 1 || !rows[0].TooOld {
		t.Errorf("%+v, %v", rows, err)
	}
	for _, c := range []struct {
		ids         []string
		field, says string
	}{
		{nil, "readers", "Choose at least one"},
		{[]string{"nosuch"}, "readers", `There is no reader "nosuch"`},
		{[]string{"../../etc"}, "readers", `There is no reader "../../etc"`},
		{slices.Repeat([]string{front}, 5), "readers", "too old"},
		{func() (all []string) {
			for i := range MaxMoved + 1 {
				all = append(all, fmt.Sprint("r", i))
			}
			return all
		}(), "readers", "1,001 readers at once are too many: move at most 1,000"},
	} {
		_, err := move(south, c.ids...)
		w.refused(err, c.field, c.says)
	}
	if _, err := move(99, gate); !errors.Is(err, ErrNotFound) {
		t.Errorf("to a cell that is not there: %v", err)
	}
	_, err = w.RemoveReader(t.Context(), as(Owner), gate, Returned)
	w.must(err)
	_, err = move(south, gate)
	w.refused(err, "readers", "There is no reader")
}

func TestNoReaderIsMovedToWhereNobodyHearsItUnlessThatIsMeant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := w.reader()
	south := w.cell("south")
	form := MoveForm{Readers: []string{front}, Cell: south}
	_, err := w.MoveReaders(t.Context(), as(Owner), form)
	w.refused(err, "anyway", "No controller leads the cell south: readers that go there are heard by nobody. Start one with serve --cell south and --broker for each of its brokers first")
	if w.cellOf(front).Cell != store.HomeCell || w.policyOf(front).Brokers != nil {
		t.Error("it is moved all the same")
	}
	leads := []ControllerStatus{{Machine: "coast", Cell: south, Leads: true}}
	c := w.cells().Cell(south).Cell
	up, down := link.BrokerStatus{Cell: south, URL: c.Brokers[0], Up: true}, link.BrokerStatus{Cell: south, URL: c.Brokers[1]}
	for _, c := range []struct {
		connected []BrokerStatus
		says      string
	}{
		{nil, ""}, // not known
		{[]BrokerStatus{up, {Cell: south, URL: c.Brokers[1], Up: true}}, ""},
		{[]BrokerStatus{up, {Cell: store.HomeCell, URL: c.Brokers[1], Up: true}}, "not connected to ssl://south-2.example:8883:"},
		{[]BrokerStatus{up, down}, "not connected to ssl://south-2.example:8883: readers that go there do not hear it"},
		{[]BrokerStatus{down}, "not connected to ssl://south-1.example:8883, ssl://south-2.example:8883:"},
		{[]BrokerStatus{{Cell: store.HomeCell, URL: "ssl://a.example:8883", Up: true}}, "not connected to ssl://south-1.example:8883, ssl://south-2.example:8883:"},
	} {
		cell := w.cells().Cell(south).Cell
		if says := cellLeads(&cell, leads, &Brokers{Connected: c.connected}); !strings.Contains(says.String(), c.says) || c.says == "" && says != nil {
			t.Errorf("%v: %q", c.connected, says)
		}
	}
	if says := cellLeads(&c, leads, &Brokers{Connected: []BrokerStatus{up}, Unheard: Unheard{Cells: []int64{south}}}); !strings.Contains(says.String(), "does not answer, so whether readers that go there are heard is not known") {
		t.Errorf("one that does not answer: %q", says)
	}
	if says := cellLeads(&c, []ControllerStatus{{Cell: south}, {Cell: store.HomeCell, Leads: true}}, &Brokers{}); !strings.Contains(says.String(), "no controller leads") {
		t.Errorf("one that stands by: %q", says)
	}
}

func TestABoardIsAdoptedIntoACell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := w.reader() // into the only one, which has no brokers
	if got := w.cellOf(front); got != (store.ReaderCell{Cell: store.HomeCell}) {
		t.Errorf("%+v", got)
	}
	adopt := func(id, cell, brokers string, want int64, goes ...string) {
		t.Helper()
		form := w.form(id)
		form.Cell, form.Broker = cell, brokers
		_, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
		w.must(err)
		shown, err := w.Brokers(t.Context(), as(Owner))
		w.must(err)
		i := slices.IndexFunc(shown.Readers, func(r ReaderBrokers) bool { return r.Reader == id })
		if got := shown.Readers[i].Wanted(); w.cellOf(id) != (store.ReaderCell{Cell: want}) || !slices.Equal(got, goes) {
			t.Errorf("%s is of %+v, and goes to %q", id, w.cellOf(id), got)
		}
	}
	south := w.cell("south")
	s := w.cells().Cell(south).Brokers
	adopt("a", "", "", south, s...) // the only one with brokers
	adopt("b", "main", "ssl://x.example", store.HomeCell, "ssl://x.example:8883")
	form := w.form("c")
	form.Cell = "main"
	_, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.refused(err, "cell", "The cell main has no brokers of its own")
	form = w.form("d")
	form.Cell = "west"
	_, err = w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.refused(err, "cell", `There is no cell "west": name one of main, south`)

	w.home("ssl://a.example:8883")
	adopt("e", "", "", south, s...)                                      // with the fewest readers: 1, and 2 in the home cell
	adopt("f", "", "", store.HomeCell, "ssl://a.example:8883")           // 2 each, of which the home cell comes first
	adopt("a", "", "", south, s...)                                      // as before
	adopt("a", "", "ssl://own.example", south, "ssl://own.example:8883") // for itself
	adopt("a", "", "", south, "ssl://own.example:8883")                  // and keeps that
	adopt("a", "main", "", store.HomeCell, "ssl://a.example:8883")       // and not in another cell
	adopt(front, "south", "", south, s...)                               // which is how to move without a link
	_, err = w.MoveReaders(t.Context(), as(Owner), MoveForm{Readers: []string{front}, Cell: store.HomeCell, Anyway: true})
	w.must(err)
	adopt(front, "", "", store.HomeCell, "ssl://a.example:8883") // its new bundle leads there: nobody waits for it in the other one
	_, err = w.RemoveReader(t.Context(), as(Owner), "e", Lost)
	w.must(err)
	_, err = w.EditCell(t.Context(), as(Owner), CellForm{ID: south, Name: "south", Brokers: "ssl://moved.example", Anyway: true})
	w.must(err)
	adopt("e", "", "", south, "ssl://moved.example:8883") // not where its cell was when it was removed
}
