package desk

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// A chosen PIN that is refused because it is somebody's tells that it opens a
// door, and so does a typed card, which can be copied. How many may be learnt so
// in 24 hours:
const (
	clashesOfOne = 5
	clashesOfAll = 20
)

// clashLimit refuses a chosen PIN and typed cards, whatever they are, after too
// many clashes. The clashes are counted in the transaction that would find the
// next one.
func (d *Desk) clashLimit(a Actor, pin PIN, typed bool) func(*store.Tx) error {
	field, instead := "pin", "let the PIN be generated"
	if pin.Choice != Chosen {
		field, instead = "card", "have the card read at a reader"
		if !typed {
			return nil
		}
	}
	return func(tx *store.Tx) error {
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		_, before, err := tx.OlderThan(now.Add(-24 * time.Hour))
		if err != nil {
			return err
		}
		own, all, err := tx.Clashes(a.ID, before)
		switch {
		case err != nil:
			return err
		case own >= clashesOfOne:
			return wrong(field, fmt.Sprintf("You have typed %d PINs or cards today that cannot be used; %s", own, instead))
		case all >= clashesOfAll:
			return wrong(field, fmt.Sprintf("%d PINs or cards that cannot be used were typed today; %s", all, instead))
		}
		return nil
	}
}
