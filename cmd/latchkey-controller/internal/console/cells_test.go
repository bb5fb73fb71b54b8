package console

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

const (
	homeBroker  = "ssl://main.example:8883"
	northBroker = "ssl://north.example:8883"
)

// inCells is a world in PostgreSQL with the cells main, which this controller leads, and north, with id 2. Readers go to main.
func inCells(t *testing.T, readers ...string) *world {
	t.Helper()
	w := inPostgreSQL(t)
	_, leads := w.run()
	come(t, leads, "the lead")
	for _, id := range readers {
		w.adopt(id, "Door "+id, "Main building")
	}
	w.t.Cleanup(func() {
		if w.logged.Len() > 0 {
			t.Errorf("logged: %s", w.logged)
		}
	})
	w.connected(homeBroker)
	_, err := w.desk.EditCell(t.Context(), owner, desk.CellForm{ID: store.HomeCell, Name: "main", Brokers: homeBroker, Anyway: true})
	w.must(err)
	id, err := w.desk.AddCell(t.Context(), owner, desk.CellForm{Name: "north", Brokers: northBroker})
	w.must(err)
	if id != 2 {
		t.Fatalf("it has the id %d", id)
	}
	w.live.silent = &desk.UnheardError{Cells: []int64{2}, Why: &store.UnavailableError{Reason: language.Data("nobody leads the cell north")}}
	return w
}

// connected says to which brokers the controllers that lead are connected.
func (w *world) connected(urls ...string) {
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	w.live.brokers = nil
	for _, url := range urls {
		cell := store.HomeCell
		if url == northBroker {
			cell = 2
		}
		w.live.brokers = append(w.live.brokers, link.BrokerStatus{Cell: cell, URL: url, Up: true, Since: time.Now()})
	}
}

// leads has another controller lead a cell.
func (w *world) leads(cell int64) *store.Lead {
	w.t.Helper()
	s, err := site.Open(w.t.Context(), w.dir)
	w.must(err)
	w.t.Cleanup(func() { s.Close() })
	lead, err := s.Lead(w.t.Context(), cell, nil)
	w.must(err)
	w.t.Cleanup(lead.Close)
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	w.live.silent = nil
	return lead
}

// of returns the cell of a reader, and the one that it comes from.
func (w *world) of(reader string) store.ReaderCell {
	w.t.Helper()
	of, err := w.desk.CellOf(w.t.Context(), owner, reader)
	w.must(err)
	return of
}

func TestASiteInSQLiteHasOneCellAndNoTabOfThem(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	w := small(t)
	b := w.visitor(desk.Owner)
	if got := b.get("/settings"); strings.Contains(got.body, `href="/cells`) {
		t.Error("it has a tab of cells")
	}
	got := b.get("/cells")
	got.shows(t, http.StatusOK, "This site has one cell", "latchkey-controller site move")
	if strings.Contains(got.body, `href="/cells/new"`) {
		t.Error("one may be added")
	}
	if got := b.get("/readers/front-door?tab=device"); strings.Contains(got.body, `id="cell"`) {
		t.Error("a reader may be moved, to nowhere")
	}
	b.post("/cells", "name", "north", "brokers", northBroker).shows(t, http.StatusUnprocessableEntity, "This site has one cell")
}

