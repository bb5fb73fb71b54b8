package desk

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// A chosen PIN that is refused because it is somebody's tells that it opens a
// door. How many may be learnt so in 24 hours:
const (
	clashesOfOne = 5
	clashesOfAll = 20
)

// clashLimit refuses a chosen PIN, whatever it is, after too many clashes. The
// clashes are counted in the transaction that would find the next one.
func (d *Desk) clashLimit(a Actor, pin PIN) func(*store.Tx) error {
	if pin.Choice != Chosen {
		return nil
	}
	return func(tx *store.Tx) error {
		own, all, err := tx.Clashes(a.ID, d.now().Add(-24*time.Hour).UnixMilli())
		switch {
		case err != nil:
			return err
		case own >= clashesOfOne:
			return wrong("pin", fmt.Sprintf("You have chosen %d PINs today that cannot be used; let one be generated", own))
		case all >= clashesOfAll:
			return wrong("pin", fmt.Sprintf("%d PINs that cannot be used were chosen today; let one be generated", all))
		}
		return nil
	}
}
