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

// Settings apply to the whole site.
type Settings struct {
	KeepDays int // how long activity is kept, 1 to 3,650 days
}

// Settings returns the site's settings.
func (d *Desk) Settings(ctx context.Context, a Actor) (s Settings, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		s.KeepDays, err = tx.KeepDays()
		return err
	})
	return s, err
}

// maxKeepDays is ten years. KeepActs is the least number of days for which
// administrators' acts are kept, so that a short KeepDays covers nothing up.
const maxKeepDays, KeepActs = 3650, 90

// SetSettings changes the site's settings. Field: "keep-days".
func (d *Desk) SetSettings(ctx context.Context, a Actor, s Settings) error {
	target := &auditTarget{subject: d.site.Name, text: "activity is kept for " + count(s.KeepDays, "day")}
	return d.act(ctx, a, EditSettings, target, func(tx *store.Tx, _ time.Time) error {
		if s.KeepDays < 1 || s.KeepDays > maxKeepDays {
			return wrong("keep-days", fmt.Sprintf("Activity is kept for 1 to %d days", maxKeepDays))
		}
		was, err := tx.KeepDays()
		if err != nil {
			return err
		}
		target.text = "days that activity is kept from " + fmt.Sprint(was) + " to " + fmt.Sprint(s.KeepDays)
		return tx.SetKeepDays(s.KeepDays)
	})
}
