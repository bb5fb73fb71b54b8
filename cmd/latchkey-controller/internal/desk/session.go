package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Session is a signed-in administrator.
type Session struct {
	Actor Actor
	// For cookies, and only when the session is made: the token of the session, 32
	// random bytes in base64url, and of the browser, which outlives it.
	Token, Browser string
}

// newToken returns a token and the hash to store.
func newToken() (token string, hash wire.Hash) {
	b := make([]byte, 32)
	rand.Read(b)
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, hashToken(token)
}

func hashToken(token string) wire.Hash { return sha256.Sum256([]byte(token)) }

// begin starts a session.
func (d *Desk) begin(tx *store.Tx, admin *store.Admin, from Client) (*Session, error) {
	now, err := d.steady(tx)
	if err != nil {
		return nil, err
	}
	if from.Session != "" { // nobody could end it any more
		if err := tx.EndSession(hashToken(from.Session)); err != nil {
			return nil, err
		}
	}
	token, hash := newToken()
	err = tx.AddSession(&store.Session{
		Hash: hash, Admin: admin.ID, Began: now, Seen: now, Authenticated: now,
		Address: cut(from.Address, 64), Agent: Clean(cut(from.Agent, 256)),
	}, d.now(), maxSessionsOf)
	if err != nil {
		return nil, err
	}
	browser, hashed := from.Browser, hashToken(from.Browser)
	switch _, err := tx.Browser(hashed, admin.ID); {
	case errors.Is(err, store.ErrNotFound):
		// Somebody who signed in here before may know the current token: replace it
		// for all.
		was := hashed
		browser, hashed = newToken()
		if err := tx.RenewBrowser(was, hashed); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	if err := tx.SetBrowser(&store.Browser{Hash: hashed, Admin: admin.ID, Seen: now}, maxSessionsOf); err != nil {
		return nil, err
	}
	actor := actorOf(admin)
	actor.FreshSignIn, actor.session = true, hash
	if actor.Passkey, actor.NoPassword, err = proofs(tx, admin); err != nil {
		return nil, err
	}
	return &Session{Actor: actor, Token: token, Browser: browser}, nil
}

// Session returns the session with a token, or ErrSignedOut. active says that a
// person requested the page: one that refreshes itself does not keep a session alive.
func (d *Desk) Session(ctx context.Context, token string, active bool) (*Session, error) {
	var session *Session
	var row *store.Session
	var now clock.Steady
	err := d.site.View(ctx, func(tx *store.Tx) (err error) {
		session, row, now, err = d.open(tx, token)
		return err
	})
	// A resolution of one minute saves most writes.
	if err != nil || !active || now.Sub(row.Seen) < time.Minute {
		return session, err
	}
	row.Seen = now
	return session, d.site.Update(ctx, func(tx *store.Tx) error { return tx.TouchSession(row, d.now()) })
}

// open returns the session with a token, and the current time.
func (d *Desk) open(tx *store.Tx, token string) (*Session, *store.Session, clock.Steady, error) {
	row, err := tx.Session(hashToken(token))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, 0, ErrSignedOut
	}
	if err != nil {
		return nil, nil, 0, err
	}
	now, err := d.steady(tx)
	if err != nil {
		return nil, nil, 0, err
	}
	if now.Sub(row.Began) >= SessionEnds || now.Sub(row.Seen) >= SessionIdle {
		return nil, nil, 0, ErrSignedOut
	}
	admin, err := tx.Admin(row.Admin)
	if err != nil {
		return nil, nil, 0, err
	}
	s := &Session{Actor: actorOf(admin)}
	s.Actor.FreshSignIn, s.Actor.session = now.Sub(row.Authenticated) < FreshFor, row.Hash
	s.Actor.Passkey, s.Actor.NoPassword, err = proofs(tx, admin)
	return s, row, now, err
}

// proofs says by what an administrator may sign in again: by a passkey, or not by a password.
func proofs(tx *store.Tx, admin *store.Admin) (passkey, noPassword bool, err error) {
	n, err1 := tx.CountPasskeys(admin.ID)
	only, err2 := passkeyOnly(tx, admin)
	return n > 0, only || len(admin.Password) == 0, errors.Join(err1, err2)
}

// SignOut ends a session.
func (d *Desk) SignOut(ctx context.Context, token string) error {
	return d.site.Update(ctx, func(tx *store.Tx) error {
		session, row, _, err := d.open(tx, token)
		if errors.Is(err, ErrSignedOut) {
			return tx.EndSession(hashToken(token))
		}
		if err != nil {
			return err
		}
		return errors.Join(tx.EndSession(row.Hash), tx.AddAudit(new(auditTarget).audit(d.now(), session.Actor, actSignOut, store.Done, auditText{})))
	})
}

// SignOutElsewhere ends all other sessions of a session's administrator.
func (d *Desk) SignOutElsewhere(ctx context.Context, token string) error {
	return d.site.Update(ctx, func(tx *store.Tx) error {
		session, row, _, err := d.open(tx, token)
		if err != nil {
			return err
		}
		return errors.Join(tx.EndSessions(row.Admin, row.Hash), tx.AddAudit(new(auditTarget).audit(d.now(), session.Actor, actSignOut, store.Done, auditOf(language.Say("everywhere else¦signed out")))))
	})
}
