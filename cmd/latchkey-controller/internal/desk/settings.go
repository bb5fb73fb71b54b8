package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
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
			return errors.New("stop each controller of the site, then run latchkey-controller site storage-key on the machine of one")
		}
		return d.site.Reseal(tx, sealedPassword)
	})
	if err != nil {
		return err
	}
	return d.site.PromoteStorageKey()
}

// MoveSite moves the site to another database: at an address of a PostgreSQL server, or, if that is "",
// to SQLite's in its directory. Else as NewStorageKey. The audit entry goes along.
func (d *Desk) MoveSite(ctx context.Context, a Actor, address string) (*store.Moved, error) {
	target := &auditTarget{subject: d.site.Name}
	if err := d.check(ctx, a, MoveSite, target); err != nil {
		return nil, err
	}
	if d.live != nil {
		return nil, errors.New("stop each controller of the site, then run latchkey-controller site move on the machine of one")
	}
	now := d.now()
	moved, err := d.site.Move(ctx, address, now, func(tx *store.Tx) error {
		if err := errors.Join(a.recheck(tx, MoveSite), a.reaches(tx, MoveSite, target)); err != nil {
			return err
		}
		return target.note(tx, now, a, MoveSite, nil)
	})
	if err != nil && moved == nil { // the site is where it was
		err = errors.Join(err, d.site.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return target.note(tx, now, a, MoveSite, err) }))
	}
	return moved, err
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
			return wrong("keep-days", "Choose 1 to %d days", maxKeepDays)
		}
		was, err := tx.KeepDays()
		if err != nil {
			return err
		}
		target.text = fromTo(language.Say("days that activity is kept¦a setting"), language.Data(fmt.Sprint(was)), language.Data(fmt.Sprint(days)))
		return tx.SetKeepDays(days)
	})
}
