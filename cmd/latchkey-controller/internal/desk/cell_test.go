package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// cell adds a cell with brokers of its own, whichever the database, and returns its id.
func (w *world) cell(name string) int64 {
	w.t.Helper()
	c := store.Cell{Name: name, Brokers: []string{"ssl://" + name + "-1.example:8883", "ssl://" + name + "-2.example:8883"}}
	w.must(w.site.Update(context.Background(), func(tx *store.Tx) error { return tx.AddCell(&c) }))
	return c.ID
}

// home gives the home cell brokers.
func (w *world) home(brokers ...string) {
	w.t.Helper()
	w.must(w.site.Update(context.Background(), func(tx *store.Tx) error {
		return tx.EditCell(&store.Cell{ID: store.HomeCell, Name: "main", Brokers: brokers})
	}))
}

// cellOf returns the cell of a reader.
func (w *world) cellOf(id string) (c store.ReaderCell) {
	w.t.Helper()
	w.must(w.site.View(context.Background(), func(tx *store.Tx) (err error) {
		c, err = tx.CellOf(id)
		return err
	}))
	return c
}

// cells returns the cells as an Owner sees them.
func (w *world) cells() *Cells {
	w.t.Helper()
	c, err := w.Cells(w.t.Context(), as(Owner))
	w.must(err)
	return c
}

// refused wants an error with a text about a field.
func (w *world) refused(err error, field, says string) {
	w.t.Helper()
	if got := Fields(err)[field]; !strings.Contains(got.String(), says) {
		w.t.Errorf("about %s it says %q, not %q: %v", field, got, says, err)
	}
}

// lastSays wants the newest event to have a text.
func (w *world) lastSays(says string) {
	w.t.Helper()
	if got := w.newest().Text.String(); got != says {
		w.t.Errorf("activity says %q, not %q", got, says)
	}
}