func TestACellIsAddedChangedAndRemoved(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	w.adopt("front-door", "Front door", "Main building")
	b := w.visitor(desk.Owner)
	b.get("/settings").shows(t, http.StatusOK, `href="/cells"`)
	got := b.get("/cells")
	got.shows(t, http.StatusOK, "All cells have the same users, groups and keys.", `href="/cells/new"`, "Nobody leads")
	b.get("/cells/new").shows(t, http.StatusOK, "A new cell", `action="/cells"`)
	b.post("/cells", "name", "North wing", "brokers", "tcp://north.example").shows(t, http.StatusUnprocessableEntity, "needs TLS", `value="North wing"`, "tcp://north.example</textarea>", "w-cell-name")
	b.post("/cells", "name", "north", "brokers", "ssl://north.example").shows(t, http.StatusOK, "<h1>north</h1>", "No controller yet", "broker-config --cell north", "serve --cell north --broker "+northBroker)
	b.get("/cells").shows(t, http.StatusOK, "All cells have the same users", `href="/cells/2"`, "names no brokers")
	b.post("/cells", "name", "north", "brokers", "ssl://south.example").shows(t, http.StatusUnprocessableEntity, "already is a cell north")

	page := b.get("/cells/2")
	b.post("/cells/2", "revision", field(page, "revision"), "name", "northern", "brokers", northBroker).shows(t, http.StatusOK, "<h1>northern</h1>")
	late := b.post("/cells/2", "revision", field(page, "revision"), "name", "nordic", "brokers", northBroker)
	late.shows(t, http.StatusUnprocessableEntity, "Saving again overwrites that change", `value="nordic"`, "<h1>northern</h1>")
	b.post("/cells/2", "revision", field(late, "revision"), "name", "nordic", "brokers", northBroker).shows(t, http.StatusOK, "<h1>nordic</h1>")

	ask := b.get("/cells/2?ask=remove")
	ask.shows(t, http.StatusOK, "Remove nordic?")
	late = b.post("/cells/2/remove", "revision", field(page, "revision"))
	late.shows(t, http.StatusUnprocessableEntity, "Remove nordic?")
	if field(late, "revision") != field(ask, "revision") || strings.Contains(late.body, "Saving again") {
		t.Error("what was changed meanwhile is not what is removed now")
	}
	lead := w.leads(2)
	b.get("/cells/2?ask=remove").shows(t, http.StatusOK, "Works")
	b.post("/cells/2/remove", "revision", field(ask, "revision")).shows(t, http.StatusUnprocessableEntity, "stop it first", "Remove nordic?")
	lead.Close()
	b.post("/cells/2/remove", "revision", field(ask, "revision")).shows(t, http.StatusOK, "The cell was removed.")
	b.get("/cells/2").shows(t, http.StatusNotFound)
	b.post("/cells/1/remove").shows(t, http.StatusUnprocessableEntity, "is the home cell")
	if got := b.get("/cells/1"); strings.Contains(got.body, "?ask=remove") {
		t.Error("the home cell may be removed")
	}
}

func TestTheBrokersOfACellAreThoseOfItsReaders(t *testing.T) {
	t.Parallel()
	w := inCells(t, "front-door", "gate")
	b := w.visitor(desk.Owner)
	page := b.get("/cells/1")
	page.shows(t, http.StatusOK, homeBroker+"</textarea>", "Works")
	const other = "ssl://other.example:8883"
	refused := b.post("/cells/1", "revision", field(page, "revision"), "name", "main", "brokers", other)
	refused.shows(t, http.StatusUnprocessableEntity, "is not connected to "+other, "Save it anyway", other+"</textarea>")
	b.post("/cells/1", "revision", field(page, "revision"), "name", "main", "brokers", other, "anyway", "on").shows(t, http.StatusOK, "Saved for 2 readers, which move within a few minutes.", other+"</textarea>")
	b.post("/cells/1", "name", "main", "brokers", northBroker).shows(t, http.StatusUnprocessableEntity, "is a broker of the cell north")

	settings := b.get("/settings")
	settings.shows(t, http.StatusOK, "Each cell names the brokers of its readers", "Choose a reader")
	if strings.Contains(settings.body, "Not all readers go") || strings.Contains(settings.body, "Readers with brokers of their own") {
		t.Error("readers of cells are shown as different")
	}
	b.post("/settings/brokers", "brokers", homeBroker, "anyway", "on").shows(t, http.StatusUnprocessableEntity, "names the brokers of its readers")
	b.post("/settings/brokers", "reader", "gate", "brokers", homeBroker, "anyway", "on").shows(t, http.StatusOK, "Readers with brokers of their own", `href="/readers/gate"`)
	b.get("/cells").shows(t, http.StatusOK, "1 reader of the cell main may go to brokers that are none of its own", "gate")
	b.post("/cells/1", "name", "main", "brokers", "ssl://third.example", "anyway", "on").shows(t, http.StatusOK, "Saved for 1 reader, which moves", "1 reader keeps other brokers, of which it was told for itself.")
}

