package site

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Cell returns a cell by its name; "": the home cell.
func (s *Site) Cell(ctx context.Context, name string) (cell *store.Cell, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Cells()
		if err != nil {
			return err
		}
		if name == "" {
			cell = &all[0]
			return nil
		}
		if cell, err = CellNamed(all, name); err != nil && s.Shared() {
			err = fmt.Errorf("%w, or add it first with latchkey-controller cell add", err)
		}
		return err
	})
	return cell, err
}

// CellNamed returns the cell with a name among all of a site.
func CellNamed(all []store.Cell, name string) (*store.Cell, error) {
	names := make([]string, len(all))
	for i := range all {
		if names[i] = all[i].Name; names[i] == name {
			return &all[i], nil
		}
	}
	return nil, language.Say("there is no cell %s: name one of %s", language.Quoted(name, 80), strings.Join(names, ", "))
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

// TakeIn has a cell serve a reader that is of another one, and not being moved, as if it were being moved there from this one,
// if a state that it has just told here, signed, is newer than what was heard of it before, and it has another policy than the
// site. It says whether it is so.
func (s *Site) TakeIn(ctx context.Context, cell int64, reader string, signed []byte) (taken bool, err error) {
	var is store.ReaderCell
	astray := func(tx *store.Tx) error {
		b, err := tx.BundleOf(reader)
		if err != nil {
			return err
		}
		if is, err = tx.CellOf(reader); err != nil || is.Cell == cell || is.From != 0 {
			return err
		}
		policy, err := tx.Policy(reader)
		if err != nil {
			return err
		}
		p, err := s.peer(b, policy, store.PeerVersion{})
		if err != nil {
			return err
		}
		state, err := wire.OpenState(s.ID, signed, p.Signing)
		if err != nil || state.Reader != reader || state.Counter == 0 || state.PolicyRevision == p.PolicyRevision {
			return nil // the link logs what it refuses
		}
		before, err := tx.StateOf(reader)
		taken = err == nil && (before.Bundle != b.Number || state.Connection > before.Connection)
		if errors.Is(err, store.ErrNotFound) {
			taken, err = true, nil
		}
		return err
	}
	if err = s.store.View(ctx, astray); err == nil && taken {
		err = s.store.Keep(ctx, func(tx *store.Tx) error {
			taken = false
			if err := astray(tx); err != nil || !taken {
				return err
			}
			return tx.SetCellOf(reader, store.ReaderCell{Cell: is.Cell, From: cell})
		})
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return taken && err == nil, err
}
