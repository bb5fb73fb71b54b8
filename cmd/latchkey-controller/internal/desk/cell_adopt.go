package desk

import (
	"errors"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// cellFor returns the cell of a reader that is being adopted, and the brokers of its bundle; none: those that it has. name is
// that of the cell; "": as before, or for a new reader the one with brokers that has the fewest readers. given are brokers
// instead of the cell's. Fields: "cell", "broker".
func cellFor(tx *store.Tx, cells []store.Cell, reader string, isNew bool, name string, given []string) (c *store.Cell, brokers []string, err error) {
	was, err := tx.CellOf(reader)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, nil, err
	}
	c = cellWithID(cells, was.Cell)
	switch {
	case name != "":
		if c, err = cellNamed(cells, name); err != nil {
			return nil, nil, err
		}
	case isNew || c == nil:
		if c, err = leastCell(tx, cells); err != nil {
			return nil, nil, err
		}
	}
	if len(given) > 0 {
		return c, given, refuseForReader(tx, "broker", cells, c, reader, given)
	}
	if len(c.Brokers) == 0 && len(cells) > 1 && c.ID != was.Cell {
		return nil, nil, wrong("cell", "The cell %s has no brokers of its own: name those first to which its readers go", c.Name)
	}
	_, err = tx.BundleOf(reader)
	if err == nil && c.ID == was.Cell { // it may have been told of others for itself
		return c, nil, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return c, c.Brokers, err
}

// leastCell returns the cell with brokers that has the fewest readers; the home cell, if it is the only one.
func leastCell(tx *store.Tx, cells []store.Cell) (least *store.Cell, err error) {
	if len(cells) == 1 {
		return &cells[0], nil
	}
	of, err := tx.ReaderCells()
	if err != nil {
		return nil, err
	}
	readers := map[int64]int{}
	for _, r := range of {
		readers[r.Cell]++
	}
	for i := range cells {
		if c := &cells[i]; len(c.Brokers) > 0 && (least == nil || readers[c.ID] < readers[least.ID]) {
			least = c
		}
	}
	return least, nil
}

// refuseForReader refuses brokers for a reader of a cell to which the readers of another one go. Field: the one given.
func refuseForReader(tx *store.Tx, field string, cells []store.Cell, c *store.Cell, reader string, brokers []string) error {
	foreign := slices.ContainsFunc(brokers, func(url string) bool { return !hasBroker(c.Brokers, url) })
	if len(cells) == 1 || !foreign { // what all policies say is looked at only if it matters
		return nil
	}
	readers, err := tx.CellBrokers()
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(readers, func(r store.CellReader) bool { return r.ID == reader })
	return refuseOthersBrokers(field, cells, others, c.ID, brokers)
}
