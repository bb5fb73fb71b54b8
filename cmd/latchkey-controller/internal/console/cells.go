package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// cellsPage lists the cells, with the form of a new one.
type cellsPage struct {
	Tab   string // of the settings
	Cells *desk.Cells
	Wrong []*language.Sentence // readers that go to brokers of no cell of theirs, as sentences
	Form  *form
	New   bool // the form is shown
}

// cellPage is one cell.
type cellPage struct {
	Tab     string // of the settings
	Cells   *desk.Cells
	Cell    *desk.CellStatus
	Ask     string // "remove"; "": nothing is open
	Form    *form  // of the cell itself
	Moving  *form  // of the readers that are moved
	Readers cellReaders
}

// Others returns the cells to which readers may be moved.
func (p *cellPage) Others() []desk.CellStatus {
	return slices.DeleteFunc(slices.Clone(p.Cells.All), func(c desk.CellStatus) bool { return c.ID == p.Cell.ID })
}

// Name returns the name of a cell.
func (p *cellPage) Name(id int64) *language.Sentence {
	if c := p.Cells.Cell(id); c != nil {
		return language.Data(c.Name)
	}
	return language.Say("a cell that was removed")
}

// Offline says whether a reader is known to be offline.
func (p *cellPage) Offline(r desk.CellReader) bool {
	of := p.Cells.Cell(r.Cell)
	return !r.Online && of != nil && !of.Unheard
}

// Next says that the cell is new: it has no controller and no reader yet.
func (p *cellPage) Next() bool { return p.Cell.Readers == 0 && len(p.Cell.Controllers) == 0 }

// cellReaders are readers of a cell, some of them on a page.
type cellReaders struct {
	Search string // of an id or a door's name
	Page   int    // from 1
	Pages  int
	Found  int // that Search selects
	Shown  []desk.CellReader
	cell   int64
}

// cellReadersShown is how many readers a page shows.
const cellReadersShown = 100

// Link returns the URL of another page of the readers.
func (p *cellReaders) Link(page int) string {
	number := ""
	if page != 1 {
		number = strconv.Itoa(page)
	}
	return fmt.Sprintf("/cells/%d", p.cell) + query("q", p.Search, "page", number)
}

// selects has the page show those of some readers that it selects.
func (p *cellReaders) selects(all []desk.CellReader) {
	search := strings.ToLower(p.Search)
	all = slices.DeleteFunc(slices.Clone(all), func(r desk.CellReader) bool {
		return !strings.Contains(strings.ToLower(r.Reader), search) && !strings.Contains(strings.ToLower(r.Door), search)
	})
	p.Found, p.Pages = len(all), max(1, (len(all)+cellReadersShown-1)/cellReadersShown)
	p.Page = min(max(p.Page, 1), p.Pages)
	first := (p.Page - 1) * cellReadersShown
	p.Shown = all[first:min(first+cellReadersShown, len(all))]
}

func (c *Console) cells(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showCells(w, r, v, http.StatusOK, &cellsPage{})
}

