package store

import (
	"errors"
	"strings"
)

// HomeCell is the id of the cell that each site has. Who leads it does what is the site's, too.
const HomeCell int64 = 1

// A Cell is the brokers of some of a site's readers and the controllers that serve them there.
type Cell struct {
	ID       int64
	Name     string
	Brokers  []string // URLs that its readers are told of, in order; none, in the home cell only: as each bundle and policy says
	Revision int64    // rises with each change
}

// Cells returns the cells of the site, the home cell first, then by name.
func (t *Tx) Cells() (all []Cell, err error) {
	err = t.rows(`SELECT id, name, brokers, revision FROM cell ORDER BY id <> 1, name`, nil, func(r scanner) error {
		var c Cell
		var brokers string
		err := r.Scan(&c.ID, &c.Name, &brokers, &c.Revision)
		c.Brokers = strings.Fields(brokers)
		all = append(all, c)
		return err
	})
	return all, err
}

// AddCell adds a cell, and sets its id, which no other one had before, and its revision. No other one has its name.
func (t *Tx) AddCell(c *Cell) error {
	c.Revision = 1
	return t.row(`INSERT INTO cell (name, brokers, revision) VALUES (?, ?, 1) RETURNING id`, []any{c.Name, strings.Join(c.Brokers, " ")}, &c.ID)
}

// EditCell stores the name and the brokers of a cell, and sets its revision. No other one has its name.
func (t *Tx) EditCell(c *Cell) error {
	return t.row(`UPDATE cell SET name = ?, brokers = ?, revision = revision + 1 WHERE id = ? RETURNING revision`, []any{c.Name, strings.Join(c.Brokers, " "), c.ID}, &c.Revision)
}

// errCellInUse is a mistake of the caller, which has looked.
var errCellInUse = errors.New("the cell has readers, or is the home cell")

// ErrCellServed says that a controller leads a cell, or stands by for it.
var ErrCellServed = errors.New("a controller works for the cell")

// RemoveCell removes a cell of which no reader is, nor is being moved from; those without a bundle in force go to the home
// cell. No controller works for it, otherwise the error is ErrCellServed, nor comes to until the transaction ends.
func (t *Tx) RemoveCell(id int64) error {
	var used bool
	if err := t.row(`SELECT EXISTS (SELECT 1 FROM bundles b JOIN readers r ON r.id = b.reader_id WHERE b.revoked = 0 AND CAST(? AS BIGINT) IN (r.cell, r.from_cell))`, []any{id}, &used); err != nil {
		return err
	}
	if used || id == HomeCell {
		return errCellInUse
	}
	if free, err := t.engine.closeCell(t, id); err != nil {
		return err
	} else if !free {
		return ErrCellServed
	}
	err := t.exec(`UPDATE readers SET cell = 1, from_cell = 0, cell_changes = cell_changes + 1 WHERE cell = ? OR from_cell = ?`, id, id)
	if err == nil { // later terms are above its own, too
		err = t.exec(`INSERT INTO lead (cell, term, beat, holder) SELECT 0, max(term), 0, '' FROM lead WHERE cell IN (0, ?) HAVING count(*) > 0
			ON CONFLICT (cell) DO UPDATE SET term = excluded.term`, id)
	}
	if err == nil {
		err = t.exec(`DELETE FROM lead WHERE cell = ?`, id)
	}
	if err == nil {
		err = t.exec(`DELETE FROM cell WHERE id = ?`, id)
	}
	return err
}

// A ReaderCell says of which cell a reader is.
type ReaderCell struct {
	Cell int64
	From int64 // the cell from which it is being moved, which serves it, too, until it has come over; 0: none
}

// ReaderCells returns the cells of all readers with a bundle in force, by id.
func (t *Tx) ReaderCells() (map[string]ReaderCell, error) {
	all := map[string]ReaderCell{}
	err := t.rows(`SELECT r.id, r.cell, r.from_cell FROM bundles b JOIN readers r ON r.id = b.reader_id WHERE b.revoked = 0`, nil, func(r scanner) error {
		var id string
		var c ReaderCell
		err := r.Scan(&id, &c.Cell, &c.From)
		all[id] = c
		return err
	})
	return all, err
}

// CellsWithReaders returns the cells of which readers with a bundle in force are, or are being moved from, each once.
func (t *Tx) CellsWithReaders() (all []int64, err error) {
	err = t.rows(`SELECT DISTINCT c.id FROM cell c JOIN readers r ON c.id IN (r.cell, r.from_cell) JOIN bundles b ON b.reader_id = r.id WHERE b.revoked = 0`, nil, func(r scanner) error {
		var id int64
		err := r.Scan(&id)
		all = append(all, id)
		return err
	})
	return all, err
}

// CellOf returns the cell of a reader, or ErrNotFound.
func (t *Tx) CellOf(reader string) (c ReaderCell, err error) {
	err = t.row(`SELECT cell, from_cell FROM readers WHERE id = ?`, []any{reader}, &c.Cell, &c.From)
	return c, err
}

// SetCellOf stores the cell of a reader, which must exist.
func (t *Tx) SetCellOf(reader string, c ReaderCell) error {
	return t.exec(`UPDATE readers SET cell = ?, from_cell = ?, cell_changes = cell_changes + 1 WHERE id = ? AND (cell <> ? OR from_cell <> ?)`, c.Cell, c.From, reader, c.Cell, c.From)
}

// MoveToCell has some readers, of other cells, be moved to a cell from theirs.
func (t *Tx) MoveToCell(readers []string, cell int64) error {
	return t.exec(`UPDATE readers SET from_cell = cell, cell = ?, cell_changes = cell_changes + 1 WHERE cell <> ? AND id IN `+listed, cell, cell, list(readers))
}

// HighestTerm returns the highest term of all cells' leads, if the lead of a cell still has its term; otherwise that term.
func (t *Tx) HighestTerm(cell int64, term uint64) (highest uint64, err error) {
	err = t.row(`SELECT coalesce(max(term), 0) FROM lead WHERE EXISTS (SELECT 1 FROM lead WHERE cell = ? AND term = ?)`, []any{cell, term}, &highest)
	return max(highest, term), err
}
