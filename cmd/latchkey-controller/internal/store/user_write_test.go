package store

import (
	"fmt"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// An import that gives no credentials reserves none.
func TestReservingNoIDsLeavesTheCountersAlone(t *testing.T) {
	s := newStore(t)
	update(t, s, func(tx *Tx) error {
		for _, n := range []int{0, 0, 3, 0, 2} {
			first, err := tx.ReserveCredentials(n)
			if want := map[int]uint64{0: 0, 3: 1, 2: 4}[n]; err != nil || first != want {
				return fmt.Errorf("the first of %d is %d, not %d, %v", n, first, want, err)
			}
		}
		if postgrestest.On() {
			return nil
		}
		var rows, last int
		err := tx.row(`SELECT count(*), max(seq) FROM sqlite_sequence WHERE name = 'credentials'`, nil, &rows, &last)
		if err == nil && (rows != 1 || last != 5) {
			err = fmt.Errorf("%d counters, up to %d", rows, last)
		}
		return err
	})
}
