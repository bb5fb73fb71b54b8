package desk

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// Limits of sessions and passwords.
const (
	SessionIdle     = 30 * time.Minute     // since a person last requested a page
	SessionEnds     = 12 * time.Hour       // after signing in
	FreshFor        = 5 * time.Minute      // since the password was entered
	OneTimeLinkEnds = 24 * time.Hour       // of a one-time link
	BrowserEnds     = 180 * 24 * time.Hour // a browser stays known after a sign-in
	MinPassword     = 10                   // characters
	maxPassword     = 256                  // bytes
	maxSessionsOf   = 20                   // per administrator; a new one ends the oldest
)

// Errors of signing in.
var (
	// ErrSignedOut: the session does not exist, or has ended.
	ErrSignedOut = language.Say("you are signed out; sign in again")
	// ErrWrongSignIn does not say which of the two was wrong.
	ErrWrongSignIn = language.Say("name or password is wrong")
	// ErrBusy: too many clients are waiting for their password to be checked.
	ErrBusy = language.Say("too many people are signing in right now; try again in a moment")
	// ErrLinkUsed: the one-time link is unknown, used, replaced or expired.
	ErrLinkUsed = language.Say("this link was already used or has expired; ask an Owner for a new one, or run latchkey-controller console-link on the controller's machine")
)

// A TooSoonError says that no password is checked yet.
type TooSoonError struct{ Wait time.Duration }

func (e *TooSoonError) Error() string { return e.Said().String() }

// Said returns the sentence.
func (e *TooSoonError) Said() *language.Sentence {
	return language.Say("too many wrong passwords; try again in %s", waitText(e.Wait))
}

// A Client is the origin of a sign-in.
type Client struct {
	Address string // without the port
	Agent   string // the browser, as it names itself
	Browser string // token from an earlier sign-in; "": none
	Session string // token of its current session; "": none
}

const (
	unknownAccount = "Somebody unknown" // the typed name may be a password
)

// actorOf returns an administrator as an actor in the console.
func actorOf(admin *store.Admin) Actor {
	return Actor{ID: admin.ID, Name: admin.Name, Role: Role(admin.Role), Provider: admin.Issuer != "", Via: Console, limited: limited(admin)}
}

// SignIn checks a name and a password, which it wipes. The error is ErrWrongSignIn,
// ErrPasskeyOnly, ErrBusy, or a *TooSoonError if no password is checked yet.
func (d *Desk) SignIn(ctx context.Context, name string, password []byte, from Client) (*Session, error) {
	defer clear(password)
	name = cut(name, maxPassword)
	throttles, known, err := d.throttles(ctx, name, from)
	if err != nil {
		return nil, err
	}
	if !known { // a known browser has its own throttle and skips the queue
		select {
		case d.unknownClients <- struct{}{}:
			defer func() { <-d.unknownClients }()
		default:
			return nil, ErrBusy
		}
	}
	admin, err := d.authenticate(ctx, name, password, from, throttles...)
	if err != nil {
		return nil, err
	}
	var session *Session
	only := false
	err = d.site.Update(ctx, func(tx *store.Tx) error {
		admin, err := unchanged(tx, admin)
		if err != nil {
			return err
		}
		if only, err = passkeyOnly(tx, admin); err != nil {
			return err
		}
		if only {
			return tx.AddRefused(new(auditTarget).audit(d.now(), actorOf(admin), actSignIn, store.Refused, auditOf(language.Say("with a password, where a passkey is needed, from %s¦an address", from.Address))))
		}
		session, err = d.begin(tx, admin, from)
		if err != nil {
			return err
		}
		return tx.AddAudit(new(auditTarget).audit(d.now(), session.Actor, actSignIn, store.Done, auditOf(language.Say("from %s¦an address", from.Address))))
	})
	if err == nil && only {
		err = ErrPasskeyOnly
	}
	return session, err
}