func TestReadersAreMovedToAnotherCell(t *testing.T) {
	t.Parallel()
	w := inCells(t, "front-door", "gate", "yard")
	b := w.visitor(desk.Owner)
	b.get("/cells/1").shows(t, http.StatusOK, "Move those ticked to", `value="gate"`, `<option value="2">north</option>`, "3 of 3 online", "all current")
	b.get("/cells/1").lacks(t, "It is told to go")
	b.post("/cells/1/move", "cell", "2").shows(t, http.StatusUnprocessableEntity, "Choose at least one reader")
	refused := b.post("/cells/1/move", "reader", "front-door", "reader", "gate", "cell", "2")
	refused.shows(t, http.StatusUnprocessableEntity, "No controller leads the cell north", "Move anyway")
	for _, id := range []string{"front-door", "gate"} {
		if !strings.Contains(refused.body, `name="reader" value="`+id+`" aria-label="`+id+`" checked`) {
			t.Errorf("%s is not ticked any more", id)
		}
	}
	if w.of("gate").Cell != store.HomeCell {
		t.Error("it was moved")
	}
	w.leads(2)
	b.post("/cells/1/move", "reader", "gate", "cell", "2").shows(t, http.StatusUnprocessableEntity, "is not connected to "+northBroker)
	w.connected(homeBroker, northBroker)
	b.post("/cells/1/move", "reader", "front-door", "reader", "gate", "cell", "2").shows(t, http.StatusOK, "2 readers are being moved. At their doors nothing changes meanwhile.", "being moved from main to north", "2 being moved away")
	if got := w.of("gate"); got != (store.ReaderCell{Cell: 2, From: store.HomeCell}) {
		t.Errorf("%+v", got)
	}
	got := b.get("/cells/1")
	if strings.Contains(got.body, `name="reader" value="gate"`) {
		t.Error("who has left may be chosen")
	}
	b.get("/cells/2").shows(t, http.StatusOK, "2 being moved here", "being moved from main to north", `name="reader" value="gate"`)
	b.post("/cells/2/remove").shows(t, http.StatusUnprocessableEntity, "has 2 readers")
	b.post("/cells/1/move", "reader", "yard", "cell", "9").shows(t, http.StatusNotFound)

	reader := b.get("/readers/gate?tab=device")
	reader.shows(t, http.StatusOK, "It is being moved from main to north.", "It knows the brokers of north", "Until it has moved, both cells serve it.", "Move it to", "It is told to go to the brokers of that cell.")
	b.post("/readers/gate/cell", "cell", "1").shows(t, http.StatusOK, "1 reader is being moved")
	b.get("/readers/yard?tab=device").shows(t, http.StatusOK, "It is of the cell main.")
	w.connected(homeBroker)
	again := b.post("/readers/yard/cell", "cell", "2")
	again.shows(t, http.StatusUnprocessableEntity, "is not connected to", "Move anyway", `<option value="2" selected>`)
	if !strings.Contains(again.body, `action="/readers/yard/move"`) || strings.Count(again.body, "is not connected to") != 1 {
		t.Error("another form has its errors")
	}
	b.post("/readers/yard/cell", "cell", "2", "anyway", "on").shows(t, http.StatusOK, "It is being moved from main to north.")
	viewer := w.visitor(desk.Viewer).get("/readers/yard?tab=device")
	viewer.shows(t, http.StatusOK, "It is being moved from main to north.")
	if strings.Contains(viewer.body, "/readers/yard/cell") {
		t.Error("who may not move it is offered that")
	}
	w.live.states[2].Online = false
	b.get("/readers/yard?tab=device").shows(t, http.StatusOK, "It is offline, and moves when it is back.")
}