// showCells shows the list, with the form that the caller has filled in.
func (c *Console) showCells(w http.ResponseWriter, r *http.Request, v *visit, status int, p *cellsPage) (err error) {
	p.Tab = "cells"
	if p.Cells, err = c.desk.Cells(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Wrong, err = c.desk.CellDoubts(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Form == nil {
		p.Form = newForm()
	}
	c.show(w, r, status, "cells", &view{visit: v, Title: language.Say("Cells"), Section: "settings", Page: p})
	return nil
}

func (c *Console) showNewCell(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showCells(w, r, v, status, &cellsPage{Form: f, New: true})
}

func (c *Console) addCell(r *http.Request, v *visit, f *form) (answer, error) {
	id, err := c.desk.AddCell(r.Context(), v.Actor, readCell(f))
	return answer{to: fmt.Sprint("/cells/", id), notice: language.Say("Added. It is for readers once a controller leads it.")}, err
}

func readCell(f *form) desk.CellForm {
	was, _ := strconv.ParseInt(f.Get("revision"), 10, 64)
	return desk.CellForm{Revision: was, Name: f.Trim("name"), Brokers: f.Get("brokers"), Anyway: f.Has("anyway", "on")}
}

func (c *Console) cell(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showCellPage(w, r, v, http.StatusOK, &cellPage{Ask: r.URL.Query().Get("ask")})
}

// showCell shows a cell with its form.
func (c *Console) showCell(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showCellPage(w, r, v, status, &cellPage{Form: f})
}

// showCellRemoval shows a cell that is to be removed.
func (c *Console) showCellRemoval(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showCellPage(w, r, v, status, &cellPage{Form: f, Ask: "remove"})
}

// showMoving shows a cell with the readers that are to be moved.
func (c *Console) showMoving(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	p := &cellPage{Moving: f}
	p.Readers.Search = f.Get("q")
	p.Readers.Page, _ = strconv.Atoi(f.Get("page"))
	return c.showCellPage(w, r, v, status, p)
}

func (c *Console) showCellPage(w http.ResponseWriter, r *http.Request, v *visit, status int, p *cellPage) (err error) {
	p.Tab = "cells"
	if p.Cells, err = c.desk.Cells(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Cell = p.Cells.Cell(v.id); p.Cell == nil {
		return desk.ErrNotFound
	}
	all, err := c.desk.CellReaders(r.Context(), v.Actor, v.id)
	if err != nil {
		return err
	}
	if q := r.URL.Query(); p.Moving == nil {
		p.Readers.Search = truncate(strings.TrimSpace(q.Get("q")), 100)
		p.Readers.Page, _ = strconv.Atoi(q.Get("page"))
		p.Moving = newForm()
	}
	p.Readers.cell = v.id
	p.Readers.selects(all)
	revision := strconv.FormatInt(p.Cell.Revision, 10)
	switch {
	case p.Form == nil:
		p.Form = newForm()
	case p.Ask == "remove":
		p.Form.Values.Set("revision", revision)
	default:
		p.Form.warn("cell", revision)
	}
	for name, value := range map[string]string{"name": p.Cell.Name, "brokers": strings.Join(p.Cell.Brokers, "\n"), "revision": revision} {
		if !p.Form.Values.Has(name) {
			p.Form.Values.Set(name, value)
		}
	}
	c.show(w, r, status, "cell", &view{visit: v, Title: language.Data(p.Cell.Name), Section: "settings", Page: p})
	return nil
}

func (c *Console) editCell(r *http.Request, v *visit, f *form) (answer, error) {
	form := readCell(f)
	form.ID = v.id
	change, err := c.desk.EditCell(r.Context(), v.Actor, form)
	if err != nil {
		return answer{}, err
	}
	notice := language.Say("Saved.")
	if change.Changed > 0 {
		notice = language.Count(change.Changed, "Saved for %d reader, which moves within a few minutes.", "Saved for %d readers, which move within a few minutes.")
	}
	if change.Kept > 0 {
		notice = language.Say("%s %s", notice, language.Count(change.Kept, "%d reader keeps other brokers, of which it was told for itself.", "%d readers keep other brokers, of which they were told for themselves."))
	}
	return answer{to: fmt.Sprint("/cells/", v.id), notice: notice}, nil
}

func (c *Console) removeCell(r *http.Request, v *visit, f *form) (answer, error) {
	was, _ := strconv.ParseInt(f.Get("revision"), 10, 64)
	err := c.desk.RemoveCell(r.Context(), v.Actor, v.id, was)
	return removed(err, "/cells", language.Say("The cell was removed."), language.Say("The cell was removed already."))
}

// moveToCell moves the readers that are ticked on the page of a cell.
func (c *Console) moveToCell(r *http.Request, v *visit, f *form) (answer, error) {
	changed, err := c.moveReaders(r, v, f, f.Values["reader"])
	return answer{to: fmt.Sprint("/cells/", v.id), notice: movedNotice(changed)}, err
}

// moveReaderToCell moves one reader.
func (c *Console) moveReaderToCell(r *http.Request, v *visit, f *form) (answer, error) {
	changed, err := c.moveReaders(r, v, f, []string{r.PathValue("reader")})
	return answer{to: readerURL(r, "device"), notice: movedNotice(changed)}, err
}

func (c *Console) moveReaders(r *http.Request, v *visit, f *form, readers []string) (changed int, err error) {
	to, err := strconv.ParseInt(f.Get("cell"), 10, 64)
	if err != nil { // the desk says that there is no such cell
		to = 0
	}
	return c.desk.MoveReaders(r.Context(), v.Actor, desk.MoveForm{Readers: readers, Cell: to, Anyway: f.Has("anyway", "on")})
}

func movedNotice(changed int) *language.Sentence {
	if changed == 0 {
		return language.Say("Nothing is changed: that is their cell already.")
	}
	return language.Count(changed, "%d reader is being moved. At its door nothing changes meanwhile.", "%d readers are being moved. At their doors nothing changes meanwhile.")
}

// readerCell is of which cell the reader of a page is.
type readerCell struct {
	Cells      []desk.CellName // of the site
	Cell, From string          // names of that of the reader, and of that from which it is being moved; "": none
	Led        bool            // somebody leads the cell of the reader
	CellForm   *form           // that moves it
	cell       int64
}

// OtherCells returns the cells to which the reader may be moved.
func (c *readerCell) OtherCells() []desk.CellName {
	return slices.DeleteFunc(slices.Clone(c.Cells), func(other desk.CellName) bool { return other.ID == c.cell })
}

// readCellOf fills in the cell of the page's reader. A refused form that moves it to another cell is the page's with
// Ask "cell".
func (c *Console) readCellOf(r *http.Request, v *visit, p *readerPage) (err error) {
	if p.CellForm = newForm(); p.Ask == "cell" && p.Form != nil {
		p.CellForm, p.Form = p.Form, newForm("door", fmt.Sprint(p.Reader.DoorID), "revision", p.Reader.PlaceRevision())
	}
	if p.Cells, err = c.desk.CellNames(r.Context(), v.Actor); err != nil {
		return err
	}
	of, err := c.desk.CellOf(r.Context(), v.Actor, p.Reader.ID)
	if err != nil {
		return err
	}
	p.cell = of.Cell
	for _, cell := range p.Cells {
		switch cell.ID {
		case of.Cell:
			p.Cell = cell.Name
		case of.From:
			p.From = cell.Name
		}
	}
	if p.From == "" {
		return nil
	}
	s, err := c.desk.Standing(r.Context())
	if err == nil {
		p.Led = slices.ContainsFunc(s.Cells, func(l desk.LedCell) bool { return l.ID == of.Cell && l.Led })
	}
	return err
}
