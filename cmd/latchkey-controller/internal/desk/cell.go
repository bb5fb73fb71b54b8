package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Cells are the cells of a site, the home cell first, then by name.
type Cells struct {
	All    []CellStatus
	Shared bool // the site may have several: its database is PostgreSQL
}

// A CellStatus is a cell, and how its controllers and readers are.
type CellStatus struct {
	store.Cell
	Home        bool               // who leads it does what is the site's, too
	Controllers []ControllerStatus // of it: who leads first, then those that stand by, by their age
	Unheard     bool               // nobody leads it, or who does does not answer: of its readers only Readers, Coming and Leaving are known
	Readers     int                // of it, with those that come from another one
	Coming      int                // of Readers, those that are being moved from another one and have not come over
	Leaving     int                // readers of other cells that are being moved from it
	Online      int                // of Readers
	Behind      int                // of those that are online: without the newest credentials or policy
	BehindSince time.Time          // since when the one that is so for longest has been; zero: none, or not known
	Connected   []BrokerStatus     // connections of who leads; none: not known
}

// Named returns the cell with a name.
func (c *Cells) Named(name string) (*CellStatus, error) {
	all := make([]store.Cell, len(c.All))
	for i := range c.All {
		all[i] = c.All[i].Cell
	}
	found, err := site.CellNamed(all, name)
	if err != nil {
		return nil, err
	}
	return c.Cell(found.ID), nil
}

// Leader returns the controller that leads the cell; nil: nobody does.
func (c *CellStatus) Leader() *ControllerStatus {
	if len(c.Controllers) == 0 || !c.Controllers[0].Leads {
		return nil
	}
	return &c.Controllers[0]
}

// Cell returns the cell with an id; nil: there is none.
func (c *Cells) Cell(id int64) *CellStatus {
	for i := range c.All {
		if c.All[i].ID == id {
			return &c.All[i]
		}
	}
	return nil
}

