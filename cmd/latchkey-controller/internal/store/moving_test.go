package store

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestOfTwoCellsTheNewerStateOfAReaderIsKept(t *testing.T) {
	for name, s := range map[string]*Store{"sqlite": newStore(t), "postgres": openAt(t, newDatabase(t))} {
		update(t, s, func(tx *Tx) error {
			return tx.exec(`INSERT INTO readers (id, created) VALUES ('front-door', 1)`)
		})
		for i, c := range []struct {
			state State
			kept  bool
		}{
			{State{Bundle: 1, Connection: 5, Counter: 7}, true},
			{State{Bundle: 1, Connection: 5, Counter: 7}, true},
			{State{Bundle: 1, Connection: 5, Counter: 6}, false},
			{State{Bundle: 1, Connection: 4, Counter: 9}, false},
			{State{Bundle: 1, Connection: 5, Counter: 8}, true},
			{State{Bundle: 1, Connection: 5, Counter: 8, Offline: true}, true},
			{State{Bundle: 1, Connection: 5, Counter: 8}, false},
			{State{Bundle: 1, Connection: 6, Counter: 1}, true},
			{State{Bundle: 1, Connection: 5, Counter: 8, Offline: true}, false}, // from the cell that it has left
			{State{Bundle: 2, Connection: 1, Counter: 1}, true},
			{State{Bundle: 1, Connection: 6, Counter: 2}, false},
		} {
			c.state.Reader, c.state.Received, c.state.Payload = "front-door", int64(i+1), []byte{byte(i)}
			update(t, s, func(tx *Tx) error { return tx.SetStates(&c.state) })
			var states []*State
			must(t, s.View(t.Context(), func(tx *Tx) (err error) {
				states, err = tx.States()
				return err
			}))
			if len(states) != 1 || (states[0].Received == c.state.Received) != c.kept {
				t.Errorf("%s: %d: %+v", name, i, states[0])
			}
		}
	}
}

func TestStatesAreReadOfTheReadersThatACellServes(t *testing.T) {
	for name, s := range map[string]*Store{"sqlite": newStore(t), "postgres": openAt(t, newDatabase(t))} {
		update(t, s, func(tx *Tx) error {
			must(t, tx.AddCell(&Cell{Name: "south"}))
			must(t, tx.AddCell(&Cell{Name: "west"}))
			for id, c := range map[string]ReaderCell{"at-home": {1, 0}, "from-home": {2, 1}, "to-home": {1, 2}, "south": {2, 0}, "west": {3, 2}} {
				must(t, tx.exec(`INSERT INTO readers (id, created) VALUES (?, 1)`, id))
				must(t, tx.SetCellOf(id, c))
				must(t, tx.SetStates(&State{Reader: id, Bundle: 1}))
			}
			for cell, want := range map[int64][3]int{0: {5, 0, 5}, 1: {3, 2, 3}, 2: {4, 3, 4}, 3: {1, 1, 1}} {
				all, err := tx.StatesIn(cell)
				must(t, err)
				moving, err := tx.MovingStates(cell)
				must(t, err)
				former, err := tx.FormerIn(cell)
				must(t, err)
				if got := [3]int{len(all), len(moving), len(former)}; got != want {
					t.Errorf("%s: cell %d: %v, not %v", name, cell, got, want)
				}
			}
			return nil
		})
	}
}

func TestATermIsAboveThoseOfAllCells(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s, other := openAt(t, address), openAt(t, address)
	south := &Cell{Name: "south"}
	update(t, s, func(tx *Tx) error { return tx.AddCell(south) })
	home, err := s.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	defer home.Close()
	update(t, s, func(tx *Tx) error {
		return tx.exec(`INSERT INTO lead (cell, term, beat, holder) VALUES (9999, 9999999999, 0, '')`)
	})
	lead, err := other.Lead(t.Context(), south.ID, alreadyLed)
	must(t, err)
	defer lead.Close()
	if lead.Term() != 10000000000 {
		t.Errorf("term %d", lead.Term())
	}
	highest := func(cell int64, term uint64) (got uint64) {
		must(t, s.View(t.Context(), func(tx *Tx) (err error) {
			got, err = tx.HighestTerm(cell, term)
			return err
		}))
		return got
	}
	if got := highest(HomeCell, home.Term()); got != lead.Term() {
		t.Errorf("%d is not the highest", got)
	}
	// Who leads no more does not learn of its successor's term.
	if got := highest(HomeCell, home.Term()-1); got != home.Term()-1 {
		t.Errorf("who has lost the lead takes term %d", got)
	}
}