func TestACellIsAddedAndCalledOtherwiseAndRemoved(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	front := w.reader()
	_, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: front, Brokers: "ssl://here.example"})
	w.must(err)
	south, err := w.AddCell(t.Context(), as(Owner), CellForm{Name: " south ", Brokers: "ssl://s1.example\ttls://S2.example:8884"})
	w.must(err)
	w.lastSays("Owner added the cell south with ssl://s1.example:8883, then ssl://s2.example:8884")
	for _, c := range []struct{ name, brokers, field, says string }{
		{"south", "ssl://x.example", "name", "There already is a cell south: choose another name"},
		{"main", "ssl://x.example", "name", "already"},
		{"The South", "ssl://x.example", "name", "lower-case letters"},
		{"", "ssl://x.example", "name", "lower-case letters"},
		{strings.Repeat("x", 33), "ssl://x.example", "name", "1 to 32"},
		{"north", " ", "brokers", "Name at least one broker"},
		{"north", "ssl://a ssl://b ssl://c ssl://d ssl://e", "brokers", "ore than 4"},
		{"north", "tcp://broker.example", "brokers", "TLS"},
		{"north", "ssl://ok.example ssl://S1.EXAMPLE.", "brokers", "ssl://s1.example:8883 is a broker of the cell south"},
		{"north", "ssl://here.example", "brokers", front + " of the cell main goes to ssl://here.example:8883"},
	} {
		_, err := w.AddCell(t.Context(), as(Owner), CellForm{Name: c.name, Brokers: c.brokers})
		w.refused(err, c.field, c.says)
	}
	cells := w.cells()
	if len(cells.All) != 2 || !cells.Shared || cells.All[0].Name != "main" || !cells.All[0].Home || cells.All[0].Readers != 1 || cells.Cell(south).Name != "south" || !slices.Equal(cells.Cell(south).Brokers, []string{"ssl://s1.example:8883", "ssl://s2.example:8884"}) {
		t.Errorf("%+v", cells)
	}
	form := CellForm{ID: south, Revision: cells.Cell(south).Revision, Name: "coast", Brokers: "ssl://s1.example ssl://s2.example:8884"}
	_, err = w.EditCell(t.Context(), as(Owner), form)
	w.must(err)
	w.lastSays("Owner changed the cell south: it is called coast now")
	if _, err = w.EditCell(t.Context(), as(Owner), form); !errors.Is(err, ErrChanged) {
		t.Errorf("an outdated form: %v", err)
	}
	before := w.newest()
	form.Revision = 0
	if _, err = w.EditCell(t.Context(), as(Owner), form); err != nil || w.newest().ID != before.ID {
		t.Errorf("nothing is changed: %v, %s", err, w.newest().Text)
	}
	form.Name = "main"
	_, err = w.EditCell(t.Context(), as(Owner), form)
	w.refused(err, "name", "already is a cell main")
	if _, err := w.EditCell(t.Context(), as(Owner), CellForm{ID: 99, Name: "x", Brokers: "ssl://x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a cell that is not there is changed: %v", err)
	}
	w.refused(w.RemoveCell(t.Context(), as(Owner), store.HomeCell, 0), "cell", "main is the home cell")
	if err := w.RemoveCell(t.Context(), as(Owner), south, 1); !errors.Is(err, ErrChanged) {
		t.Errorf("of an outdated form: %v", err)
	}
	if err := w.RemoveCell(t.Context(), as(Owner), 99, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("a cell that is not there is removed: %v", err)
	}
	lead, err := w.another().Lead(t.Context(), south, nil)
	w.must(err)
	if c := w.cells().Cell(south); c.Leader() == nil || c.Leader().Term != lead.Term() || w.cells().All[0].Leader() != nil {
		t.Errorf("%+v", c)
	}
	w.refused(w.RemoveCell(t.Context(), as(Owner), south, 0), "cell", "A controller works for the cell coast, on ")
	lead.Close()
	w.comesTo(func() bool { return w.cells().Cell(south).Leader() == nil })
	w.must(w.RemoveCell(t.Context(), as(Owner), south, 2))
	w.lastSays("Owner removed the cell coast")
	if len(w.cells().All) != 1 {
		t.Errorf("%+v", w.cells())
	}
	for i := range maxCells - 1 {
		w.cell(fmt.Sprint("c", i))
	}
	_, err = w.AddCell(t.Context(), as(Owner), CellForm{Name: "last", Brokers: "ssl://last.example"})
	w.refused(err, "name", "There are 100 cells")
}

func TestASiteInSQLiteHasOneCell(t *testing.T) {
	t.Parallel()
	postgrestest.SQLiteOnly(t)
	w := newWorld(t)
	if _, err := w.AddCell(t.Context(), as(Owner), CellForm{Name: "south", Brokers: "ssl://s1.example"}); err == nil || !strings.Contains(err.Error(), "needs PostgreSQL: latchkey-controller site move") {
		t.Error(err)
	}
	if cells := w.cells(); cells.Shared || len(cells.All) != 1 || cells.All[0].Leader() == nil {
		t.Errorf("%+v", cells)
	}
}

