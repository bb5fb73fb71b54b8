package site

import (
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// checkCells returns what is wrong with cells: each reader is of one that there is, and a broker is one cell's.
func checkCells(tx *store.Tx) error {
	cells, err := tx.Cells()
	if err != nil {
		return err
	}
	there, of := map[int64]bool{}, map[wire.Broker]string{}
	for _, c := range cells {
		there[c.ID] = true
		for _, url := range c.Brokers {
			b, err := wire.ParseBroker(url)
			if err != nil {
				return fmt.Errorf("cell %s: %w", c.Name, err)
			}
			if other, twice := of[b]; twice {
				return fmt.Errorf("%s is a broker of the cell %s and of the cell %s: give one of them another (latchkey-controller cell edit)", url, other, c.Name)
			}
			of[b] = c.Name
		}
	}
	readers, err := tx.ReaderCells()
	for id, r := range readers {
		if !there[r.Cell] || r.From != 0 && !there[r.From] {
			return fmt.Errorf("the reader %s is of a cell that is not there: move it to another one (latchkey-controller cell move)", id)
		}
	}
	return err
}

// oneCell refuses a site with several cells, as SQLite has one process that writes, and so one controller. what says what to do.
func oneCell(tx *store.Tx, what string) error {
	cells, err := tx.Cells()
	if err == nil && len(cells) > 1 {
		err = fmt.Errorf("the site has %d cells, which need PostgreSQL: %s", len(cells), what)
	}
	return err
}
