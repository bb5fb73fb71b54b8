package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// maxCells bounds how many cells a site has, as each page that shows readers asks all of them: with 10,000 readers in each, ten
// times as many as SIZES.md computes with.
const maxCells = 100

// A CellForm is what a cell is to be. Its fields in errors are "name", "brokers", "cell", "anyway".
type CellForm struct {
	ID       int64    // which one; not for a new one
	Revision int64    // of the cell that was shown; 0: do not check
	Name     string   //
	Brokers  string   // URLs, in order, with white space between
	Anyway   bool     // although who leads it is not connected to one of them
	Running  *Brokers // of the controller, if that is another process; nil: it is this one, or none runs
}

// AddCell adds a cell, of which no reader is yet, and returns its id. It needs PostgreSQL. Fields: "name", "brokers".
func (d *Desk) AddCell(ctx context.Context, a Actor, form CellForm) (id int64, err error) {
	c := store.Cell{Name: TidyName(form.Name)}
	target := &auditTarget{subject: c.Name}
	err = d.act(ctx, a, AddCell, target, func(tx *store.Tx, _ time.Time) error {
		if !d.site.Shared() {
			return wrongField("name", errCellsNeedPostgreSQL)
		}
		cells, err := tx.Cells()
		if err != nil {
			return err
		}
		if len(cells) >= maxCells {
			return wrong("name", "There are %d cells, and no more can be added: remove one first", len(cells))
		}
		if c.Brokers, err = form.check(cells, &c); err != nil {
			return err
		}
		readers, err := tx.CellBrokers()
		if err != nil {
			return err
		}
		if err := refuseOthersBrokers("brokers", cells, readers, 0, c.Brokers); err != nil {
			return err
		}
		target.text = language.Say("with %s¦brokers", inTurn(c.Brokers))
		return tx.AddCell(&c)
	})
	return c.ID, err
}

// check returns the brokers of a form for a cell, which has its new name.
func (f *CellForm) check(cells []store.Cell, c *store.Cell) (brokers []string, err error) {
	var wrongs FieldErrors
	wrongs.add(wrongField("name", wire.CheckName(c.Name)))
	if slices.ContainsFunc(cells, func(other store.Cell) bool { return other.Name == c.Name && other.ID != c.ID }) {
		wrongs.add(wrong("name", "There already is a cell %s: choose another name", c.Name))
	}
	brokers, err = parseBrokers(f.Brokers)
	if err == nil && len(brokers) == 0 && (c.ID != store.HomeCell || len(c.Brokers) > 0) {
		err = wrong("brokers", "Name at least one broker: readers of the cell go to them")
	}
	wrongs.add(wrongField("brokers", err))
	return brokers, wrongs.err()
}

// A CellChange says what a change of a cell did to its readers.
type CellChange struct {
	Changed int // policies that name the new brokers
	Kept    int // policies of its readers that name other brokers on purpose, and stay
}

// EditCell changes a cell's name and brokers. The readers of the cell that went to its former brokers go to the new ones; those
// that were told of others for themselves stay there.
func (d *Desk) EditCell(ctx context.Context, a Actor, form CellForm) (*CellChange, error) {
	target := &auditTarget{subject: TidyName(form.Name)}
	if err := d.check(ctx, a, EditCell, target); err != nil { // before the controllers that lead are asked
		return nil, err
	}
	controllers, connected, err := d.hearing(ctx, form.Running)
	if err != nil {
		return nil, err
	}
	change := new(CellChange)
	err = d.act(ctx, a, EditCell, target, func(tx *store.Tx, now time.Time) error {
		*change = CellChange{}
		cells, err := tx.Cells()
		if err != nil {
			return err
		}
		was := cellWithID(cells, form.ID)
		if was == nil {
			return errNoCell()
		}
		target.subject = was.Name
		if form.Revision != 0 && form.Revision != was.Revision {
			return changedMeanwhile("cell")
		}
		c := *was
		c.Name = TidyName(form.Name)
		if c.Brokers, err = form.check(cells, &c); err != nil {
			return err
		}
		target.same = c.Name == was.Name && slices.Equal(c.Brokers, was.Brokers)
		if target.same {
			return nil
		}
		var says []*language.Sentence
		if c.Name != was.Name {
			says = append(says, language.Say("it is called %s now", c.Name))
		}
		if !slices.Equal(c.Brokers, was.Brokers) {
			if err := change.brokers(tx, now, cells, was, c.Brokers); err != nil {
				return err
			}
			if says := cellLeads(&c, controllers, connected); says != nil && change.Changed > 0 && !form.Anyway {
				return wrongField("anyway", says)
			}
			says = append(says, language.Count(change.Changed, "its brokers are %[2]s, for %[1]d reader", "its brokers are %[2]s, for %[1]d readers", inTurn(c.Brokers)))
			if change.Kept > 0 {
				says = append(says, language.Count(change.Kept, "%d keep others that they were told of for themselves", "%d keep others that they were told of for themselves"))
			}
		}
		target.text = joined(says...)
		return tx.EditCell(&c)
	})
	return change, err
}

