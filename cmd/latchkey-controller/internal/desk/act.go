package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An auditTarget is what an act is done to, for the audit.
type auditTarget struct {
	reader  string
	user    uint64
	subject string             // "": use the user's name
	text    *language.Sentence // details of what was done; nil: none
	same    bool               // nothing was changed: there is no entry
	typed   bool               // card UIDs were typed: a clash reveals one that is assigned

	orders map[string]wire.CommandID // that the act gives, by reader
	event  int64                     // of the act, in the activity; 0: it is not known yet
	partOf int64                     // the event of which this act is a part; 0: it stands by itself

	// Besides reader and user, what has to be in the actor's reach. run may add to them.
	view   bool     // the act shows only what the actor sees: nothing has to be
	at     []Where  // also hubs
	groups []string // whose members, name or existence it changes

	newcomers bool // it adds users or visitors: what everyone opens has to be, too
}

// order gives the order that the act is to give to a reader its id.
func (target *auditTarget) order(reader string) {
	var id wire.CommandID
	rand.Read(id[:])
	if target.orders == nil {
		target.orders = map[string]wire.CommandID{}
	}
	target.orders[reader] = id
}

// name fills in the subject from the user, if it is empty.
func (target *auditTarget) name(tx *store.Tx) (err error) {
	if target.subject == "" && target.user != 0 {
		target.subject, err = tx.UserName(target.user)
	}
	return err
}

// Limits of the texts in an audit entry, in bytes.
const maxAuditSubject, maxAuditText = 128, 1024

// audit returns the audit entry of an act, with its texts cut to their limits: they
// may have been typed, or come from a URL.
func (target *auditTarget) audit(now time.Time, a Actor, act Act, outcome store.AuditOutcome, text auditText) *store.Audit {
	entry := &store.Audit{
		At: now.UnixMilli(), Admin: a.ID, Who: a.Name, Via: string(a.Via), Act: string(act), Outcome: outcome,
		Reader: target.reader, User: target.user, Subject: Clean(cut(target.subject, maxAuditSubject)), Text: Clean(cut(text.english, maxAuditText)),
	}
	if entry.Text == text.english {
		entry.Said = text.said
	}
	return entry
}

// act runs an act in one transaction: it checks the actor's right, calls run, and
// adds an audit entry with the outcome. If run fails, only the audit entry is kept;
// if that cannot be added, nothing is. run may fill in more of target. All of target must be
// in the actor's reach, before run and after it.
func (d *Desk) act(ctx context.Context, a Actor, act Act, target *auditTarget, run func(tx *store.Tx, now time.Time) error) error {
	return d.together(ctx, a, deed{act, target, run})
}

// A deed is an act with what it is done to, and what does it.
type deed struct {
	act    Act
	target *auditTarget
	run    func(tx *store.Tx, now time.Time) error
}

// errPrepareAgain leaves an act undone and without an audit entry: what it relied on has changed, and
// whoever made it tries again.
var errPrepareAgain = errors.New("what was prepared is outdated")

// together runs several acts in one transaction, like act. Each has an audit entry. If one
// fails, none is done, and only that one has.
func (d *Desk) together(ctx context.Context, a Actor, all ...deed) error {
	for _, one := range all {
		if err := one.target.check(); err != nil {
			return err
		}
		if err := a.Refusal(one.act); errors.Is(err, ErrSignInAgain) { // not a refusal, so not audited
			return err
		}
	}
	now := d.now()
	var failed error
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		done := all
		failed = tx.Try(func() error {
			for i, one := range all {
				if err := one.do(tx, a, now); err != nil {
					done = all[i : i+1]
					return err
				}
			}
			return nil
		})
		if errors.Is(failed, ErrSignInAgain) || errors.Is(failed, errPrepareAgain) {
			return nil
		}
		steady, err := d.steady(tx)
		if err != nil {
			return err
		}
		if err := tx.MarkAge(steady); err != nil { // no controller may be running to mark it
			return err
		}
		for _, one := range done {
			if err := errors.Join(one.target.name(tx), one.target.note(tx, now, a, one.act, failed)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // no audit entry, so nothing happened
		return err
	}
	return failed
}

// do does it if it is allowed.
func (one deed) do(tx *store.Tx, a Actor, now time.Time) error {
	if err := errors.Join(one.target.name(tx), a.recheck(tx, one.act)); err != nil {
		return err
	}
	r, err := a.reach(tx)
	if err := errors.Join(err, a.reaches(tx, one.act, one.target)); err != nil {
		return err
	}
	one.target.event, err = tx.Deed(func() error { return one.run(tx, now) })
	if err != nil || r.all { // they may have ended their own session
		return err
	}
	return a.reaches(tx, one.act, one.target)
}

// note adds the audit entry of an act that succeeded, or failed with an error. What was only mistyped is none: whoever
// typed it is told, and nothing was refused for a right, a limit, a password, or what the site holds.
func (target *auditTarget) note(tx *store.Tx, now time.Time, a Actor, act Act, failed error) error {
	switch {
	case failed == nil && target.same:
		return nil
	case failed == nil:
		entry := target.audit(now, a, act, store.Done, auditOf(target.text))
		entry.Event, entry.PartOf = target.event, target.partOf
		return tx.AddAudit(entry)
	case isMistyped(failed):
		return nil
	case errors.Is(failed, ErrNotAllowed):
		text := auditWhy(failed)
		if a.Refusal(act) != nil { // otherwise it is another right that they lack
			text = auditOf(a.requirement(act))
		}
		return tx.AddRefused(target.audit(now, a, act, store.Refused, text))
	case a.Via == API && errors.As(failed, new(*site.RefusedPIN)): // tokens see it: as one that is taken
		return tx.AddAudit(target.audit(now, a, act, store.Clash, auditWhy(site.ErrPINTaken)))
	case errors.Is(failed, site.ErrPINTaken), target.typed && errors.Is(failed, site.ErrCardTaken):
		return tx.AddAudit(target.audit(now, a, act, store.Clash, auditWhy(failed)))
	}
	return tx.AddAudit(target.audit(now, a, act, store.Failed, auditWhy(failed)))
}

// check refuses an invalid reader id, which may come from a URL or a command line.
func (target *auditTarget) check() error {
	if target.reader != "" && wire.CheckName(target.reader) != nil {
		return fmt.Errorf("there is no reader %.40q: %w", target.reader, ErrNotFound)
	}
	return nil
}

// recheck returns why an actor may not do an act, by the session or token, and the role, in
// the database.
func (a Actor) recheck(tx *store.Tx, act Act) error {
	if id := a.token(); id != 0 {
		row, err := tx.Token(id)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNoToken
		}
		if err != nil {
			return err
		}
		a.Role, a.limited = tokenRole(row), tokenLimited(row)
	}
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
		a.Role, a.limited = Role(admin.Role), limited(admin)
	}
	return a.Refusal(act)
}