func TestTheListOfCellsShowsWhoLeadsThemAndTheirLag(t *testing.T) {
	t.Parallel()
	w := inCells(t, "front-door", "gate", "yard")
	_, err := w.desk.MoveReaders(t.Context(), owner, desk.MoveForm{Readers: []string{"yard"}, Cell: 2, Anyway: true})
	w.must(err)
	w.live.states[1].Current, w.live.states[1].Behind = false, time.Now().Add(-3*time.Minute)
	b := w.visitor(desk.Owner)
	got := b.get("/cells")
	got.shows(t, http.StatusOK, "2 of 2 online, 1 being moved away", "1 reader behind, for 3 min", "Nobody leads", "1 reader, 1 being moved here", "not known: nobody leads")
	w.live.states[0].Online, w.live.states[2].Online = false, false
	if got := b.get("/cells/2"); strings.Contains(got.body, ">offline<") {
		t.Error("nobody hears whether it is online")
	}
	if got := b.get("/cells/1"); strings.Count(got.body, ">offline<") != 1 || strings.Count(got.body, ">behind<") != 1 {
		t.Error("one is offline, one behind, and of one that is not known")
	}
	w.live.states[0].Online, w.live.states[2].Online = true, true
	b.get("/cells/2").shows(t, http.StatusOK, "No controller leads this cell now", "serve --cell north")
	b.get("/readers/yard").shows(t, http.StatusOK, "It is being moved from the cell main to north. It waits until a controller leads north.")
	w.live.states[2].Online = false
	got = b.get("/")
	got.shows(t, http.StatusOK, "Nobody leads the cell north", "2 of 3", "readers connected, 1 not known")
	if strings.Contains(got.body, "is offline") {
		t.Error("a reader of which nothing is known is said to be offline")
	}
	w.live.states[2].Online = true
	b.get("/settings").shows(t, http.StatusOK, `<a href="/cells/2">north</a>`, "No controller leads this cell now")
	w.leads(2)
	got = b.get("/cells")
	if strings.Contains(got.body, "Nobody leads") {
		t.Error("it is led, and said otherwise")
	}
	got.shows(t, http.StatusOK, "1 of 1 online, 1 being moved here", "all current", "none stands by")
	b.get("/readers/yard").shows(t, http.StatusOK, "It is being moved from the cell main to north. It knows the brokers of north")
	part := b.part("cell-list")
	part.trigger = "cell-list"
	if got := part.get("/cells"); got.status != http.StatusOK || !strings.HasPrefix(got.body, `<div id="cell-list"`) {
		t.Errorf("what renews itself: %d %.80s", got.status, got.body)
	}
	part = b.part("cell-live")
	part.trigger = "cell-live"
	part.get("/cells/2").shows(t, http.StatusOK, "1 of 1 online", "Works")
	b.get("/settings").shows(t, http.StatusOK, "One leads each cell", `aria-label="Controllers of north"`)
}

func TestAReaderIsAdoptedIntoACell(t *testing.T) {
	t.Parallel()
	w := inCells(t, "front-door")
	b := w.visitor(desk.Super)
	signed, print := w.request()
	step := b.send("/devices/adopt", "request", signed)
	step.shows(t, http.StatusOK, "Chosen by itself", `<option value="north">north</option>`, "Empty: those of its cell.")
	if !strings.Contains(step.body, `name="broker" type="text" value="" `) {
		t.Error("it is not to go to the brokers of its cell")
	}
	adopt := func(cell string) *page {
		return b.post("/devices/adopt/reader", "compared", "on", "request", base64.StdEncoding.EncodeToString(signed), "fingerprint", print, "reader", "gate", "access", "nobody", "cell", cell)
	}
	adopt("south").shows(t, http.StatusUnprocessableEntity, "There is no cell")
	adopt("north").shows(t, http.StatusOK, "The bundle for gate is ready")
	if w.of("gate").Cell != 2 {
		t.Errorf("%+v", w.of("gate"))
	}
	signed, print = w.request()
	b.send("/devices/adopt", "request", signed)
	b.post("/devices/adopt/reader", "compared", "on", "request", base64.StdEncoding.EncodeToString(signed), "fingerprint", print, "reader", "gate", "access", "keep", "cell", "").shows(t, http.StatusOK, "The bundle for gate is ready")
	if w.of("gate").Cell != 2 {
		t.Errorf("it has another board, and is of another cell: %+v", w.of("gate"))
	}
}

