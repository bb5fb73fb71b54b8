package site

import (
	"context"
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
