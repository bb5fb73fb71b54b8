package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// formerSigns is for how long the secret of a webhook signs on after there is a new one
// (Standard Webhooks, "Signature rotation").
const formerSigns = 24 * time.Hour

// NewWebhookSecret gives a webhook another secret, for the caller to show once. The one
// before signs on for 24 hours; any from before that does not.
func (d *Desk) NewWebhookSecret(ctx context.Context, a Actor, id int64) (secret string, err error) {
	target := new(auditTarget)
	err = d.act(ctx, a, NewWebhookSecret, target, func(tx *store.Tx, _ time.Time) error {
		row, err := tx.Webhook(id)
		if err != nil {
			return err
		}
		target.subject = row.Name
		part, err := unsealWebhook(d.site, row)
		if err != nil {
			return err
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		secret = newWebhookSecret()
		part.Former, part.Until, part.Secret = part.Secret, now.Add(formerSigns), secret
		row.Sealed = part.seal(d.site, id)
		return tx.SetWebhook(row)
	})
	return secret, err
}
