package desk

import (
	"context"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// SetPINReaders decides whether only readers with a TPM take PINs. If so, the others get
// no PIN key, and a new epoch makes the one that they have useless.
func (d *Desk) SetPINReaders(ctx context.Context, a Actor, onlyTPM bool) error {
	target := &auditTarget{subject: d.site.Name, text: language.Say("all readers¦take PINs")}
	if onlyTPM {
		target.text = language.Say("only those with a TPM¦readers that take PINs")
	}
	return d.act(ctx, a, SetPINReaders, target, func(tx *store.Tx, now time.Time) error {
		changed, err := d.site.SetPINsOnlyWithTPM(tx, now, onlyTPM)
		if err == nil && !changed {
			target.text = language.Say("%s, as before", target.text)
		}
		return err
	})
}

// Least and most of the guess budget.
const MinGuessBudget, MaxGuessBudget = 10, 10_000

// SetGuessBudget changes how many PINs a TPM may check beyond those that were entered at
// its reader. Field: "guess-budget".
func (d *Desk) SetGuessBudget(ctx context.Context, a Actor, guesses int) error {
	target := &auditTarget{subject: d.site.Name}
	return d.act(ctx, a, EditSettings, target, func(tx *store.Tx, _ time.Time) error {
		if guesses < MinGuessBudget || guesses > MaxGuessBudget {
			return wrong("guess-budget", "A reader gets %d to %d guesses", MinGuessBudget, MaxGuessBudget)
		}
		settings, err := tx.GuessSettings()
		if err != nil {
			return err
		}
		target.text = fromTo(language.Say("guesses that a reader's TPM gets¦a setting"), language.Data(fmt.Sprint(settings.Budget)), language.Data(fmt.Sprint(guesses)))
		settings.Budget = uint32(guesses)
		return tx.SetGuessSettings(settings)
	})
}

// RenewBudget gives a reader whose TPM has lost its budget a new one.
func (d *Desk) RenewBudget(ctx context.Context, a Actor, reader string) error {
	return d.act(ctx, a, RenewBudget, &auditTarget{reader: reader, subject: reader}, func(tx *store.Tx, now time.Time) error {
		return refusedIn("", d.site.RenewBudget(tx, now, reader))
	})
}

// WriteGrant passes save a grant for a reader that the link does not reach, and returns
// the limit that it brings; if save fails, nothing has changed. spent is how many PINs the
// reader says that its TPM has checked; nil: as far as the controller knows.
func (d *Desk) WriteGrant(ctx context.Context, a Actor, reader string, spent *uint32, save func(signed []byte) error) (limit uint32, err error) {
	target := &auditTarget{reader: reader, subject: reader}
	err = d.act(ctx, a, WriteGrant, target, func(tx *store.Tx, now time.Time) error {
		var signed []byte
		if signed, limit, err = d.site.Grant(tx, now, reader, spent); err != nil {
			return refusedIn("", err)
		}
		target.text = language.Count(int(limit), "until it has checked %d PIN", "until it has checked %d PINs")
		return save(signed)
	})
	return limit, err
}
