package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An about is whom or what an act is done to, for the audit.
type about struct {
	reader  string
	user    uint64
	subject string      // "": the user's name
	text    string      // what was done, where the act does not say it
	typed   bool        // cards were, and whether they are somebody's is told
	added   *store.User // by the act; nil: nobody
}

// name fills in the subject.
func (ab *about) name(tx *store.Tx) (err error) {
	if ab.subject == "" && ab.user != 0 {
		ab.subject, err = tx.UserName(ab.user)
	}
	return err
}

// Bounds of what is noted of an act, in bytes.
const maxNotedSubject, maxNotedText = 128, 1024

// audit returns the entry of an act. What was typed into it, or into an address,
// is bounded here.
func (ab *about) audit(now time.Time, a Actor, act Act, outcome store.AuditOutcome, text string) *store.Audit {
	return &store.Audit{
		At: now.UnixMilli(), Admin: a.ID, Who: a.Name, Via: string(a.Via), Act: string(act), Outcome: outcome,
		Reader: ab.reader, User: ab.user, Subject: Clean(cut(ab.subject, maxNotedSubject)), Text: Clean(cut(text, maxNotedText)),
	}
}

// do carries an act out if the actor may, and notes it in the act's own
// transaction: that it was done, or why not. run may fill in more of ab before
// its transaction ends. first, if it is not nil, may refuse the act there.
func (d *Desk) do(ctx context.Context, a Actor, act Act, ab *about, first func(*store.Tx) error, run func(s *site.Site, now time.Time) error) error {
	if err := d.check(ctx, a, act, ab); err != nil {
		return err
	}
	now := d.now()
	return run(d.site.Audited(site.Audit{
		By: a.Name,
		Before: func(tx *store.Tx) error {
			if err := errors.Join(ab.name(tx), a.still(tx, act)); err != nil || first == nil {
				return err
			}
			return first(tx)
		},
		After: func(tx *store.Tx, failed error) error {
			steady, err := d.steady(tx)
			if err != nil {
				return err
			}
			if err := tx.MarkAge(steady); err != nil { // where no controller runs nobody else does
				return err
			}
			if ab.added != nil && failed == nil {
				ab.user = ab.added.ID
			}
			if err := ab.name(tx); err != nil {
				return err
			}
			switch {
			case errors.Is(failed, site.ErrPINTaken), ab.typed && errors.Is(failed, site.ErrCardTaken):
				return tx.AddAudit(ab.audit(now, a, act, store.Clash, failed.Error()))
			case errors.Is(failed, ErrNotAllowed):
				return tx.AddRefused(ab.audit(now, a, act, store.Refused, failed.Error()))
			case failed != nil:
				return tx.AddAudit(ab.audit(now, a, act, store.Failed, failed.Error()))
			}
			return tx.AddAudit(ab.audit(now, a, act, store.Done, ab.text))
		},
	}), now)
}

// still refuses an act of somebody who was signed out, or was given another
// role, after their request began.
func (a Actor) still(tx *store.Tx, act Act) error {
	if a.session == (wire.Hash{}) {
		return nil
	}
	row, err := tx.Session(a.session)
	if errors.Is(err, store.ErrNotFound) {
		return ErrSignedOut
	}
	if err != nil {
		return err
	}
	admin, err := tx.Admin(row.Admin)
	if err != nil {
		return err
	}
	a.Role = Role(admin.Role)
	return a.Refusal(act)
}

// change does what do does with an act that is a transaction of its own.
func (d *Desk) change(ctx context.Context, a Actor, act Act, ab *about, run func(tx *store.Tx, now time.Time) error) error {
	return d.do(ctx, a, act, ab, nil, func(s *site.Site, now time.Time) error {
		return s.Update(ctx, func(tx *store.Tx) error { return run(tx, now) })
	})
}

// check returns why the actor may not do an act, and notes that.
func (d *Desk) check(ctx context.Context, a Actor, act Act, ab *about) error {
	if ab.reader != "" && wire.CheckName(ab.reader) != nil { // in an address, or on a command line
		return fmt.Errorf("there is no reader %.40q: %w", ab.reader, ErrNotFound)
	}
	refusal := a.Refusal(act)
	if refusal == nil || errors.Is(refusal, ErrSignInAgain) {
		return refusal
	}
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		if err := ab.name(tx); err != nil {
			return err
		}
		return tx.AddRefused(ab.audit(d.now(), a, act, store.Refused, "this takes "+act.takes()))
	})
	return errors.Join(refusal, err)
}

// note does an act that changes nothing in the database: it is noted before,
// and how it went after.
func (d *Desk) note(ctx context.Context, a Actor, act Act, ab *about, run func() (text string, err error)) error {
	if err := d.check(ctx, a, act, ab); err != nil {
		return err
	}
	var entry *store.Audit
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		if err := errors.Join(ab.name(tx), a.still(tx, act)); err != nil {
			return err
		}
		entry = ab.audit(d.now(), a, act, store.Asked, "")
		return tx.AddAudit(entry)
	})
	if err != nil {
		return err
	}
	text, failed := run()
	outcome := store.Done
	if failed != nil {
		outcome, text = store.Failed, failed.Error()
	}
	// Whoever asked may have gone meanwhile: what came of it is noted anyway.
	err = d.site.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.SettleAudit(entry.ID, outcome, text) })
	return errors.Join(failed, err)
}

// view reads what the actor may see.
func (d *Desk) view(ctx context.Context, a Actor, act Act, read func(*store.Tx) error) error {
	if err := d.check(ctx, a, act, new(about)); err != nil {
		return err
	}
	return d.site.View(ctx, read)
}
