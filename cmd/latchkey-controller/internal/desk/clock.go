package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// untilSure is what a doubt of the controller's clock means, and what to do.
const clockAdvice = ". Nothing is deleted for its age until the clock is right again, or an Owner confirms it under Settings, or by latchkey-controller clock confirm"

// now is what the wall clock says.
func (d *Desk) now() time.Time { return d.read().Wall }

// steady is the time by which ages are counted, wherever the wall clock is put.
func (d *Desk) steady(tx *store.Tx) (clock.Steady, error) {
	m, err := tx.Clock(d.read())
	return m.Time(), err
}

// Doubt returns why the controller's clock is doubted, and what to do, without a
// full stop; "": it is not.
func (d *Desk) Doubt(ctx context.Context) (string, error) {
	doubt, err := d.site.Doubt(ctx, d.read())
	if doubt != "" {
		doubt += clockAdvice
	}
	return doubt, err
}

// ConfirmClock says that the controller's clock is right now. Nothing ages by
// that.
func (d *Desk) ConfirmClock(ctx context.Context, a Actor) error {
	target := &auditTarget{subject: d.site.Name}
	return d.act(ctx, a, ConfirmClock, target, func(tx *store.Tx, _ time.Time) error {
		read := d.read()
		m, err := tx.Clock(read)
		if err != nil {
			return err
		}
		if target.text = m.Says(read); target.text == "" {
			target.text = "there was no doubt of it"
		}
		return tx.SetClock(m.Confirmed(read))
	})
}

// Tend keeps the site's time and forgets what is old enough, every minute, until
// ctx ends. What fails is done again a minute later: most likely the disk is full,
// which is no reason for anything else to end.
func (d *Desk) Maintain(ctx context.Context) error {
	for failed := ""; ; {
		err := d.maintain(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failed = ""
		case err.Error() != failed:
			failed = err.Error()
			d.log.Error("keep the time and forget old activity", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Minute):
		}
	}
}

// tended is one turn of Tend.
func (d *Desk) maintain(ctx context.Context) error {
	doubt, err := d.site.KeepTime(ctx, d.read())
	if err != nil {
		return err
	}
	switch {
	case doubt != "" && !d.doubted:
		d.log.Warn(doubt + clockAdvice)
	case doubt == "" && d.doubted:
		d.log.Info("this machine's clock is in no doubt any more")
	}
	d.doubted = doubt != ""
	return d.Prune(ctx)
}
