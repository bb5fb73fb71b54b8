package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Choice is how a PIN is chosen.
type Choice int

// The choices.
const (
	NoPIN  Choice = iota // no PIN
	Chosen               // by the administrator
	Auto                 // generated
)

// A PIN is a choice of PIN: PIN{Choice: Auto}, or PIN{Chosen, digits}.
type PIN struct {
	Choice
	Digits []byte // of a Chosen PIN: eight, ASCII
}

// String returns the choice as text for the audit.
func (p PIN) String() string {
	return map[Choice]string{NoPIN: "", Chosen: "chosen", Auto: "generated"}[p.Choice]
}

// newPIN prepares the PIN of a choice; nil: no PIN.
func (d *Desk) newPIN(ctx context.Context, choice PIN) (*site.NewPIN, error) {
	switch choice.Choice {
	case Chosen:
		return d.site.ChosenPIN(ctx, choice.Digits)
	case Auto:
		return d.site.GeneratedPIN(ctx)
	}
	return nil, nil
}

// generated returns the digits of a generated PIN, to be shown once; otherwise nil.
func generated(choice PIN, p *site.NewPIN) []byte {
	if choice.Choice != Auto {
		return nil
	}
	return p.Digits
}

// SetPIN replaces a user's PIN. It returns the digits of a generated PIN, for the
// caller to show once and to wipe. A PIN that is already assigned is refused with
// site.ErrPINTaken in the field "pin"; after five of these in a day, only a generated
// PIN is possible.
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

// RemovePIN removes a user's PIN.
func (d *Desk) RemovePIN(ctx context.Context, a Actor, id uint64) error {
	return d.act(ctx, a, RemovePIN, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		return site.RemovePIN(tx, now, id)
	})
}

// credentialError adds the field to an error about a PIN or a card.
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

// A clash reveals that a chosen PIN, or a typed card, which can be copied, opens a
// door. These limit the clashes in 24 hours.
const (
	maxClashesPerAdmin = 5
	maxClashes         = 20
)

// clashLimit refuses any chosen PIN or typed card after too many clashes. It counts
// in the transaction that would find the next one.
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
		return wrong(field, fmt.Sprintf("You have entered %d unusable PINs or cards today; %s", own, instead))
	case all >= maxClashes:
		return wrong(field, fmt.Sprintf("%d unusable PINs or cards were entered today; %s", all, instead))
	}
	return nil
}
