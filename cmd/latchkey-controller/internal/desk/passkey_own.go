package desk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// maxPasskeys bounds an administrator's passkeys.
const maxPasskeys = 20

// A Passkey is one of an administrator's.
type Passkey struct {
	ID      int64
	Name    string
	Synced  bool // it is on other devices, too
	Created time.Time
	Used    time.Time // zero: never
}

// Passkeys returns the passkeys of a session's administrator, the oldest first, and why
// none work here; nil: they do.
func (d *Desk) Passkeys(ctx context.Context, token string) (all []*Passkey, unusable, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		user, _, err := d.ownPasskeys(tx, token)
		if err != nil {
			return err
		}
		for _, key := range user.keys {
			all = append(all, &Passkey{key.ID, key.Name, key.BackedUp, moment(key.Created), moment(key.Used)})
		}
		unusable = d.passkeys.usable(tx)
		return nil
	})
	return all, unusable, err
}

// actOnSelf runs what a session's administrator does to their own account, in one
// transaction with its audit entry. If run fails, nothing is kept.
func (d *Desk) actOnSelf(ctx context.Context, token string, act Act, target *auditTarget, run func(tx *store.Tx, user *passkeyUser, session wire.Hash) error) error {
	return d.site.Update(ctx, func(tx *store.Tx) error {
		session, row, _, err := d.open(tx, token)
		if err != nil {
			return err
		}
		if rules[act].fresh && !session.Actor.FreshSignIn {
			return ErrSignInAgain
		}
		user, _, err := d.ownPasskeys(tx, token)
		if err != nil {
			return err
		}
		if err := run(tx, user, row.Hash); err != nil {
			return err
		}
		return tx.AddAudit(target.audit(d.now(), session.Actor, act, store.Done, auditOf(target.text)))
	})
}

// NewPasskey returns what a browser needs to make a passkey for a session's administrator.
// It is JSON, PublicKeyCredentialCreationOptionsJSON. The error is ErrSignInAgain if the
// sign-in is not fresh: AddPasskey would refuse what the browser makes.
func (d *Desk) NewPasskey(ctx context.Context, token string) (options []byte, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		if err := d.passkeys.usable(tx); err != nil {
			return err
		}
		session, _, now, err := d.open(tx, token)
		if err != nil {
			return err
		}
		if session.Actor.Provider {
			return ErrNotFound
		}
		if !session.Actor.FreshSignIn {
			return ErrSignInAgain
		}
		user, hash, err := d.ownPasskeys(tx, token)
		if err != nil {
			return err
		}
		made, _, err := d.passkeys.check.BeginRegistration(user, webauthn.WithExclusions(user.descriptors()))
		if err != nil {
			return err
		}
		made.Response.Challenge = d.passkeys.challenge(now, challengeAdd, hash)
		options, err = json.Marshal(made.Response)
		return err
	})
	return options, err
}

