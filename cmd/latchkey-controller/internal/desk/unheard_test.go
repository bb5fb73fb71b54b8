package desk

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Whoever leads the cell north does not answer, this one leads the home cell. A reader is being moved in each direction, and one
// of them is heard at home.
func TestOfACellThatIsNotHeardNothingIsSaidButWhatIsStored(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	lead, err := w.site.Lead(t.Context(), store.HomeCell, nil)
	w.must(err)
	defer lead.Close()
	at := map[string]store.ReaderCell{}
	here, there, coming, leaving := w.reader(), w.reader(), w.reader(), w.reader()
	north := w.cell("north")
	at[here], at[there] = store.ReaderCell{Cell: store.HomeCell}, store.ReaderCell{Cell: north}
	at[coming], at[leaving] = store.ReaderCell{Cell: store.HomeCell, From: north}, store.ReaderCell{Cell: north, From: store.HomeCell}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) (err error) {
		for id, c := range at {
			err = errors.Join(err, tx.SetCellOf(id, c))
		}
		return err
	}))
	w.live.states = []link.ReaderStatus{{ID: here, Heard: w.time.Add(-time.Hour)}, {ID: coming, Heard: w.time.Add(-time.Hour)}, {ID: leaving, Heard: w.time, Online: true}}
	w.live.brokers = []link.BrokerStatus{{Cell: store.HomeCell, URL: "ssl://a.example:8883", Up: true}}
	silent := &UnheardError{Cells: []int64{north}, Why: &store.UnavailableError{Reason: language.Data("nobody leads the north")}}
	w.live.silent = silent
	for id, unled := range map[string]bool{here: false, there: true, coming: true, leaving: false} {
		r, err := w.Reader(t.Context(), as(Owner), id)
		w.must(err)
		if r.Live.Unled != unled || r.Live.Online != (id == leaving) {
			t.Errorf("%+v: %+v", at[id], r.Live)
		}
	}
	all, err := w.Glances(t.Context(), as(Owner))
	w.must(err)
	if _, told := all[coming]; told || len(all) != 2 {
		t.Errorf("%+v", all)
	}
	_, err = w.SetMode(t.Context(), as(Owner), Where{}, wire.ModeLockdown, 0)
	w.must(err)
	modes, err := w.WantedModes(t.Context(), as(Owner))
	w.must(err)
	if len(modes) != 1 || !strings.Contains(modes[0].Text.String(), "are not heard now and will follow") || strings.Count(modes[0].Text.String(), "offline") != 1 {
		t.Errorf("%+v", modes[0])
	}
	for _, p := range modes[0].Doors {
		if unheard := p.Reader == there || p.Reader == coming; p.Unheard != unheard || unheard != strings.HasPrefix(p.Text.String(), "not known now") {
			t.Errorf("%+v", p)
		}
	}
	b, err := w.Brokers(t.Context(), as(Owner))
	w.must(err)
	other := []string{"ssl://b.example:8883"}
	if got := b.notHeard(north, other); len(b.Connected) != 1 || len(got) > 0 || len(b.notHeard(store.HomeCell, other)) != 1 {
		t.Errorf("%+v, not heard %q", b, got)
	}
	if _, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: here, Brokers: "ssl://a.example"}); err != nil {
		t.Error(err)
	}
	if _, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: there, Brokers: "ssl://c.example"}); !errors.Is(err, silent) {
		t.Errorf("brokers are set that nobody may hear at: %v", err)
	}
	if err := w.canAsk(t.Context(), there); !errors.Is(err, silent) {
		t.Errorf("%v", err)
	}
	if err := w.canAsk(t.Context(), here); !errors.Is(err, ErrReaderAway) {
		t.Errorf("%v", err)
	}
	if _, err := w.Measure(t.Context(), as(Owner), 0); err != nil {
		t.Error(err)
	}
	// An error of its own link is one.
	w.live.silent = silent.Why
	if _, err := w.Readers(t.Context(), as(Owner)); !errors.Is(err, silent.Why) {
		t.Errorf("%v", err)
	}
}

// A broker of one cell is none of another one.
func TestABrokerIsHeardByTheCellThatIsConnectedToIt(t *testing.T) {
	t.Parallel()
	const north = 2
	b := &Brokers{
		Connected: []BrokerStatus{{Cell: store.HomeCell, URL: "ssl://a.example:8883", Up: true}, {Cell: north, URL: "ssl://127.0.0.1:8883", Up: true}},
		Here:      []string{"attic"}, HereOf: map[int64][]string{north: {"shed"}},
		Readers: []ReaderBrokers{
			{Reader: "front", Cell: store.HomeCell, Bundle: []string{"ssl://a.example:8883", "ssl://shed:8883"}},
			{Reader: "barn", Cell: north, Bundle: []string{"ssl://attic:8884"}, Policy: []string{"ssl://a.example:8883", "ssl://shed:8883"}},
		},
	}
	if got := b.notHeard(store.HomeCell, b.Readers[0].Bundle); !slices.Equal(got, []string{"ssl://shed:8883"}) {
		t.Errorf("%q", got)
	}
	if got := b.notHeard(north, b.Readers[1].Policy); !slices.Equal(got, []string{"ssl://a.example:8883"}) {
		t.Errorf("%q", got)
	}
	if got := b.NotHeard(); !slices.Equal(got, []string{"ssl://a.example:8883", "ssl://shed:8883"}) {
		t.Errorf("%q", got)
	}
	b.Cells = []CellName{{ID: store.HomeCell, Name: "main"}, {ID: north, Name: "north"}}
	const rest = ": readers that go there do not hear it. Start each controller of that cell with --broker for each first"
	if got := b.NotHeardTexts(); !slices.Equal(texts(got), []string{"the controller that leads the cell main is not connected to ssl://shed:8883" + rest, "the controller that leads the cell north is not connected to ssl://a.example:8883" + rest}) {
		t.Errorf("%q", got)
	}
}

