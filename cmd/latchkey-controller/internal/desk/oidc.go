package desk

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Provider is where administrators sign in (OpenID Connect). Fields in errors: "issuer",
// "client", "oidc-secret", "claim", "mapping".
type Provider struct {
	Issuer string
	Client string
	Claim  string          // that says the role
	Roles  map[string]Role // by its values
	Owners bool            // it may make Owners
	Inside bool            // its host may be inside the network

	Secret   bool  // is set
	Revision int64 // how often it was changed; 0: there is none
}

// Host returns the name of the provider's host.
func (p *Provider) Host() string {
	u, err := url.Parse(p.Issuer)
	if err != nil {
		return p.Issuer
	}
	return u.Hostname()
}

func provider(o *store.OIDC) *Provider {
	p := &Provider{o.Issuer, o.Client, o.Claim, map[string]Role{}, o.Owners, o.Inside, len(o.Secret) > 0, o.Revision}
	for value, role := range o.Roles {
		p.Roles[value] = Role(role)
	}
	return p
}

// Provider returns where administrators sign in: an empty one if nowhere else.
func (d *Desk) Provider(ctx context.Context, a Actor) (p *Provider, err error) {
	err = d.view(ctx, a, ViewSignIn, func(tx *store.Tx) error {
		o, err := tx.OIDC()
		if errors.Is(err, store.ErrNotFound) {
			p = &Provider{Claim: "groups", Roles: map[string]Role{}}
			return nil
		}
		p = provider(o)
		return err
	})
	return p, err
}

// ProviderHost returns the host at which administrators may sign in; "": only here.
func (d *Desk) ProviderHost(ctx context.Context) (host string, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		o, err := tx.OIDC()
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		host = provider(o).Host()
		return err
	})
	return host, err
}

// Limits of a provider's settings.
const (
	maxOIDCText   = 512 // bytes
	maxOIDCSecret = 1024
	maxMapping    = 100 // values
)

// row returns the settings as they are stored, or the errors in their fields.
func (p *Provider) row() (*store.OIDC, FieldErrors) {
	var wrongs FieldErrors
	o := &store.OIDC{Issuer: strings.TrimSpace(p.Issuer), Client: strings.TrimSpace(p.Client), Claim: strings.TrimSpace(p.Claim), Roles: map[string]string{}, Owners: p.Owners, Inside: p.Inside}
	u, err := url.Parse(o.Issuer)
	if err == nil && u.Scheme == "http" {
		wrongs.add(wrong("issuer", "The issuer's address must begin with https://: without it, anybody on the way can sign in as anybody"))
	} else if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(o.Issuer) > maxOIDCText {
		wrongs.add(wrong("issuer", "Enter the issuer's address as the provider says it, like https://login.example.com/realm"))
	}
	unusable := func(text string) bool { return text == "" || len(text) > maxOIDCText || Clean(text) != text }
	if unusable(o.Client) {
		wrongs.add(wrong("client", "Enter the client's id as the provider has it, at most %d bytes", maxOIDCText))
	}
	if unusable(o.Claim) {
		wrongs.add(wrong("claim", "Enter the claim that says the role as the provider has it, at most %d bytes", maxOIDCText))
	}
	switch {
	case len(p.Roles) == 0:
		wrongs.add(wrong("mapping", "Write which value gives which role, like door-admins = super-admin"))
	case len(p.Roles) > maxMapping:
		wrongs.add(wrong("mapping", "At most %d values can give a role: remove some", maxMapping))
	}
	for _, value := range slices.Sorted(maps.Keys(p.Roles)) {
		role := p.Roles[value]
		switch {
		case unusable(value):
			wrongs.add(wrong("mapping", "%s cannot be the value of a claim: write it as the provider sends it", language.Quoted(value, 40)))
		case !slices.Contains(Roles(), role):
			wrongs.add(wrong("mapping", "%s is not a role: choose owner, super-admin, limited-edit or limited-view", language.Quoted(string(role), 40)))
		case role == Owner && !p.Owners:
			wrongs.add(wrong("mapping", "The value %s would make Owners: allow that, or choose another role", language.Quoted(value, 40)))
		}
		o.Roles[value] = string(role)
	}
	return o, wrongs
}

// SetProvider sets where administrators may sign in, and signs out all who did so. was is
// the Revision of the settings that were edited. secret is the one of the client, which it
// wipes; empty keeps the one there is, for the same issuer and client. Fields: those of
// Provider, and "provider" if it was changed meanwhile.
func (d *Desk) SetProvider(ctx context.Context, a Actor, was int64, p *Provider, secret []byte) error {
	defer clear(secret)
	target := &auditTarget{subject: d.site.Name, text: language.Say("at %s¦a provider", strings.TrimSpace(p.Issuer))}
	return d.act(ctx, a, EditSignIn, target, func(tx *store.Tx, _ time.Time) error {
		before, err := tx.OIDC()
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if was != before.Revision {
			return wrong("provider", "The provider was changed meanwhile")
		}
		o, wrongs := p.row()
		switch {
		case len(secret) > maxOIDCSecret:
			wrongs.add(wrong("oidc-secret", "The secret is too long: at most %d bytes are possible", maxOIDCSecret))
		case len(secret) > 0:
			o.Secret = d.site.Seal(site.SealedOIDC, 0, secret)
		case o.Issuer == before.Issuer && o.Client == before.Client: // another provider must not get it
			o.Secret = before.Secret
		}
		if err := wrongs.err(); err != nil {
			return err
		}
		o.Revision = before.Revision + 1
		says := language.Series{language.Say("at %s by %s¦a provider, a claim", o.Issuer, o.Claim)}
		for _, value := range slices.Sorted(maps.Keys(o.Roles)) {
			says = append(says, language.Say("%s is %s¦a value of a claim, a role", value, Role(o.Roles[value]).Title()))
		}
		target.text = language.Say("%s", says)
		return errors.Join(tx.SetOIDC(o), tx.EndOIDCSessions())
	})
}

// RemoveProvider has administrators sign in only here, and signs out those who did not. Field:
// "provider", if there is none.
func (d *Desk) RemoveProvider(ctx context.Context, a Actor) error {
	target := &auditTarget{subject: d.site.Name, text: language.Say("at no provider any more")}
	return d.act(ctx, a, EditSignIn, target, func(tx *store.Tx, _ time.Time) error {
		if _, err := tx.OIDC(); errors.Is(err, store.ErrNotFound) {
			return wrong("provider", "There is no provider to remove: administrators sign in only here")
		} else if err != nil {
			return err
		}
		return errors.Join(tx.RemoveOIDC(), tx.EndOIDCSessions())
	})
}
