package desk

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Choice is how a PIN is chosen. Its text is the audit's.
type Choice string

// The choices.
const (
	NoPIN  Choice = ""       // no PIN
	Chosen Choice = "chosen" // by the administrator
	Auto   Choice = "generated"
)

// A PIN is a choice of PIN: PIN{Choice: Auto}, or PIN{Chosen, digits}.
type PIN struct {
	Choice
	Digits []byte // of a Chosen PIN: eight, ASCII
}

// newPIN prepares the PIN of a choice; nil: no PIN. It also returns the digits of a
// generated PIN, to be shown once.
func (d *Desk) newPIN(ctx context.Context, choice PIN) (pin *site.NewPIN, digits []byte, err error) {
	switch choice.Choice {
	case Chosen:
		pin, err = d.site.ChosenPIN(ctx, choice.Digits)
	case Auto:
		if pin, err = d.site.GeneratedPIN(ctx); err == nil {
			digits = pin.Digits
		}
	}
	return pin, digits, credentialError(err)
}

// SetPIN replaces a user's PIN. It returns the digits of a generated PIN, for the
// caller to show once and to wipe. A PIN that is already assigned is refused with
// site.ErrPINTaken in the field "pin"; after five of these in a day, only a generated
// PIN is possible.
func (d *Desk) SetPIN(ctx context.Context, a Actor, id uint64, choice PIN) (digits []byte, err error) {
	if choice.Choice == NoPIN {
		return nil, d.RemovePIN(ctx, a, id)
	}
	target := &auditTarget{user: id, text: string(choice.Choice)}
	if err := d.check(ctx, a, SetPIN, target); err != nil {
		return nil, err
	}
	pin, digits, err := d.newPIN(ctx, choice)
	if err != nil {
		return nil, err
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
	return digits, nil
}

// RemovePIN removes a user's PIN.
func (d *Desk) RemovePIN(ctx context.Context, a Actor, id uint64) error {
	return d.act(ctx, a, RemovePIN, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		return site.RemovePIN(tx, now, id, false)
	})
}

// credentialError adds the field to an error about a PIN or a card.
func credentialError(err error) error {
	var refused *site.RefusedPIN
	switch {
	case errors.Is(err, site.ErrPINTaken), errors.As(err, &refused):
		return wrongField("pin", err)
	case errors.Is(err, site.ErrCardTaken), errors.Is(err, site.ErrOtherKeys):
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
		return wrong(field, "You have entered %d unusable PINs or cards today; %s", own, instead)
	case all >= maxClashes:
		return wrong(field, "%d unusable PINs or cards were entered today; %s", all, instead)
	}
	return nil
}
