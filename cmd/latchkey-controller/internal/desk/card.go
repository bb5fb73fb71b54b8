package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// AddCard gives a user a card by its UID as typed. Field: "card".
func (d *Desk) AddCard(ctx context.Context, a Actor, id uint64, text string) error {
	if err := d.check(ctx, a, AddCard, &auditTarget{user: id}); err != nil {
		return err
	}
	uid, err := site.ParseNewUID(text)
	if err != nil {
		return wrongField("card", err)
	}
	// Clashes tell a command-line user nothing new: they have the database.
	return d.addCard(ctx, a, &auditTarget{user: id, text: language.Data(site.MaskUID(uid)), typed: a.Via == Console}, uid)
}

// addCard gives the user of a target a card.
func (d *Desk) addCard(ctx context.Context, a Actor, target *auditTarget, uid []byte) error {
	return credentialError(d.act(ctx, a, AddCard, target, func(tx *store.Tx, now time.Time) error {
		if err := d.clashLimit(tx, a, NoPIN, target.typed); err != nil {
			return err
		}
		return d.site.AddCard(tx, now, a.Name, target.user, uid)
	}))
}

// RemoveCard removes a user's card by the credential's id.
func (d *Desk) RemoveCard(ctx context.Context, a Actor, id, credential uint64) error {
	return d.act(ctx, a, RemoveCard, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		return site.RemoveCard(tx, now, id, credential)
	})
}

// RemoveCardUID removes a user's card by its UID as typed. Field: "card".
func (d *Desk) RemoveCardUID(ctx context.Context, a Actor, id uint64, text string) error {
	target := &auditTarget{user: id}
	if err := d.check(ctx, a, RemoveCard, target); err != nil {
		return err
	}
	uid, err := site.ParseUID(text)
	if err != nil {
		return wrongField("card", err)
	}
	target.text = language.Data(site.MaskUID(uid))
	return d.act(ctx, a, RemoveCard, target, func(tx *store.Tx, now time.Time) error {
		return d.site.RemoveCardUID(tx, now, id, uid)
	})
}