// AddPasskey adds the passkey that a browser made after NewPasskey. Fields: "name", "" if
// it cannot be taken.
func (d *Desk) AddPasskey(ctx context.Context, token, name string, answer []byte) error {
	name = TidyName(name)
	target := &auditTarget{subject: name}
	return d.actOnSelf(ctx, token, actAddPasskey, target, func(tx *store.Tx, user *passkeyUser, session wire.Hash) error {
		if err := checkAdminName(name); err != nil {
			return err
		}
		if user.admin.Issuer != "" { // it would outlive their account there
			return wrongField("", ErrAtProvider)
		}
		if err := d.passkeys.usable(tx); err != nil {
			return wrongField("", err)
		}
		if len(user.keys) >= maxPasskeys {
			return wrong("", "You have %d passkeys; remove one first", maxPasskeys)
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		key, err := d.passkeys.made(now, user, session, answer)
		if err != nil {
			return err
		}
		key.Admin, key.Name, key.Created = user.admin.ID, name, d.now().Unix()
		if err := tx.AddPasskey(key); errors.Is(err, store.ErrNameTaken) {
			return wrong("", "This passkey was added before: it is in the list below")
		} else if err != nil {
			return err
		}
		s, err := tx.SignIn()
		if err != nil || s.Host == d.passkeys.host {
			return err
		}
		s.Host = d.passkeys.host // there was no other passkey
		return tx.SetSignIn(s)
	})
}

// made returns the passkey in what a browser answered to NewPasskey. Field: "".
func (p *passkeys) made(now clock.Steady, user *passkeyUser, session wire.Hash, answer []byte) (*store.Passkey, error) {
	failed := wrong("", "Your browser made no passkey that can be used here, or took too long; try again")
	if len(answer) > maxPasskeyAnswer {
		return nil, failed
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, failed
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	if !p.own(now, challenge, challengeAdd, session) {
		return nil, wrong("", "This was begun at another controller, or too long ago; begin again")
	}
	c, err := p.check.CreateCredential(user, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: p.host, UserID: user.id, UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault(),
	}, parsed)
	if err != nil || !p.use(now, challenge) {
		return nil, failed
	}
	key := &store.Passkey{
		Credential: c.ID, Key: c.PublicKey, Count: c.Authenticator.SignCount, AAGUID: append([]byte{}, c.Authenticator.AAGUID...),
		Eligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState,
	}
	for _, t := range c.Transport {
		if text := string(t); len(key.Transports) < 8 && len(text) <= 16 && wire.CheckName(text) == nil {
			key.Transports = append(key.Transports, text)
		}
	}
	return key, nil
}

// ownPasskey runs an act on one passkey of a session's administrator, which becomes the
// subject. The error is ErrNotFound if it is not theirs.
func (d *Desk) ownPasskey(ctx context.Context, token string, act Act, id int64, target *auditTarget, run func(*store.Tx, *store.Admin) error) error {
	return d.actOnSelf(ctx, token, act, target, func(tx *store.Tx, user *passkeyUser, _ wire.Hash) error {
		at := slices.IndexFunc(user.keys, func(key *store.Passkey) bool { return key.ID == id })
		if at < 0 {
			return ErrNotFound
		}
		target.subject = user.keys[at].Name
		return run(tx, user.admin)
	})
}

// RenamePasskey gives a passkey of a session's administrator another name. Field: "name".
func (d *Desk) RenamePasskey(ctx context.Context, token string, id int64, name string) error {
	name = TidyName(name)
	return d.ownPasskey(ctx, token, actRenamePasskey, id, &auditTarget{text: language.Say("to %s¦a new name", name)}, func(tx *store.Tx, _ *store.Admin) error {
		if err := checkAdminName(name); err != nil {
			return err
		}
		return tx.RenamePasskey(id, name)
	})
}

// RemovePasskey removes a passkey of a session's administrator, unless it is their last
// way in. Field: "".
func (d *Desk) RemovePasskey(ctx context.Context, token string, id int64) error {
	return d.ownPasskey(ctx, token, actRemovePasskey, id, new(auditTarget), func(tx *store.Tx, admin *store.Admin) error {
		if err := tx.RemovePasskey(id); err != nil {
			return err
		}
		can, err := canSignIn(tx, admin)
		if err == nil && !can {
			err = wrong("", "Without this passkey you could not sign in any more; add another one first")
		}
		return err
	})
}

// canSignIn says whether an administrator has what it takes to sign in, without a new link.
func canSignIn(tx *store.Tx, admin *store.Admin) (bool, error) {
	n, err := tx.CountPasskeys(admin.ID)
	if err != nil || n > 0 {
		return n > 0, err
	}
	only, err := passkeyOnly(tx, admin)
	return len(admin.Password) > 0 && !only, err
}

// passkeyOnly says whether an administrator's role needs a passkey to sign in.
func passkeyOnly(tx *store.Tx, admin *store.Admin) (bool, error) {
	s, err := tx.SignIn()
	return err == nil && slices.Contains(s.PasskeyRoles, admin.Role), err
}

// SignInRules say how administrators sign in.
type SignInRules struct {
	PasskeyRoles []Role // that need a passkey
	Host         string // for which the passkeys are; "": there has been none
	Revision     int64
}

// SignInRules returns how administrators sign in.
func (d *Desk) SignInRules(ctx context.Context, a Actor) (rules *SignInRules, err error) {
	err = d.view(ctx, a, ViewSignIn, func(tx *store.Tx) error {
		s, err := tx.SignIn()
		rules = &SignInRules{Host: s.Host, Revision: s.Revision}
		for _, role := range s.PasskeyRoles {
			rules.PasskeyRoles = append(rules.PasskeyRoles, Role(role))
		}
		return err
	})
	return rules, err
}

// SetPasskeyRoles sets which roles sign in with a passkey only. The actor needs one
// themself, at the command line any Owner does. was is the revision that was edited.
// Fields: "roles", "rules" if they were changed meanwhile.
func (d *Desk) SetPasskeyRoles(ctx context.Context, a Actor, was int64, roles []Role) error {
	target := &auditTarget{subject: d.site.Name, text: language.Say("passkeys are needed by nobody")}
	return d.act(ctx, a, EditSignIn, target, func(tx *store.Tx, _ time.Time) error {
		s, err := tx.SignIn()
		if err != nil {
			return err
		}
		if was != s.Revision {
			return wrong("rules", "How administrators sign in was changed meanwhile")
		}
		s.PasskeyRoles = nil
		var titles language.Series
		for _, role := range Roles() {
			if slices.Contains(roles, role) {
				s.PasskeyRoles = append(s.PasskeyRoles, string(role))
				titles = append(titles, role.Title())
			}
		}
		if len(titles) > 0 {
			target.text = language.Say("passkeys are needed by %s¦roles", titles)
		}
		if slices.ContainsFunc(roles, func(r Role) bool { return !slices.Contains(Roles(), r) }) {
			return wrong("roles", "There is no such role: choose some of those that are listed")
		}
		if len(roles) > 0 {
			if err := d.hasPasskey(tx, a); err != nil {
				return err
			}
		}
		s.Revision++
		return tx.SetSignIn(s)
	})
}

// hasPasskey refuses to demand passkeys where the one who asks for it could not use one.
// Field: "roles".
func (d *Desk) hasPasskey(tx *store.Tx, a Actor) error {
	if err := d.passkeys.usable(tx); err != nil && a.Via != CommandLine { // there is no console at the command line
		return wrongField("roles", err)
	}
	admins, err := tx.Admins()
	if err != nil {
		return err
	}
	for _, admin := range admins {
		n, err := tx.CountPasskeys(admin.ID)
		if err != nil {
			return err
		}
		if n > 0 && Role(admin.Role) == Owner && (admin.ID == a.ID || a.Via == CommandLine) {
			return nil
		}
	}
	if a.Via == CommandLine {
		return wrong("roles", "No Owner has a passkey yet: one of them has to add it in the console first, under Your account")
	}
	return wrong("roles", "You have no passkey yourself: first add one under Your account")
}