// unchanged returns an administrator's current row, or ErrWrongSignIn if their
// password changed, or all their sessions were ended, since before was read.
func unchanged(tx *store.Tx, before *store.Admin) (*store.Admin, error) {
	admin, err := tx.Admin(before.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && admin.Generation != before.Generation {
		return nil, ErrWrongSignIn
	}
	return admin, err
}

// authenticate returns the administrator with a name and password. It charges the
// attempt to throttles before it checks the password, and refunds it if the password
// is right.
func (d *Desk) authenticate(ctx context.Context, name string, password []byte, from Client, throttles ...throttle) (*store.Admin, error) {
	var admin *store.Admin
	var refused error
	err := d.site.Update(ctx, func(tx *store.Tx) (err error) {
		admin, err = tx.AdminNamed(name)
		if errors.Is(err, store.ErrNotFound) {
			admin, err = nil, nil
		}
		if err != nil {
			return err
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		refused, err = charge(tx, now, throttles)
		return err
	})
	if err = errors.Join(refused, err); err != nil {
		return nil, err
	}
	right := false
	if len(password) <= maxPassword {
		if right, err = d.isPassword(ctx, admin, password); err != nil {
			return nil, err
		}
	}
	err = d.site.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if right {
			return refund(tx, throttles)
		}
		who := Actor{Name: unknownAccount, Via: Console}
		if admin != nil {
			who = actorOf(admin)
		}
		return tx.AddRefused(new(auditTarget).audit(d.now(), who, actSignIn, store.Refused, auditOf(language.Say("wrong password, from %s¦an address", from.Address))))
	})
	switch {
	case err != nil:
		return nil, err
	case !right:
		return nil, ErrWrongSignIn
	}
	return admin, nil
}

// SignInAgain checks the password of a session's administrator again, wipes it, and
// makes the sign-in fresh. The errors are SignIn's, and ErrSignedOut.
func (d *Desk) SignInAgain(ctx context.Context, token string, password []byte, from Client) error {
	defer clear(password)
	session, err := d.Session(ctx, token, true)
	if err != nil {
		return err
	}
	admin, err := d.authenticate(ctx, session.Actor.Name, password, from, forSession(token))
	if err != nil {
		return err
	}
	return d.site.Update(ctx, func(tx *store.Tx) error {
		_, row, now, err := d.open(tx, token)
		if err != nil {
			return err
		}
		if _, err := unchanged(tx, admin); err != nil {
			return err
		}
		if only, err := passkeyOnly(tx, admin); err != nil || only {
			return errors.Join(err, ErrPasskeyOnly)
		}
		row.Seen, row.Authenticated = now, now
		return tx.TouchSession(row, d.now())
	})
}

// ChangePassword changes the password of a session's administrator, wipes both, and
// ends their other sessions. Fields: "old", "new".
func (d *Desk) ChangePassword(ctx context.Context, token string, old, new []byte, from Client) error {
	defer clear(old)
	defer clear(new)
	session, err := d.Session(ctx, token, true)
	if err != nil {
		return err
	}
	if err := checkNewPassword("new", session.Actor.Name, new); err != nil {
		return err
	}
	admin, err := d.authenticate(ctx, session.Actor.Name, old, from, forSession(token))
	if errors.Is(err, ErrWrongSignIn) {
		return wrong("old", "This is not your password: type it again")
	}
	if err != nil {
		return err
	}
	check, err := d.newPassword(ctx, new)
	if err != nil {
		return err
	}
	return d.site.Update(ctx, func(tx *store.Tx) error {
		if _, _, _, err := d.open(tx, token); err != nil {
			return err
		}
		id := session.Actor.ID
		if _, err := unchanged(tx, admin); err != nil {
			return err
		}
		return errors.Join(
			tx.SetPassword(id, d.site.Seal(sealedPassword, id, check)),
			tx.EndSessions(id, hashToken(token)),
			tx.ForgetBrowsers(id, hashToken(from.Browser)),
			tx.AddAudit((&auditTarget{subject: session.Actor.Name}).audit(d.now(), session.Actor, actPassword, store.Done, auditText{})),
		)
	})
}
