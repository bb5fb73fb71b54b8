package store

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// addCell adds a cell.
func addCell(t *testing.T, s *Store, name string) *Cell {
	t.Helper()
	c := &Cell{Name: name}
	update(t, s, func(tx *Tx) error { return tx.AddCell(c) })
	return c
}

// leadIn takes the lead of a cell.
func leadIn(t *testing.T, s *Store, cell int64) *Lead {
	t.Helper()
	lead, err := s.Lead(t.Context(), cell, alreadyLed)
	must(t, err)
	return lead
}

func TestNoTwoCellsHaveOneTerm(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	home, other := openAt(t, address), openAt(t, address)
	south := addCell(t, home, "south")
	// The row of a third cell has terms rise by one: none is the time.
	update(t, home, func(tx *Tx) error {
		return tx.exec(`INSERT INTO lead (cell, term, beat, holder) VALUES (9999, 9999999999, 0, '')`)
	})
	terms := map[uint64]bool{}
	for range 40 {
		var both sync.WaitGroup
		leads := [2]*Lead{}
		for i, s := range []*Store{home, other} {
			both.Go(func() {
				lead, err := s.Lead(t.Context(), []int64{HomeCell, south.ID}[i], alreadyLed)
				if err != nil {
					t.Error(err)
					return
				}
				leads[i] = lead
			})
		}
		both.Wait()
		for _, l := range leads {
			if l == nil {
				t.FailNow()
			}
			if terms[l.Term()] {
				t.Errorf("term %d comes twice", l.Term())
			}
			terms[l.Term()] = true
			l.Close()
		}
	}
}

func TestTermsAreAboveThoseOfACellThatWasRemoved(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s, other := openAt(t, address), openAt(t, address)
	for i, name := range []string{"south", "west"} {
		c := addCell(t, s, name)
		leadIn(t, other, c.ID).Close()
		ahead := uint64(9999999999 + 10*i) // the server's clock was put back since then
		update(t, s, func(tx *Tx) error { return tx.exec(`UPDATE lead SET term = ? WHERE cell = ?`, int64(ahead), c.ID) })
		update(t, s, func(tx *Tx) error { return tx.RemoveCell(c.ID) })
		home := leadIn(t, s, HomeCell)
		if home.Term() <= ahead {
			t.Errorf("term %d, after %d of %s, which is removed", home.Term(), ahead, name)
		}
		home.Close()
	}
	never := addCell(t, s, "never led")
	update(t, s, func(tx *Tx) error { return tx.RemoveCell(never.ID) })
	all, err := s.Controllers(t.Context())
	if err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestNoCellIsRemovedForWhichAControllerWorks(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s, other := openAt(t, address), openAt(t, address)
	south := addCell(t, s, "south")
	remove := func(tx *Tx) error { return tx.RemoveCell(south.ID) }
	lead := leadIn(t, other, south.ID)
	if err := s.Update(t.Context(), remove); !errors.Is(err, ErrCellServed) {
		t.Errorf("it is led: %v", err)
	}
	lead.Close()
	update(t, s, func(tx *Tx) error {
		must(t, remove(tx))
		_, err := other.engine.(*postgresEngine).join(t.Context(), south.ID)
		if err == nil || !strings.Contains(err.Error(), "is just being removed") {
			t.Errorf("while it is being removed: %v", err)
		}
		return nil
	})
	if _, err := other.Lead(t.Context(), south.ID, alreadyLed); err == nil || !strings.Contains(err.Error(), "was removed from the site") {
		t.Errorf("it is removed: %v", err)
	}
}

// As one that was suspended until then.
func TestALeaderOfACellThatWasRemovedIsToldSo(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s, other := openAt(t, address), openAt(t, address)
	south := addCell(t, s, "south")
	lead := leadIn(t, other, south.ID)
	defer lead.Close()
	update(t, s, func(tx *Tx) error { return tx.exec(`DELETE FROM lead WHERE cell = ?`, south.ID) })
	err := other.Update(t.Context(), func(tx *Tx) error { return tx.SetZone("UTC") })
	if refused := (*UnavailableError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "the cell of this controller was removed") {
		t.Error(err)
	}
}