func TestTheReadersOfACellGoToItsBrokersAndThoseToldOfOthersStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	south := w.cell("south")
	w.home("ssl://old.example:8883")
	form := w.form("first") // as if it had been there before cells
	form.Broker = "ssl://old.example"
	_, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.must(err)
	second, own := w.reader(), w.reader()
	for _, id := range []string{second, own} {
		if w.cellOf(id).Cell == south {
			_, err := w.MoveReaders(t.Context(), as(Owner), MoveForm{Readers: []string{id}, Cell: store.HomeCell, Anyway: true})
			w.must(err)
		}
	}
	other, err := w.AdoptSeveral(t.Context(), as(Owner), []AdoptForm{func() AdoptForm { f := w.form("coastal"); f.Cell = "south"; return f }()}, func(int, []byte) error { return nil })
	w.must(err)
	_, err = w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: own, Brokers: "ssl://own.example"})
	w.must(err)
	edit := CellForm{ID: store.HomeCell, Name: "main", Brokers: "ssl://new.example ssl://newer.example"}
	_, err = w.EditCell(t.Context(), as(Owner), CellForm{ID: store.HomeCell, Name: "main", Brokers: "ssl://new.example ssl://south-1.example"})
	w.refused(err, "brokers", "south-1.example:8883 is a broker of the cell south")
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://new.example:8883", Up: true}}
	if !postgrestest.On() { // there nobody leads
		_, err = w.EditCell(t.Context(), as(Owner), edit)
		w.refused(err, "anyway", "The controller that leads the cell main is not connected to ssl://newer.example:8883")
		w.live.brokers = append(w.live.brokers, link.BrokerStatus{URL: "ssl://newer.example:8883"})
		_, err = w.EditCell(t.Context(), as(Owner), edit)
		w.refused(err, "anyway", "not connected to ssl://newer.example:8883")
	}
	if got := w.policyOf(second).Brokers; slices.Contains(got, "ssl://new.example:8883") {
		t.Errorf("a refused change is made: %q", got)
	}
	edit.Anyway = true
	change, err := w.EditCell(t.Context(), as(Owner), edit)
	w.must(err)
	if *change != (CellChange{Changed: 2, Kept: 1}) {
		t.Errorf("%+v", change)
	}
	w.lastSays("Owner changed the cell main: its brokers are ssl://new.example:8883, then ssl://newer.example:8883, for 2 readers; 1 keep others that they were told of for themselves")
	want := []string{"ssl://new.example:8883", "ssl://newer.example:8883"}
	if !slices.Equal(w.policyOf("first").Brokers, want) || !slices.Equal(w.policyOf(second).Brokers, want) || !slices.Equal(w.policyOf(own).Brokers, []string{"ssl://own.example:8883"}) || !slices.Equal(other[0].Policy.Brokers, w.policyOf("coastal").Brokers) {
		t.Errorf("%q %q %q %q", w.policyOf("first").Brokers, w.policyOf(second).Brokers, w.policyOf(own).Brokers, w.policyOf("coastal").Brokers)
	}
	doubts, err := w.CellDoubts(t.Context(), as(Owner))
	w.must(err)
	if len(doubts) != 1 || doubts[0].String() != "1 reader of the cell main may go to brokers that are none of its own, where nobody may hear it: "+own {
		t.Errorf("%q", doubts)
	}
	edit.Brokers = ""
	_, err = w.EditCell(t.Context(), as(Owner), edit)
	w.refused(err, "brokers", "at least one")
}

// A site of before has a home cell without brokers, and most of its readers go to the same ones.
func TestTheHomeCellTakesItsReadersAlongWhenItIsFirstGivenBrokers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, gate := w.reader(), w.reader()
	_, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Brokers: "ssl://a.example"})
	w.must(err)
	_, err = w.EditCell(t.Context(), as(Owner), CellForm{ID: store.HomeCell, Name: "hall"}) // it still needs none
	w.must(err)
	change, err := w.EditCell(t.Context(), as(Owner), CellForm{ID: store.HomeCell, Name: "hall", Brokers: "ssl://a.example ssl://b.example", Anyway: true})
	w.must(err)
	if change.Changed != 2 || len(w.policyOf(front).Brokers) != 2 || len(w.policyOf(gate).Brokers) != 2 {
		t.Errorf("%+v: %q", change, w.policyOf(front).Brokers)
	}
	_, err = w.SetBrokers(t.Context(), as(Owner), BrokersForm{Brokers: "ssl://c.example"})
	w.refused(err, "reader", "The cell hall names the brokers of its readers: change those of the cell")
}

