package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// ErrReaderAway says that a reader is not connected, so that nobody can have it read a card.
var ErrReaderAway = language.Say("the reader is not connected; wait until it is, or choose another")

// An UnboundCard is a card that was read for whoever gets it.
type UnboundCard struct {
	Credential uint64 // of the card; if nobody has it, the one that it gets
	LastFour   string // as of an Enrolment
}

// ReadCard has a reader read the next card shown to it, for whoever gets it from the actor with
// GiveCard within three minutes; that takes up to 45 s. It calls begun once the reader is asked.
// If nobody wants a card when one comes, it is not taken. The error is ErrNotFound or ErrReaderAway
// before begun, of the field "reader" if it read no card, of "card" if the card is unusable.
func (d *Desk) ReadCard(ctx context.Context, a Actor, reader string, begun func(), wanted func() bool) (read *UnboundCard, err error) {
	target := &auditTarget{reader: reader, subject: reader}
	err = d.actAtReader(ctx, a, ReadCard, target, func(starting context.Context) (*language.Sentence, error) {
		if err := d.canAsk(starting, reader); err != nil {
			return nil, err
		}
		begun()
		var uid []byte
		outcome, err := d.live.Order(starting, store.Order{ID: target.orders[reader], Reader: reader, Order: wire.Enrol, Who: cut(a.Name, wire.MaxName)}, func(b []byte) (string, bool) {
			if ctx.Err() != nil || !wanted() {
				return "nobody waits for the card any more", false
			}
			uid = bytes.Clone(b)
			return "the card was read", true
		})
		if err == nil && uid == nil {
			err = wrongField("reader", outcome.Text)
		}
		if err == nil {
			err = wrongField("card", site.CheckUID(uid))
		}
		if err == nil {
			read, err = d.keepRead(ctx, a, uid, target.event)
		}
		if err != nil {
			clear(uid)
			return nil, err
		}
		return language.Say("read %s¦a card", site.MaskUID(uid)), nil
	})
	return read, err
}

// keepRead keeps a card that an act had read until somebody gets it.
func (d *Desk) keepRead(ctx context.Context, a Actor, uid []byte, act int64) (*UnboundCard, error) {
	read := new(UnboundCard)
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		c, err := d.site.CardWithUID(tx, uid)
		if errors.Is(err, store.ErrNotFound) {
			read.Credential, err = tx.ReserveCredentials(1)
			return err
		}
		if err == nil {
			read.Credential = c.ID
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	kept := d.enrolments.add(d.now(), &waiting{Enrolment: Enrolment{ID: readID(read.Credential)}, actor: a, act: act, uid: uid})
	read.LastFour = kept.LastFour
	return read, nil
}

// readID is the id of the enrolment of a card that was read for whoever gets it.
func readID(credential uint64) string { return fmt.Sprint("credential ", credential) }

// canAsk says why a reader cannot be asked for anything; nil: it can.
func (d *Desk) canAsk(ctx context.Context, reader string) error {
	if d.live == nil {
		return wrongField("reader", errNoController)
	}
	err := d.site.View(ctx, func(tx *store.Tx) error {
		_, err := tx.BundleOf(reader)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no reader %.40q: %w", reader, ErrNotFound)
	}
	if err != nil {
		return err
	}
	lives, err := d.lives(ctx)
	if live := lives.of[reader]; err == nil && (live == nil || !live.Online) {
		if err = ErrReaderAway; lives.unheard[reader] {
			err = lives.why
		}
	}
	return err
}

// ErrNoCard says that there is no such card.
var ErrNoCard = language.Say("there is no such card: it was removed, or was read more than 3 minutes ago; have it read again")

// GiveCard gives a user the card of a credential: one that somebody has, or one that ReadCard
// has read for the actor. If somebody else has it, the error is site.ErrCardTaken, or, with move,
// they lose it in the same moment. It is ErrNoCard if there is no such card, ErrNotFound if there
// is no such user.
func (d *Desk) GiveCard(ctx context.Context, a Actor, user, credential uint64, move bool) error {
	target := &auditTarget{user: user}
	if err := d.check(ctx, a, AddCard, target); err != nil {
		return err
	}
	read := d.enrolments.hold(d.now(), a, readID(credential))
	if read != nil {
		target.partOf = read.act
	}
	err := d.act(ctx, a, AddCard, target, func(tx *store.Tx, now time.Time) error {
		to, err := site.User(tx, user)
		if err != nil {
			return err
		}
		var c *store.Credential
		if read == nil {
			c, err = cardOf(tx, credential)
		} else {
			c, err = d.site.CardWithUID(tx, read.uid)
		}
		switch {
		case errors.Is(err, store.ErrNotFound) && read != nil:
			target.text = language.Data(site.MaskUID(read.uid))
			return d.site.AddReadCard(tx, now, a.Name, to, credential, read.uid)
		case errors.Is(err, store.ErrNotFound):
			return ErrNoCard
		case err != nil:
			return err
		}
		masked, err := d.site.UIDs([]*store.Credential{c})
		if err != nil {
			return err
		}
		target.text = language.Data(masked[c.ID])
		if c.User == to.ID {
			target.text = language.Say("%s, as before", target.text)
			return nil
		}
		from, err := site.User(tx, c.User)
		switch {
		case err != nil:
			return err
		case !move:
			return language.Say("the card %s is already assigned; remove it there first", masked[c.ID]).Because(site.ErrCardTaken)
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if err := r.load(tx); err != nil {
			return err
		}
		if err := r.checkUser(from); err != nil {
			return err
		}
		target.text = language.Say("%s, taken from %s¦a card, somebody", target.text, from.Name)
		return tx.MoveCredential(now.Unix(), a.Name, c, from, to)
	})
	d.enrolments.release(read, err == nil)
	return credentialError(err)
}

// hold takes an actor's enrolment out, until it is released, so that nobody else gets its card;
// nil: there is none.
func (e *enrolments) hold(now time.Time, a Actor, id string) *waiting {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.waiting[id]
	if w == nil || w.actor.ID != a.ID || w.actor.Via != a.Via || now.After(w.ends) {
		return nil
	}
	delete(e.waiting, id)
	return w
}

// release puts a held enrolment back, or ends one whose card was given; nil is fine.
func (e *enrolments) release(w *waiting, given bool) {
	switch {
	case w == nil:
	case given:
		clear(w.uid)
	default:
		e.mu.Lock()
		defer e.mu.Unlock()
		e.waiting[w.ID] = w
	}
}
