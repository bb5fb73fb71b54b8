package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// NewEpoch begins an epoch with a new site key.
func (d *Desk) NewEpoch(ctx context.Context, a Actor) (epoch uint64, err error) {
	target := &auditTarget{subject: d.site.Name}
	err = d.act(ctx, a, NewEpoch, target, func(tx *store.Tx, now time.Time) error {
		epoch, err = d.site.NewEpoch(tx, now, 0)
		return err
	})
	return epoch, err
}

// NewStorageKey re-encrypts the site's secrets with a new storage key. No controller
// may be running on the site, and the site must be reopened afterwards; this Desk
// cannot be used any more.
func (d *Desk) NewStorageKey(ctx context.Context, a Actor) error {
	err := d.act(ctx, a, NewStorageKey, &auditTarget{subject: d.site.Name}, func(tx *store.Tx, _ time.Time) error {
		if d.live != nil {
			return errors.New("stop the controller, then run latchkey-controller site storage-key on the same machine")
		}
		return d.site.Reseal(tx, sealedPassword)
	})
	if err != nil {
		return err
	}
	return d.site.PromoteStorageKey()
}

// KeepDays returns for how many days activity is kept.
func (d *Desk) KeepDays(ctx context.Context, a Actor) (days int, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		days, err = tx.KeepDays()
		return err
	})
	return days, err
}

// maxKeepDays is ten years. KeepActs is the least number of days for which
// administrators' acts are kept, so that a short KeepDays covers nothing up.
const maxKeepDays, KeepActs = 3650, 90

// SetKeepDays changes for how many days activity is kept. Field: "keep-days".
func (d *Desk) SetKeepDays(ctx context.Context, a Actor, days int) error {
	target := &auditTarget{subject: d.site.Name}
	return d.act(ctx, a, EditSettings, target, func(tx *store.Tx, _ time.Time) error {
		if days < 1 || days > maxKeepDays {
			return wrong("keep-days", "Activity is kept for 1 to %d days", maxKeepDays)
		}
		was, err := tx.KeepDays()
		if err != nil {
			return err
		}
		target.text = fmt.Sprintf("days that activity is kept from %d to %d", was, days)
		return tx.SetKeepDays(days)
	})
}
