package desk

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// Shared says whether several controllers may serve the site, which has its database in PostgreSQL then. Only such a site
// has several cells.
func (d *Desk) Shared() bool { return d.site.Shared() }

// A CellName is a cell as those know it who see readers.
type CellName struct {
	ID      int64
	Name    string
	Brokers bool // it has brokers, which its readers are told of
}

// CellNames returns the cells of the site, the home cell first, then by name.
func (d *Desk) CellNames(ctx context.Context, a Actor) (all []CellName, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		all, err = cellNames(tx)
		return err
	})
	return all, err
}

func cellNames(tx *store.Tx) (all []CellName, err error) {
	cells, err := tx.Cells()
	for _, c := range cells {
		all = append(all, CellName{c.ID, c.Name, len(c.Brokers) > 0})
	}
	return all, err
}

// CellOf returns the cell of a reader in the actor's reach, or ErrNotFound.
func (d *Desk) CellOf(ctx context.Context, a Actor, reader string) (c store.ReaderCell, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		in, err := a.reach(tx)
		if err != nil {
			return err
		}
		if !in.hasReader(reader) {
			return ErrNotFound
		}
		c, err = tx.CellOf(reader)
		return err
	})
	return c, err
}
