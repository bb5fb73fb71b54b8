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
type auditTarget struct {
	reader  string
	user    uint64
	subject string // "": the user's name
	text    string // what was done, where the act does not say it
	typed   bool   // cards were, and whether they are somebody's is told
}

// name fills in the subject.
func (target *auditTarget) name(tx *store.Tx) (err error) {
	if target.subject == "" && target.user != 0 {
		target.subject, err = tx.UserName(target.user)
	}
	return err
}

// Bounds of what is noted of an act, in bytes.
const maxNotedSubject, maxNotedText = 128, 1024

// audit returns the entry of an act. What was typed into it, or into an address,
// is bounded here.
func (target *auditTarget) audit(now time.Time, a Actor, act Act, outcome store.AuditOutcome, text string) *store.Audit {
	return &store.Audit{
		At: now.UnixMilli(), Admin: a.ID, Who: a.Name, Via: string(a.Via), Act: string(act), Outcome: outcome,
		Reader: target.reader, User: target.user, Subject: Clean(cut(target.subject, maxNotedSubject)), Text: Clean(cut(text, maxNotedText)),
	}
}

// act carries an act out in one transaction: it checks that the actor may, runs it,
// and notes that it was done, or why not. If it fails nothing else is kept of it; if
// it cannot be noted it has not happened, and nothing of it is told. run may fill in
// more of ab.
func (d *Desk) act(ctx context.Context, a Actor, act Act, target *auditTarget, run func(tx *store.Tx, now time.Time) error) error {
	if err := target.check(); err != nil {
		return err
	}
	if err := a.Refusal(act); errors.Is(err, ErrSignInAgain) { // it is asked for, not refused, and that takes no disk
		return err
	}
	now := d.now()
	var failed error
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		failed = tx.Try(func() error {
			if err := errors.Join(target.name(tx), a.recheck(tx, act)); err != nil {
				return err
			}
			return run(tx, now)
		})
		if errors.Is(failed, ErrSignInAgain) { // this is asked for, not refused
			return nil
		}
		steady, err := d.steady(tx)
		if err != nil {
			return err
		}
		if err := errors.Join(tx.MarkAge(steady), target.name(tx)); err != nil { // where no controller runs nobody else marks it
			return err
		}
		return target.note(tx, now, a, act, failed)
	})
	if err != nil { // nothing is noted, so nothing is told
		return err
	}
	return failed
}

// note notes that an act was done, or why not.
func (target *auditTarget) note(tx *store.Tx, now time.Time, a Actor, act Act, failed error) error {
	switch {
	case failed == nil:
		return tx.AddAudit(target.audit(now, a, act, store.Done, target.text))
	case errors.Is(failed, ErrNotAllowed):
		return tx.AddRefused(target.audit(now, a, act, store.Refused, act.requirement()))
	case errors.Is(failed, site.ErrPINTaken), target.typed && errors.Is(failed, site.ErrCardTaken):
		return tx.AddAudit(target.audit(now, a, act, store.Clash, failed.Error()))
	}
	return tx.AddAudit(target.audit(now, a, act, store.Failed, failed.Error()))
}

// check refuses a reader's id that is none: it may come from an address, or from a
// command line.
func (target *auditTarget) check() error {
	if target.reader != "" && wire.CheckName(target.reader) != nil {
		return fmt.Errorf("there is no reader %.40q: %w", target.reader, ErrNotFound)
	}
	return nil
}

// still returns why an actor may not do an act, by what the database says of their
// session and their role now.
func (a Actor) recheck(tx *store.Tx, act Act) error {
	if a.session != (wire.Hash{}) {
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
	}
	return a.Refusal(act)
}

// check returns why the actor may not do an act, and notes that. It comes before
// what is shown, and before what an act needs to have made for it.
func (d *Desk) check(ctx context.Context, a Actor, act Act, target *auditTarget) error {
	if err := target.check(); err != nil {
		return err
	}
	refusal := a.Refusal(act)
	if refusal == nil || errors.Is(refusal, ErrSignInAgain) {
		return refusal
	}
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(target.name(tx), target.note(tx, d.now(), a, act, refusal))
	})
	return errors.Join(refusal, err)
}

// actOutside carries out an act that changes nothing in the database: it is noted
// before, and how it went after.
func (d *Desk) actOutside(ctx context.Context, a Actor, act Act, target *auditTarget, run func() (text string, err error)) error {
	if err := d.check(ctx, a, act, target); err != nil {
		return err
	}
	var entry *store.Audit
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		if err := errors.Join(target.name(tx), a.recheck(tx, act)); err != nil {
			return err
		}
		entry = target.audit(d.now(), a, act, store.Asked, "")
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
	if err := d.check(ctx, a, act, new(auditTarget)); err != nil {
		return err
	}
	return d.site.View(ctx, read)
}
