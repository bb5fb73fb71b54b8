package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// MaxMoved is how many readers are moved at once, at most.
const MaxMoved = 1000

// A MoveForm says which readers are to be of which cell. Its fields in errors are "readers", "cell", "anyway".
type MoveForm struct {
	Readers []string // ids
	Cell    int64    // id
	Anyway  bool     // although nobody leads the cell, or who does is not connected to its brokers
	Running *Brokers // of the controller, if that is another process; nil: it is this one, or none runs
}

// MoveReaders moves readers to another cell, and returns how many that changes: their policies name its brokers. The cell that
// they come from serves them, too, until they have come over; at the door nothing happens.
func (d *Desk) MoveReaders(ctx context.Context, a Actor, form MoveForm) (changed int, err error) {
	ids := slices.Compact(slices.Sorted(slices.Values(form.Readers)))
	target := &auditTarget{subject: count(len(ids), "reader")}
	if len(ids) == 1 && wire.CheckName(ids[0]) == nil {
		target.reader, target.subject = ids[0], ids[0]
	}
	if err := d.check(ctx, a, MoveReaders, target); err != nil { // before the controllers that lead are asked
		return 0, err
	}
	controllers, connected, err := d.hearing(ctx, form.Running)
	if err != nil {
		return 0, err
	}
	err = d.act(ctx, a, MoveReaders, target, func(tx *store.Tx, now time.Time) error {
		changed = 0
		switch n := len(ids); {
		case n == 0:
			return wrong("readers", "Choose at least one reader")
		case n > MaxMoved:
			return wrong("readers", "%d readers at once are too many: move at most %d, and the others when they have moved", n, MaxMoved)
		}
		cells, err := tx.Cells()
		if err != nil {
			return err
		}
		to := cellWithID(cells, form.Cell)
		switch {
		case to == nil:
			return errNoCell()
		case len(to.Brokers) == 0 && len(cells) > 1:
			return wrong("cell", "The cell %s has no brokers of its own: name those first to which its readers go", to.Name)
		}
		all, err := tx.CellReaders(0)
		if err != nil {
			return err
		}
		var moved []string
		for _, id := range ids {
			i, found := slices.BinarySearchFunc(all, id, func(r store.CellReader, id string) int { return strings.Compare(r.ID, id) })
			if !found {
				return wrong("readers", "There is no reader %s: choose those that are adopted", language.Quoted(id, wire.MaxName))
			}
			is, err := moves(cells, &all[i], to)
			if err != nil {
				return err
			}
			if is {
				moved = append(moved, id)
			}
		}
		if err := site.SetBrokers(tx, now, moved, to.Brokers); errors.Is(err, store.ErrPolicy) {
			return wrongField("readers", err)
		} else if err != nil {
			return err
		}
		if err := tx.MoveToCell(moved, to.ID); err != nil {
			return err
		}
		if says := cellLeads(to, controllers, connected); says != nil && len(moved) > 0 && !form.Anyway {
			return wrongField("anyway", says)
		}
		changed = len(moved)
		target.same = changed == 0
		target.text = language.Say("to the cell %s", to.Name)
		if target.reader == "" {
			target.subject = count(changed, "reader")
			if changed > 0 {
				target.text = language.Say("to the cell %s: %s¦readers", to.Name, namesTold(moved))
			}
		}
		return nil
	})
	if err != nil {
		changed = 0
	}
	return changed, err
}

// moves says whether a reader is to be moved to a cell: it is of another one. Field: "readers".
func moves(cells []store.Cell, r *store.CellReader, to *store.Cell) (is bool, err error) {
	name, from := readerCell(cells, r.ReaderCell)
	switch {
	case r.Cell == to.ID:
		return false, nil
	case r.From != 0 && r.From != to.ID:
		return false, wrong("readers", "%s is being moved from %s to %s: wait until it has moved, or move it back to %s", r.ID, from, name, from)
	case tooOldForBrokers(r.Level):
		return false, wrong("readers", "The program of %s is too old to be told of other brokers, so it would never move: update it first", r.ID)
	}
	return true, nil
}