func TestAReaderIsToldOfNoBrokerOfAnotherCell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := w.reader()
	south := w.cell("south")
	_, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: front, Brokers: "ssl://a.example ssl://south-2.example"})
	w.refused(err, "brokers", "ssl://south-2.example:8883 is a broker of the cell south: a broker is one cell's. To have "+front+" go there, move it to that cell")
	form := w.form("gate")
	form.Cell, form.Broker = "main", "ssl://south-1.example"
	_, err = w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.refused(err, "broker", "a broker of the cell south")
	form.Cell, form.Broker = "south", ""
	_, err = w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.must(err)
	w.home("ssl://a.example:8883")
	_, err = w.MoveReaders(t.Context(), as(Owner), MoveForm{Readers: []string{"gate"}, Cell: store.HomeCell, Anyway: true})
	w.must(err)
	_, err = w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: "gate", Bundle: true})
	w.refused(err, "brokers", "ssl://south-1.example:8883 is a broker of the cell south")
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetCellOf("gate", store.ReaderCell{Cell: south}) }))
	_, err = w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: "gate", Bundle: true})
	w.must(err)

	// Nor of one to which a reader of another cell goes, though that cell does not name it.
	_, err = w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: front, Brokers: "ssl://own.example"})
	w.must(err)
	_, err = w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: "gate", Brokers: "ssl://OWN.example"})
	w.refused(err, "brokers", front+" of the cell main goes to ssl://own.example:8883: a broker is one cell's. To have gate go there, move it to that cell")
	form = w.form("barn")
	form.Cell, form.Broker = "south", "ssl://own.example"
	_, err = w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.refused(err, "broker", front+" of the cell main goes to ssl://own.example:8883")
	form = w.form(front) // which takes its own broker with it
	form.Cell, form.Broker = "south", "ssl://own.example"
	_, err = w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.must(err)
}

func TestWhatIsKnownOfCellsIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.home("ssl://a.example:8883")
	south := w.cell("south")
	_, err := w.AdoptSeveral(t.Context(), as(Owner), func() (forms []AdoptForm) {
		for i := range 4 {
			f := w.form(fmt.Sprint("r", i))
			f.Cell = []string{"main", "south"}[i%2]
			forms = append(forms, f)
		}
		return forms
	}(), func(int, []byte) error { return nil })
	w.must(err)
	_, err = w.MoveReaders(t.Context(), as(Owner), MoveForm{Readers: []string{"r0"}, Cell: south, Anyway: true})
	w.must(err)
	lag := w.time.Add(-time.Hour)
	w.live.states = []link.ReaderStatus{{ID: "r0", Online: true, Behind: lag}, {ID: "r3", Online: true, Behind: w.time}, {ID: "r1", Online: true, Current: true}, {ID: "r2", Current: true}}
	main, coast := w.cells().Cell(store.HomeCell), w.cells().Cell(south)
	if main.Readers != 1 || main.Coming != 0 || main.Leaving != 1 || main.Online != 0 || main.Behind != 0 {
		t.Errorf("%+v", main)
	}
	if coast.Readers != 3 || coast.Coming != 1 || coast.Leaving != 0 || coast.Online != 3 || coast.Behind != 2 || !coast.BehindSince.Equal(lag) || !coast.Unheard {
		t.Errorf("%+v", coast)
	}
	if !postgrestest.On() && (main.Unheard || main.Leader() == nil) {
		t.Errorf("%+v", main)
	}
	rows, err := w.CellReaders(t.Context(), as(Owner), store.HomeCell)
	w.must(err)
	if len(rows) != 2 || rows[0] != (CellReader{Reader: "r0", Door: "Door of r0", Cell: south, From: store.HomeCell, Online: true, Behind: true}) || rows[1].Reader != "r2" {
		t.Errorf("%+v", rows)
	}
	if rows, err = w.CellReaders(t.Context(), as(Owner), 0); err != nil || len(rows) != 4 {
		t.Errorf("%+v, %v", rows, err)
	}
	w.live.states, w.live.silent = nil, &UnheardError{Cells: []int64{store.HomeCell}, Why: errors.New("no answer")}
	if c := w.cells(); !c.All[0].Unheard || c.All[0].Readers != 1 {
		t.Errorf("who leads does not answer: %+v", c.All[0])
	}
	if postgrestest.On() {
		w.live.silent = &store.UnavailableError{Reason: language.Data("no controller leads this site now")}
		if c := w.cells(); !c.All[0].Unheard || c.All[0].Readers != 1 {
			t.Errorf("nobody leads: %+v", c.All[0])
		}
	}
	if _, err := w.Cells(t.Context(), as(Super)); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
}