// check returns why the actor may not do an act, and audits a refusal. Call it before
// showing anything and before preparing an act.
func (d *Desk) check(ctx context.Context, a Actor, act Act, target *auditTarget) error {
	if err := target.check(); err != nil {
		return err
	}
	refusal := a.Refusal(act)
	if refusal == nil {
		refusal = d.site.View(ctx, func(tx *store.Tx) error { return a.reaches(tx, act, target) })
		if !errors.Is(refusal, ErrNotAllowed) {
			return refusal
		}
	}
	if errors.Is(refusal, ErrSignInAgain) {
		return refusal
	}
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(target.name(tx), target.note(tx, d.now(), a, act, refusal))
	})
	return errors.Join(refusal, err)
}

// actOutside runs an act outside a transaction. It adds the audit entry before, as
// Asked, and its outcome after.
func (d *Desk) actOutside(ctx context.Context, a Actor, act Act, target *auditTarget, run func() (text *language.Sentence, err error)) error {
	entry, err := d.ask(ctx, a, act, target)
	if err != nil {
		return err
	}
	text, failed := run()
	return d.settle(ctx, entry, text, failed)
}

// startWithin is how long after it was asked for what a reader does is given to it: later, whoever
// asked takes it as not done, and may have gone from the door.
const startWithin = 4 * time.Second

// actAtReader is actOutside for what a reader does. What run does before the reader is asked it
// does with the context that it gets, which ends when that is too late.
func (d *Desk) actAtReader(ctx context.Context, a Actor, act Act, target *auditTarget, run func(starting context.Context) (text *language.Sentence, err error)) error {
	starting, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if target.orders == nil {
		target.order(target.reader)
	}
	late := func(err error) error {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return &UnavailableError{Reason: language.Say("the database did not answer within %d s, so the reader was not asked for anything; nothing was done. Try again", int(startWithin.Seconds()))}
		}
		return err
	}
	entry, err := d.ask(starting, a, act, target)
	if err != nil {
		return late(err)
	}
	text, failed := run(starting)
	return d.settle(ctx, entry, text, late(failed))
}

// ask adds the audit entry of an act that is done next, outside a transaction.
func (d *Desk) ask(ctx context.Context, a Actor, act Act, target *auditTarget) (*store.Audit, error) {
	if err := d.check(ctx, a, act, target); err != nil {
		return nil, err
	}
	var entry *store.Audit
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		if err := errors.Join(target.name(tx), a.recheck(tx, act)); err != nil {
			return err
		}
		if err := a.reaches(tx, act, target); err != nil {
			return err
		}
		entry = target.audit(d.now(), a, act, store.Asked, auditText{})
		if err := tx.AddAudit(entry); err != nil {
			return err
		}
		target.event = entry.Event
		return tx.AddActOrders(entry.Event, target.orders)
	})
	return entry, err
}

// settle adds to the audit entry what came of the act, also if the client has gone.
func (d *Desk) settle(ctx context.Context, entry *store.Audit, done *language.Sentence, failed error) error {
	outcome, text := store.Done, auditOf(done)
	switch {
	case errors.Is(failed, ErrNotAllowed):
		outcome, text = store.Refused, auditWhy(failed)
	case failed != nil:
		outcome, text = store.Failed, auditWhy(failed)
	}
	err := d.site.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.SettleAudit(entry.ID, outcome, text.english, text.said) })
	return errors.Join(failed, err)
}

// view runs read in a read-only transaction if the actor may do act.
func (d *Desk) view(ctx context.Context, a Actor, act Act, read func(*store.Tx) error) error {
	if err := d.check(ctx, a, act, new(auditTarget)); err != nil {
		return err
	}
	return d.site.View(ctx, read)
}