func TestItIsKnownWhichCellsAreLed(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	north, south, empty := w.cell("north"), w.cell("south"), w.cell("empty")
	reader := w.reader()
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetCellOf(reader, store.ReaderCell{Cell: south}) }))
	command := New(Options{Site: w.another()})
	lead, err := w.site.Lead(t.Context(), store.HomeCell, nil)
	w.must(err)
	defer lead.Close()
	at := w.another()
	there := New(Options{Site: at, Live: &w.live, Clock: w.clock, Cell: north})
	before, err := w.leaders(t.Context())
	w.must(err)
	other, err := at.Lead(t.Context(), north, nil)
	w.must(err)
	if after, err := w.leaders(t.Context()); err != nil || after == before {
		t.Errorf("somebody leads the north now: %q, %v", after, err)
	}
	for cell, d := range map[string]*Desk{"main": w.Desk, "north": there} {
		s, err := d.Standing(t.Context())
		w.must(err)
		if !s.Leads || s.Nobody || s.Cell != cell || !s.Several || s.Leader != nil || s.StandBys != 0 || s.Unled() != "the cell south" {
			t.Errorf("%+v", s)
		}
		if !slices.Equal(s.Cells, []LedCell{{store.HomeCell, "main", true, true}, {north, "north", true, true}, {south, "south", false, false}}) { // none of which there is nothing
			t.Errorf("%+v", s.Cells)
		}
		if d.leadsSite() != (cell == "main") {
			t.Errorf("who leads the cell %s leads the site: %v", cell, d.leadsSite())
		}
	}
	if got := command.ServedElsewhere(t.Context()); !strings.HasSuffix(got.Readers(), " and 1 other one lead this site: readers get it from there") {
		t.Errorf("%q", got.Readers())
	}
	all, err := w.Controllers(t.Context(), as(Owner))
	w.must(err)
	if len(all) != 2 || all[0].CellName != "main" || all[1].CellName != "north" || all[1].Cell != north {
		t.Errorf("%+v", all)
	}
	other.Close()
	s, err := w.Standing(t.Context())
	w.must(err)
	if s.Unled() != "the cell south" { // no controller is there, and no reader
		t.Errorf("%q", s.Unled())
	}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		return tx.SetCellOf(reader, store.ReaderCell{Cell: empty, From: south})
	}))
	if s, err = w.Standing(t.Context()); err != nil || s.Unled() != "the cells empty and south" {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = there.Standing(t.Context()); err != nil || s.Leads || s.Nobody || s.Leader != nil {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestALeadOfACellThatWasTakenOverIsAnAlarmThatNamesIt(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	north := w.cell("north")
	lead, err := w.site.Lead(t.Context(), north, nil)
	w.must(err)
	lead.Close()
	sitetest.Unled(t, w.dir)()
	lead, err = w.site.Lead(t.Context(), north, nil)
	w.must(err)
	defer lead.Close()
	w.must(w.site.TellTakenOver(t.Context(), w.time, north, lead))
	w.comesTo(func() bool {
		return strings.Contains(w.newest().Text.String(), "the controller on gone has stopped leading the cell north without handing over")
	})
}

func TestWhereThereIsOneCellTheSiteIsLed(t *testing.T) {
	t.Parallel()
	postgrestest.SQLiteOnly(t)
	w := newWorld(t)
	s, err := w.Standing(t.Context())
	w.must(err)
	if s.Several || s.Cell != "main" || s.Unled() != "" || !slices.Equal(s.Cells, []LedCell{{store.HomeCell, "main", true, true}}) {
		t.Errorf("%+v", s)
	}
}

func TestWhatToDoDependsOnWhetherAControllerStandsBy(t *testing.T) {
	t.Parallel()
	unled := func(cells ...LedCell) string { return (&Standing{Several: true, Cells: cells}).Remedy().String() }
	led, waits, alone := LedCell{1, "main", true, true}, LedCell{2, "north", false, true}, LedCell{3, "south", false, false}
	for want, is := range map[string]string{
		"": unled(led),
		"one that stands by for the cell north takes over within seconds: if this stays, look at its log, and at the database": unled(led, waits),
		"no controller runs for the cell south: start one with latchkey-controller serve --dir DIR --cell south":               unled(led, alone),
	} {
		if is != want {
			t.Errorf("%q, want %q", is, want)
		}
	}
	if is := unled(waits, alone); !strings.Contains(is, "--cell south; one that stands by for the cell north") {
		t.Error(is)
	}
}