func TestHowACellIsDoing(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	led := []desk.ControllerStatus{{Machine: "garage", Leads: true}}
	up, down := link.BrokerStatus{URL: homeBroker, Up: true}, link.BrokerStatus{URL: northBroker, Why: "nothing listens there"}
	for _, test := range []struct {
		is         desk.CellStatus
		light, lag string
	}{
		{desk.CellStatus{}, "No controller yet", "no readers"},
		{desk.CellStatus{Readers: 2, Unheard: true}, "bad Nobody leads", "not known: nobody leads"},
		{desk.CellStatus{Controllers: []desk.ControllerStatus{{Machine: "barn"}}, Unheard: true}, "bad Nobody leads", "no readers"},
		{desk.CellStatus{Readers: 2, Controllers: led, Unheard: true}, "warn Does not answer", "not known: its leader does not answer"},
		{desk.CellStatus{Readers: 2, Controllers: led, Connected: []link.BrokerStatus{down}}, "bad No broker answers", "not known: none is online"},
		{desk.CellStatus{Readers: 2, Online: 2, Controllers: led, Connected: []link.BrokerStatus{up, down}}, "warn 1 broker out of reach", "good all current"},
		{desk.CellStatus{Readers: 3, Online: 2, Controllers: led, Connected: []link.BrokerStatus{up}}, "good Works", "good those online are current"},
		{desk.CellStatus{Readers: 3, Online: 3, Behind: 1, Controllers: led}, "good Works", "warn 1 reader behind"},
		{desk.CellStatus{Readers: 3, Online: 3, Behind: 1, BehindSince: now.Add(-12 * time.Second), Controllers: led}, "good Works", "warn 1 reader behind, for 12 s"},
		{desk.CellStatus{Readers: 3, Online: 3, Behind: 3, BehindSince: now.Add(-3 * time.Minute), Controllers: led}, "good Works", "warn 3 readers behind, longest 3 min"},
		{desk.CellStatus{Readers: 3, Online: 3, Behind: 3, BehindSince: now.Add(time.Minute), Controllers: led}, "good Works", "warn 3 readers behind, longest 0 s"},
		{desk.CellStatus{Readers: 3, Online: 3, Behind: 3, BehindSince: now.Add(-50 * time.Hour), Controllers: led}, "good Works", "warn 3 readers behind, longest 2 days"},
	} {
		light, lag := cellLight(&test.is), cellLag(&test.is, now)
		if got := strings.TrimSpace(light.Tone + " " + light.Word.String()); got != test.light {
			t.Errorf("%+v: %q, not %q", test.is, got, test.light)
		}
		if got := strings.TrimSpace(lag.Tone + " " + lag.Word.String()); got != test.lag {
			t.Errorf("%+v: %q, not %q", test.is, got, test.lag)
		}
	}
}

func TestEachReaderOfACellIsOnOnePage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := make([]desk.CellReader, rapid.IntRange(0, 3*cellReadersShown+1).Draw(t, "readers"))
		for i := range all {
			all[i].Reader, all[i].Door = fmt.Sprintf("reader-%04d", i), rapid.SampledFrom([]string{"Gate", "Lab", ""}).Draw(t, "door")
		}
		search := rapid.SampledFrom([]string{"", "gate", "GATE", "-000", "none"}).Draw(t, "search")
		want := slices.DeleteFunc(slices.Clone(all), func(r desk.CellReader) bool {
			return !strings.Contains(strings.ToLower(r.Reader+"\n"+r.Door), strings.ToLower(search))
		})
		var got []desk.CellReader
		for page := 1; ; page++ {
			p := cellReaders{Search: search, Page: page}
			p.selects(all)
			if p.Page != page {
				break
			}
			if len(p.Shown) > cellReadersShown || p.Found != len(want) {
				t.Fatalf("%d of %d are shown", len(p.Shown), p.Found)
			}
			got = append(got, p.Shown...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d are shown, not %d", len(got), len(want))
		}
	})
}

func TestTheReadersOfALargeCellAreOnSeveralPages(t *testing.T) {
	w := small(t)
	all := make([]desk.CellReader, 2*cellReadersShown+1)
	for i := range all {
		all[i] = desk.CellReader{Reader: fmt.Sprintf("reader-%04d", i), Door: "Gate", Cell: store.HomeCell, Online: true}
	}
	cells := &desk.Cells{All: []desk.CellStatus{{Cell: store.Cell{ID: store.HomeCell, Name: "main"}, Readers: len(all)}, {Cell: store.Cell{ID: 2, Name: "north"}}}}
	r := httptest.NewRequest("GET", "/cells/1?q=reader&page=2", nil)
	v := w.console.newVisit(r)
	v.Actor = owner
	p := &cellPage{Cells: cells, Cell: &cells.All[0], Form: newForm(), Moving: newForm(), Readers: cellReaders{Search: "reader", Page: 2, cell: store.HomeCell}}
	p.Readers.selects(all)
	to := httptest.NewRecorder()
	w.console.show(to, r, http.StatusOK, "cell", &view{visit: v, Page: p})
	(&page{to.Code, to.Body.String(), to.Header(), r.URL}).shows(t, http.StatusOK, "201 readers, page 2 of 3", `href="/cells/1?q=reader"`, `href="/cells/1?page=3&amp;q=reader"`, `name="page" value="2"`, `value="reader-0100"`)
	if n := strings.Count(to.Body.String(), `name="reader"`); n != cellReadersShown {
		t.Errorf("%d are shown", n)
	}
}
