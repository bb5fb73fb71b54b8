package store

import (
	"encoding/json"
	"fmt"
)

// An OIDC is the provider at which administrators sign in (OpenID Connect).
type OIDC struct {
	Issuer   string
	Client   string
	Secret   []byte            // sealed; empty: none
	Claim    string            // that says the role
	Roles    map[string]string // by its values
	Owners   bool              // it may make Owners
	Inside   bool              // its host may be inside the network
	Revision int64             // how often it was changed, from 1
}

// OIDC returns the provider, or ErrNotFound.
func (t *Tx) OIDC() (*OIDC, error) {
	var o OIDC
	var roles string
	err := t.row(`SELECT issuer, client, secret, claim, roles, owners, inside, revision FROM oidc`, nil, &o.Issuer, &o.Client, &o.Secret, &o.Claim, &roles, &o.Owners, &o.Inside, &o.Revision)
	if err != nil {
		return &o, err
	}
	if err := json.Unmarshal([]byte(roles), &o.Roles); err != nil {
		return &o, fmt.Errorf("roles of the provider: %w", err)
	}
	return &o, nil
}

// SetOIDC replaces the provider.
func (t *Tx) SetOIDC(o *OIDC) error {
	roles, err := json.Marshal(o.Roles)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO oidc (one, issuer, client, secret, claim, roles, owners, inside, revision) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (one) DO UPDATE SET issuer = excluded.issuer, client = excluded.client, secret = excluded.secret, claim = excluded.claim,
			roles = excluded.roles, owners = excluded.owners, inside = excluded.inside, revision = excluded.revision`,
		o.Issuer, o.Client, append([]byte{}, o.Secret...), o.Claim, string(roles), o.Owners, o.Inside, o.Revision)
}

// RemoveOIDC removes the provider. Its administrators stay.
func (t *Tx) RemoveOIDC() error { return t.exec(`DELETE FROM oidc`) }

// EndOIDCSessions ends the sessions of all who sign in at a provider.
func (t *Tx) EndOIDCSessions() error {
	return t.exec(`DELETE FROM sessions WHERE admin_id IN (SELECT id FROM admins WHERE issuer <> '')`)
}

// AdminOf returns the administrator who is a provider's subject, or ErrNotFound.
func (t *Tx) AdminOf(issuer, subject string) (*Admin, error) {
	var a Admin
	return &a, t.row(`SELECT `+adminColumns+` FROM admins WHERE issuer = ? AND subject = ? AND issuer <> ''`, []any{issuer, subject}, a.into()...)
}

// SetSubject says who an administrator is at a provider.
func (t *Tx) SetSubject(admin int64, issuer, subject string) error {
	return t.exec(`UPDATE admins SET issuer = ?, subject = ? WHERE id = ?`, issuer, subject, admin)
}