// brokers has the readers of a cell go to other brokers than it had.
func (change *CellChange) brokers(tx *store.Tx, now time.Time, cells []store.Cell, c *store.Cell, to []string) error {
	readers, err := tx.CellBrokers()
	if err != nil {
		return err
	}
	if err := refuseOthersBrokers("brokers", cells, readers, c.ID, to); err != nil {
		return err
	}
	readers = slices.DeleteFunc(readers, func(r store.CellReader) bool { return r.Cell != c.ID })
	former := c.Brokers
	if len(former) == 0 && len(readers) > 0 { // it had none, and perhaps all went to the same ones
		other := func(r store.CellReader) bool { return !slices.Equal(r.Wanted(), readers[0].Wanted()) }
		if !slices.ContainsFunc(readers, other) {
			former = readers[0].Wanted()
		}
	}
	var changed []string
	for i := range readers {
		r := &readers[i]
		switch {
		case slices.Equal(r.Wanted(), to):
		case slices.Equal(r.Policy, c.Brokers) || slices.Equal(r.Wanted(), former):
			changed = append(changed, r.ID)
		default:
			change.Kept++
		}
	}
	change.Changed = len(changed)
	return site.SetBrokers(tx, now, changed, to)
}

// RemoveCell removes a cell of which no reader is, from which none is being moved, and for which no controller works. revision
// is that of the cell that was shown; 0: do not check. Field: "cell".
func (d *Desk) RemoveCell(ctx context.Context, a Actor, id, revision int64) error {
	target := &auditTarget{subject: fmt.Sprintf("with the number %d", id)}
	if err := d.check(ctx, a, RemoveCell, target); err != nil {
		return err
	}
	controllers, _, err := d.controllers(ctx)
	if err != nil {
		return err
	}
	return d.act(ctx, a, RemoveCell, target, func(tx *store.Tx, _ time.Time) error {
		cells, err := tx.Cells()
		if err != nil {
			return err
		}
		c := cellWithID(cells, id)
		if c == nil {
			return errNoCell()
		}
		target.subject = c.Name
		switch {
		case revision != 0 && revision != c.Revision:
			return changedMeanwhile("cell")
		case id == store.HomeCell:
			return wrong("cell", "%s is the home cell, which each site has: give it another name, or other brokers", c.Name)
		}
		of, err := tx.ReaderCells()
		if err != nil {
			return err
		}
		in, leaving := 0, 0
		for _, r := range of {
			switch id {
			case r.Cell:
				in++
			case r.From:
				leaving++
			}
		}
		switch {
		case in > 0:
			return wrongField("cell", language.Count(in, "The cell %[2]s has %[1]d reader: move it to another cell first, and wait until it has moved",
				"The cell %[2]s has %[1]d readers: move them to another cell first, and wait until they have moved", c.Name))
		case leaving > 0:
			return wrongField("cell", language.Count(leaving, "%d reader is still being moved from %s to another cell, and heard in both: wait until it has moved",
				"%d readers are still being moved from %s to another cell, and heard in both: wait until they have moved", c.Name))
		}
		var names []string
		for _, s := range controllers {
			if s.Cell == id {
				names = append(names, s.On())
			}
		}
		if len(names) > 0 {
			return wrongField("cell", language.Count(len(names), "A controller works for the cell %[2]s, on %[3]s: stop it first, or start it with --cell and the name of another cell",
				"Controllers work for the cell %[2]s, on %[3]s: stop them first, or start them with --cell and the name of another cell", c.Name, language.Several(names)))
		}
		err = tx.RemoveCell(id)
		if errors.Is(err, store.ErrCellServed) { // since then
			return wrong("cell", "A controller works for the cell %s: stop it first, or start it with --cell and the name of another cell", c.Name)
		}
		return err
	})
}

// AreReaders returns a number of readers as the subject of a sentence: "1 reader is", "2 readers are".
func AreReaders(n int) string {
	if n == 1 {
		return "1 reader is"
	}
	return count(n, "reader") + " are"
}
