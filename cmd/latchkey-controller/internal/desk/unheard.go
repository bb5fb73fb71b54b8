package desk

import (
	"context"
	"errors"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// An UnheardError says that of the readers and brokers of some cells nothing is known now, as the controllers that lead them
// do not answer, or there are none. What comes beside it is of the other cells.
type UnheardError struct {
	Cells []int64
	Why   error // of the first one
}

func (e *UnheardError) Error() string { return e.Why.Error() }

// Said returns the sentence.
func (e *UnheardError) Said() *language.Sentence { return language.Of(e.Why) }

func (e *UnheardError) Unwrap() error { return e.Why }

// Unheard are the cells of which is not known now what their readers and brokers do, and whose readers may be offline or
// not. What is stored is as good as ever.
type Unheard struct {
	All   bool    // nothing is known of any
	Cells []int64 // otherwise
}

// Has says whether a cell is one of these.
func (u *Unheard) Has(cell int64) bool { return u.All || slices.Contains(u.Cells, cell) }

// unheard returns the cells that an error of d.live is about; other errors are returned.
func (d *Desk) unheard(err error) (u Unheard, _ error) {
	var some *UnheardError
	var away *store.UnavailableError
	switch {
	case errors.As(err, &some):
		return Unheard{Cells: some.Cells}, nil
	case errors.As(err, &away) && !d.site.Leads():
		return Unheard{All: true}, nil
	}
	return Unheard{}, err
}

// A lives has the live states of readers.
type lives struct {
	of      map[string]*link.ReaderStatus // by id; nil: none is known
	unheard map[string]bool               // readers of which nothing is known now, though others may be: see Unheard
	cells   Unheard                       // of which these are, or were, before they are moved
	why     error                         // they are not known
}

// lives returns the live states of readers; none if no controller runs in this process.
func (d *Desk) lives(ctx context.Context) (l lives, err error) {
	if d.live == nil {
		return l, nil
	}
	all, failed := d.live.Readers(ctx)
	unheard, err := d.unheard(failed)
	if err != nil {
		return l, err
	}
	if unheard.All {
		l.cells, l.why = unheard, failed
		l.unheard, err = d.unheardReaders(ctx, unheard, nil)
		return l, err
	}
	l.of = map[string]*link.ReaderStatus{}
	brokers, err := d.live.Brokers(ctx)
	if _, err = d.unheard(err); err != nil {
		return l, err
	}
	in := map[int64]int{} // connections, by cell
	several := false
	for _, b := range brokers {
		in[b.Cell]++
		several = several || in[b.Cell] > 1
	}
	for i := range all {
		if !several {
			all[i].Broker = "" // that goes without saying
		}
		l.of[all[i].ID] = &all[i]
	}
	if len(unheard.Cells) > 0 {
		l.cells, l.why = unheard, failed
		l.unheard, err = d.unheardReaders(ctx, unheard, l.of)
	}
	return l, err
}

// unheardReaders returns those of cells of which is not known whether they are online. One that is being moved may be
// online in either cell.
func (d *Desk) unheardReaders(ctx context.Context, u Unheard, of map[string]*link.ReaderStatus) (map[string]bool, error) {
	readers := map[string]bool{}
	err := d.site.View(ctx, func(tx *store.Tx) error {
		cells, err := tx.ReaderCells()
		for id, c := range cells {
			if live := of[id]; (u.Has(c.Cell) || c.From != 0 && u.Has(c.From)) && (live == nil || !live.Online) {
				readers[id] = true
			}
		}
		return err
	})
	return readers, err
}
