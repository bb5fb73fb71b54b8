package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Choice is who chooses a PIN.
type Choice int

// The choices.
const (
	NoPIN  Choice = iota // there is to be none
	Chosen               // the administrator does
	Auto                 // the site does
)

// A PIN is the one that a user is to have: PIN{Choice: Auto}, or PIN{Chosen, digits}.
type PIN struct {
	Choice
	Digits []byte // of a chosen one: eight, ASCII
}

// String is what the audit says of it.
func (p PIN) String() string {
	return map[Choice]string{NoPIN: "", Chosen: "chosen", Auto: "generated"}[p.Choice]
}

// newPIN makes ready what a choice says; nil: no PIN.
func (d *Desk) newPIN(ctx context.Context, choice PIN) (*site.NewPIN, error) {
	switch choice.Choice {
	case Chosen:
		return d.site.ChosenPIN(ctx, choice.Digits)
	case Auto:
		return d.site.GeneratedPIN(ctx)
	}
	return nil, nil
}

// generated returns the digits of a PIN that the site chose, to be shown once.
func generated(choice PIN, p *site.NewPIN) []byte {
	if choice.Choice != Auto {
		return nil
	}
	return p.Digits
}

// SetPIN gives a user a PIN, in place of the one they may have, and returns its
// digits if it was to choose them: for the caller to show once and to wipe. A
// PIN that somebody has is refused as site.ErrPINTaken in the field "pin";
// after five of these in a day only a generated one can be had.
func (d *Desk) SetPIN(ctx context.Context, a Actor, id uint64, choice PIN) (digits []byte, err error) {
	if choice.Choice == NoPIN {
		return nil, d.RemovePIN(ctx, a, id)
	}
	target := &auditTarget{user: id, text: choice.String()}
	if err := d.check(ctx, a, SetPIN, target); err != nil {
		return nil, err
	}
	pin, err := d.newPIN(ctx, choice)
	if err != nil {
		return nil, credentialError(err)
	}
	defer pin.Wipe()
	err = d.act(ctx, a, SetPIN, target, func(tx *store.Tx, now time.Time) error {
		if err := d.clashLimit(tx, a, choice.Choice, false); err != nil {
			return err
		}
		return d.site.SetPIN(tx, now, a.Name, id, pin)
	})
	if err != nil {
		return nil, credentialError(err)
	}
	return generated(choice, pin), nil
}

// RemovePIN takes a user's PIN away.
func (d *Desk) RemovePIN(ctx context.Context, a Actor, id uint64) error {
	return d.act(ctx, a, RemovePIN, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		return site.RemovePIN(tx, now, id)
	})
}

// credentialError says which field an error about a PIN or a card is about.
func credentialError(err error) error {
	var refused *site.RefusedPIN
	switch {
	case errors.Is(err, site.ErrPINTaken), errors.As(err, &refused):
		return wrongField("pin", err)
	case errors.Is(err, site.ErrCardTaken):
		return wrongField("card", err)
	}
	return err
}

// A chosen PIN that is refused because it is somebody's tells that it opens a
// door, and so does a typed card, which can be copied. How many may be learnt so
// in 24 hours:
const (
	maxClashesPerAdmin = 5
	maxClashes         = 20
)

// clashLimit refuses a chosen PIN and typed cards, whatever they are, after too
// many clashes. The clashes are counted in the transaction that would find the
// next one.
func (d *Desk) clashLimit(tx *store.Tx, a Actor, choice Choice, typed bool) error {
	field, instead := "pin", "let the PIN be generated"
	if choice != Chosen {
		field, instead = "card", "have the card read at a reader"
		if !typed {
			return nil
		}
	}
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
	case own >= maxClashesPerAdmin:
		return wrong(field, fmt.Sprintf("You have typed %d PINs or cards today that cannot be used; %s", own, instead))
	case all >= maxClashes:
		return wrong(field, fmt.Sprintf("%d PINs or cards that cannot be used were typed today; %s", all, instead))
	}
	return nil
}
