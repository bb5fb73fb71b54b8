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

// dropFormerSecrets removes the secrets that no longer sign from what is stored of webhooks.
func (d *Desk) dropFormerSecrets(ctx context.Context) error {
	type over struct {
		row  *store.Webhook
		part sealedPart
	}
	find := func(tx *store.Tx) (all []over, err error) {
		now, err := d.steady(tx)
		if err != nil {
			return nil, err
		}
		rows, err := tx.Webhooks()
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			part, err := unsealWebhook(d.site, row)
			if err != nil {
				return nil, err
			}
			if part.Former != "" && now >= part.Until {
				all = append(all, over{row, part})
			}
		}
		return all, nil
	}
	var all []over
	err := d.site.View(ctx, func(tx *store.Tx) (err error) { all, err = find(tx); return err })
	if err != nil || len(all) == 0 {
		return err
	}
	return d.site.Update(ctx, func(tx *store.Tx) error {
		all, err := find(tx) // as they are now
		if err != nil {
			return err
		}
		for _, one := range all {
			one.part.Former, one.part.Until = "", 0
			one.row.Sealed = one.part.seal(d.site, one.row.ID)
			if err := tx.SetWebhook(one.row); err != nil {
				return err
			}
		}
		return nil
	})
}
