package site

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// Cell returns a cell by its name; "": the home cell.
func (s *Site) Cell(ctx context.Context, name string) (cell *store.Cell, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Cells()
		if err != nil {
			return err
		}
		names := make([]string, len(all))
		for i := range all {
			if names[i] = all[i].Name; names[i] == name || name == "" {
				cell = &all[i]
				return nil
			}
		}
		return fmt.Errorf("there is no cell %.80q: name one of %s, or add it first with latchkey-controller cell add", name, strings.Join(names, ", "))
	})
	return cell, err
}

// Settle ends the move of readers that have come over to a cell: only that serves them from now on. Those that were moved,
// adopted or removed meanwhile are left as they are. It returns who has come.
func (s *Site) Settle(ctx context.Context, cell int64, peers []*Peer) (settled []string, err error) {
	err = s.store.Keep(ctx, func(tx *store.Tx) error {
		settled = nil
		for _, p := range peers {
			_, err := inForce(tx, p)
			is := store.ReaderCell{}
			if err == nil {
				is, err = tx.CellOf(p.Reader)
			}
			if errors.Is(err, store.ErrNotFound) || err == nil && (is.Cell != cell || is.From == 0 || is != p.Cell) {
				continue
			}
			if err == nil {
				err = tx.SetCellOf(p.Reader, store.ReaderCell{Cell: cell})
			}
			if err != nil {
				return err
			}
			settled = append(settled, p.Reader)
		}
		return nil
	})
	return settled, err
}

// Moving is what a cell's leader hears of readers that are being moved into its cell, or out of it, from the other cell.
type Moving struct {
	States []*store.State // the newest that was stored of each
	Term   uint64         // which readers take it by, whatever leader they have heard before, see wire.Now.Term
}

// Moving returns what a cell's leader with a term is to know.
func (s *Site) Moving(ctx context.Context, cell int64, term uint64) (m Moving, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		if m.States, err = tx.MovingStates(cell); err == nil {
			m.Term, err = tx.HighestTerm(cell, term)
		}
		return err
	})
	return m, err
}