// Cells returns the cells of the site. Those who may set brokers see them.
func (d *Desk) Cells(ctx context.Context, a Actor) (*Cells, error) {
	cells := &Cells{Shared: d.site.Shared()}
	var of map[string]store.ReaderCell
	err := d.view(ctx, a, SetBrokers, func(tx *store.Tx) error {
		all, err := tx.Cells()
		if err != nil {
			return err
		}
		for _, c := range all {
			cells.All = append(cells.All, CellStatus{Cell: c, Home: c.ID == store.HomeCell})
		}
		of, err = tx.ReaderCells()
		return err
	})
	if err != nil {
		return nil, err
	}
	controllers, _, err := d.controllers(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range controllers {
		if cell := cells.Cell(c.Cell); cell != nil {
			cell.Controllers = append(cell.Controllers, c)
		}
	}
	lives, err := d.lives(ctx)
	if err != nil {
		return nil, err
	}
	cells.count(of, lives)
	connected, err := d.connectedNow(ctx)
	for _, b := range connected {
		if cell := cells.Cell(b.Cell); cell != nil {
			cell.Connected = append(cell.Connected, b)
		}
	}
	return cells, err
}

// count counts readers, of which lives are known.
func (c *Cells) count(of map[string]store.ReaderCell, lives lives) {
	for id, r := range of {
		cell, from := c.Cell(r.Cell), c.Cell(r.From)
		if from != nil {
			from.Leaving++
		}
		if cell == nil {
			continue
		}
		cell.Readers++
		if r.From != 0 {
			cell.Coming++
		}
		live := lives.of[id]
		if live == nil {
			continue
		}
		if live.Online {
			cell.Online++
		}
		if live.Online && !live.Current {
			cell.Behind++
			if since := live.Behind; !since.IsZero() && (cell.BehindSince.IsZero() || since.Before(cell.BehindSince)) {
				cell.BehindSince = since
			}
		}
	}
	for i := range c.All {
		cell := &c.All[i]
		cell.Unheard = cell.Leader() == nil || lives.of == nil || lives.cells.Has(cell.ID)
	}
}

// A CellReader is a reader of a cell, or one that is being moved from it.
type CellReader struct {
	Reader string // id
	Door   string
	Cell   int64
	From   int64 // the cell that it is being moved from; 0: none
	Online bool
	Behind bool // it is online, without the newest credentials or policy
	TooOld bool // it cannot be moved until it is updated
}

// CellReaders returns the readers of a cell and those that are being moved from it, by id; 0: all readers.
func (d *Desk) CellReaders(ctx context.Context, a Actor, cell int64) (readers []CellReader, err error) {
	err = d.view(ctx, a, SetBrokers, func(tx *store.Tx) error {
		all, err := tx.CellReaders(cell)
		for i := range all {
			r := &all[i]
			readers = append(readers, CellReader{Reader: r.ID, Door: r.Door, Cell: r.Cell, From: r.From, TooOld: tooOldForBrokers(r.Level)})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	lives, err := d.lives(ctx)
	for i := range readers {
		if live := lives.of[readers[i].Reader]; live != nil {
			readers[i].Online, readers[i].Behind = live.Online, live.Online && !live.Current
		}
	}
	return readers, err
}

func tooOldForBrokers(level int) bool {
	return level != store.LevelUnknown && level < wire.LevelBrokers
}

// CellDoubts says, for people, of which cells readers go to brokers that are none of theirs.
func (d *Desk) CellDoubts(ctx context.Context, a Actor) (doubts []*language.Sentence, err error) {
	err = d.view(ctx, a, SetBrokers, func(tx *store.Tx) error {
		cells, err := tx.Cells()
		if err != nil {
			return err
		}
		readers, err := tx.CellBrokers()
		if err != nil {
			return err
		}
		for i := range cells {
			c := &cells[i]
			var astray []string
			for _, r := range readers {
				if r.Cell == c.ID && len(c.Brokers) > 0 && slices.ContainsFunc(r.Wanted(), func(url string) bool { return !hasBroker(c.Brokers, url) }) {
					astray = append(astray, r.ID)
				}
			}
			if len(astray) > 0 {
				doubts = append(doubts, language.Count(len(astray), "%d reader of the cell %s may go to brokers that are none of its own, where nobody may hear it: %s",
					"%d readers of the cell %s may go to brokers that are none of its own, where nobody may hear them: %s", c.Name, language.Several(astray)))
			}
		}
		return nil
	})
	return doubts, err
}

// hasBroker says whether a broker is among some, whichever way its URL is written.
func hasBroker(urls []string, url string) bool {
	return slices.ContainsFunc(urls, func(other string) bool { return wire.SameBroker(other, url) })
}

// cellWithID returns a cell among some; nil: it is not there.
func cellWithID(all []store.Cell, id int64) *store.Cell {
	if i := slices.IndexFunc(all, func(c store.Cell) bool { return c.ID == id }); i >= 0 {
		return &all[i]
	}
	return nil
}

// cellNamed returns the cell with a name among some. Field: "cell".
func cellNamed(all []store.Cell, name string) (*store.Cell, error) {
	c, err := site.CellNamed(all, name)
	if err != nil {
		err = wrongField("cell", err)
	}
	return c, err
}

// errNoCell refuses an act on a cell that is not there any more.
func errNoCell() error {
	return fmt.Errorf("there is no such cell; somebody may have removed it: %w", ErrNotFound)
}

// refuseOthersBrokers refuses brokers for a cell to which the readers of another one go. Field: the one given. readers are all.
func refuseOthersBrokers(field string, cells []store.Cell, readers []store.CellReader, cell int64, brokers []string) error {
	for _, url := range brokers {
		for i := range cells {
			if c := &cells[i]; c.ID != cell && hasBroker(c.Brokers, url) {
				return wrong(field, "%s is a broker of the cell %s: a broker is one cell's", url, c.Name)
			}
		}
		for i := range readers {
			r := &readers[i]
			if r.Cell == cell || !hasBroker(r.Wanted(), url) {
				continue
			}
			name := ""
			if c := cellWithID(cells, r.Cell); c != nil {
				name = c.Name
			}
			return wrong(field, "%s of the cell %s goes to %s: a broker is one cell's", r.ID, name, url)
		}
	}
	return nil
}

// cellLeads says why readers that go to a cell may hear nobody there: nobody leads it, or who does is not connected to one of
// its brokers. b has the connections of all controllers that lead; none: they are not known.
func cellLeads(c *store.Cell, controllers []ControllerStatus, b *Brokers) *language.Sentence {
	if !slices.ContainsFunc(controllers, func(s ControllerStatus) bool { return s.Leads && s.Cell == c.ID }) {
		return language.Say("no controller leads the cell %s: readers that go there are heard by nobody. Start one with serve --cell %[1]s and --broker for each of its brokers first", c.Name)
	}
	if b.Unheard.Has(c.ID) {
		return language.Say("the controller that leads the cell %s does not answer, so whether readers that go there are heard is not known. See how it is, and try again", c.Name)
	}
	up := *b
	up.Connected = slices.DeleteFunc(slices.Clone(b.Connected), func(s BrokerStatus) bool { return !s.Up })
	unheard := up.notHeard(c.ID, c.Brokers)
	if len(up.Connected) == 0 && len(b.Connected) > 0 {
		unheard = c.Brokers
	}
	if len(unheard) == 0 {
		return nil
	}
	return language.Say("the controller that leads the cell %s is not connected to %s: readers that go there do not hear it. See whether these brokers run, and start each controller of %[1]s with --broker for each of them", c.Name, strings.Join(unheard, ", "))
}

// hearing returns what cellLeads asks of: the controllers, and the connections of those that lead. running is of the
// controller that runs, if that is another process.
func (d *Desk) hearing(ctx context.Context, running *Brokers) (controllers []ControllerStatus, b *Brokers, err error) {
	if controllers, _, err = d.controllers(ctx); err != nil {
		return nil, nil, err
	}
	if running != nil {
		b = new(Brokers)
		b.RunningAs(running)
		return controllers, b, nil
	}
	b = new(Brokers)
	b.Connected, err = d.connected(ctx)
	if b.Unheard, err = d.unheard(err); err != nil {
		return nil, nil, err
	}
	return controllers, b, d.ofLeaders(ctx, b)
}

// readerCell returns the names of the cell of a reader, and that which it is being moved from; "": none.
func readerCell(cells []store.Cell, r store.ReaderCell) (name, from string) {
	return cmp.Or(cellWithID(cells, r.Cell), new(store.Cell)).Name, cmp.Or(cellWithID(cells, r.From), new(store.Cell)).Name
}

var errCellsNeedPostgreSQL = language.Say("the database of this site is SQLite, and more than one cell needs PostgreSQL: latchkey-controller site move takes the site there")
