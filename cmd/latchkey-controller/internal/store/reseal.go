package store

import (
	"fmt"

	"latchkey/sync/wire"
)

// Kinds are the kinds under which the vault sealed each column.
type Kinds struct{ Signing, Authority, SiteKey, CardMaster, GrantKey, Password, Webhook, Mail, OIDC string }

// Reseal replaces every sealed value with what reseal returns for it.
func (t *Tx) Reseal(reseal func(kind string, id uint64, sealed []byte) ([]byte, error), kinds Kinds) error {
	if err := t.exact(); err != nil {
		return err
	}
	for _, column := range []struct{ query, set, kind string }{
		{`SELECT 0, signing FROM site`, `UPDATE site SET signing = ? WHERE ? = 0`, kinds.Signing},
		{`SELECT 0, authority FROM site`, `UPDATE site SET authority = ? WHERE ? = 0`, kinds.Authority},
		{`SELECT 0, card_master FROM site WHERE length(card_master) > 0`, `UPDATE site SET card_master = ? WHERE ? = 0`, kinds.CardMaster},
		{`SELECT 0, grant_key FROM site WHERE length(grant_key) > 0`, `UPDATE site SET grant_key = ? WHERE ? = 0`, kinds.GrantKey},
		{`SELECT number, key FROM epochs`, `UPDATE epochs SET key = ? WHERE number = ?`, kinds.SiteKey},
		{`SELECT id, material FROM credentials WHERE kind = 1`, `UPDATE credentials SET material = ? WHERE id = ?`, wire.PIN.String()},
		{`SELECT id, material FROM credentials WHERE kind = 2`, `UPDATE credentials SET material = ? WHERE id = ?`, wire.Card.String()},
		{`SELECT id, password FROM admins WHERE length(password) > 0`, `UPDATE admins SET password = ? WHERE id = ?`, kinds.Password},
		{`SELECT 0, password FROM mail WHERE length(password) > 0`, `UPDATE mail SET password = ? WHERE ? = 0`, kinds.Mail},
		{`SELECT 0, secret FROM oidc WHERE length(secret) > 0`, `UPDATE oidc SET secret = ? WHERE ? = 0`, kinds.OIDC},
		{`SELECT id, sealed FROM webhooks WHERE length(sealed) > 0`, `UPDATE webhooks SET sealed = ? WHERE id = ?`, kinds.Webhook},
	} {
		type secret struct {
			id     uint64
			sealed []byte
		}
		var secrets []secret
		err := t.rows(column.query, nil, func(r scanner) error {
			var s secret
			err := r.Scan(&s.id, &s.sealed)
			secrets = append(secrets, s)
			return err
		})
		if err != nil {
			return err
		}
		for _, s := range secrets {
			sealed, err := reseal(column.kind, s.id, s.sealed)
			if err != nil {
				return fmt.Errorf("re-encrypt: %w", err)
			}
			if err := t.exec(column.set, sealed, s.id); err != nil {
				return err
			}
		}
	}
	return nil
}
