package desk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// enrolEnds is how long an enrolled card waits for confirmation.
const enrolEnds = 3 * time.Minute

// An Enrolment is a card that a reader has read for a user, or has written keys to, waiting
// for confirmation.
type Enrolment struct {
	ID       string
	UID      string // masked: "… E5 80"
	LastFour string // the last four hexadecimal digits: E580
	Keyed    bool   // a reader has written keys to it
}

// enrolments are the unconfirmed enrolments, in memory only.
type enrolments struct {
	mu      sync.Mutex
	waiting map[string]*waiting
}

type waiting struct {
	Enrolment
	actor Actor
	user  uint64 // 0: whoever gets it with GiveCard
	act   int64  // the event of the act that had it read
	uid   []byte
	keys  *site.Keying // of a card that has keys, with that uid; nil: it only has a number
	ends  time.Time
}

// maxEnrolments bounds the unconfirmed enrolments.
const maxEnrolments = 100

// Enrol has a reader read the next card shown to it, for a user; that takes up to 45
// s. The user gets the card with ConfirmCard. Fields: "reader", if it read no card;
// "card", if the card is unusable.
func (d *Desk) Enrol(ctx context.Context, a Actor, user uint64, reader string) (*Enrolment, error) {
	var read *Enrolment
	target := &auditTarget{user: user, reader: reader}
	err := d.actAtReader(ctx, a, EnrolCard, target, func(starting context.Context) (*language.Sentence, error) {
		if d.live == nil {
			return nil, wrongField("reader", errNoController)
		}
		if target.subject == "" {
			return nil, ErrNotFound
		}
		var uid []byte
		outcome, err := d.live.Order(starting, store.Order{ID: target.orders[reader], Reader: reader, Order: wire.Enrol, Who: cut(a.Name, wire.MaxName)}, func(b []byte) (string, bool) {
			uid = bytes.Clone(b)
			return "the card was read", true
		})
		if err != nil {
			return nil, err
		}
		if uid == nil {
			return nil, wrongField("reader", outcome.Text)
		}
		if err := site.CheckUID(uid); err != nil {
			clear(uid)
			return nil, wrongField("card", err)
		}
		read = d.enrolments.add(d.now(), &waiting{actor: a, user: user, act: target.event, uid: uid})
		return language.Say("read %s¦a card", site.MaskUID(uid)), nil
	})
	return read, err
}

var errNoController = language.Say("no controller is running here; start latchkey-controller serve")

// add keeps a card until it is confirmed, and drops expired ones; all of them if
// there are too many.
func (e *enrolments) add(now time.Time, w *waiting) *Enrolment {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, w := range e.waiting {
		if now.After(w.ends) || len(e.waiting) >= maxEnrolments {
			clear(w.uid)
			delete(e.waiting, id)
		}
	}
	w.Enrolment = Enrolment{cmp.Or(w.ID, rand.Text()), site.MaskUID(w.uid), strings.ToUpper(hex.EncodeToString(w.uid[len(w.uid)-2:])), w.keys != nil}
	w.ends = now.Add(enrolEnds)
	if e.waiting == nil {
		e.waiting = map[string]*waiting{}
	}
	if before := e.waiting[w.ID]; before != nil {
		clear(before.uid)
	}
	e.waiting[w.ID] = w
	read := w.Enrolment
	return &read
}

// take removes and returns an enrolment of an actor if the card's last four digits
// match.
func (e *enrolments) take(now time.Time, a Actor, id, lastFour string) (*waiting, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.waiting[id]
	if w == nil || w.actor.ID != a.ID || w.actor.Via != a.Via || now.After(w.ends) {
		return nil, wrong("last-four", "This card was not confirmed in time; show it to a reader again")
	}
	if strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(lastFour), " ", "")) != w.LastFour {
		return nil, wrong("last-four", "These are not the last four digits of the card")
	}
	delete(e.waiting, id)
	return w, nil
}

// ConfirmCard gives the user the card of the actor's enrolment if its last four
// digits match. The KeyedCard is nil if the card only has a number. Fields: "last-four",
// "card".
func (d *Desk) ConfirmCard(ctx context.Context, a Actor, id, lastFour string) (*KeyedCard, error) {
	if err := d.check(ctx, a, AddCard, new(auditTarget)); err != nil {
		return nil, err
	}
	w, err := d.enrolments.take(d.now(), a, id, lastFour)
	if err != nil {
		return nil, err
	}
	defer clear(w.uid)
	if w.keys == nil {
		return nil, d.addCard(ctx, a, &auditTarget{user: w.user, text: language.Data(w.UID), partOf: w.act}, w.uid)
	}
	card, target := &KeyedCard{UID: w.UID}, &auditTarget{user: w.user, partOf: w.act}
	err = d.act(ctx, a, AddCard, target, func(tx *store.Tx, now time.Time) (err error) {
		if err := target.keys(tx); err != nil {
			return err
		}
		card.Text, err = d.giveKeyed(tx, now, a, w.keys)
		target.text = language.Say("%s, %s", w.UID, card.Text)
		return err
	})
	return card, credentialError(err)
}

// DropCard cancels an enrolment: another card was shown than the one that is meant.
func (d *Desk) DropCard(ctx context.Context, a Actor, id string) error {
	if err := d.check(ctx, a, DropCard, new(auditTarget)); err != nil {
		return err
	}
	d.enrolments.mu.Lock()
	w := d.enrolments.waiting[id]
	if w == nil || w.actor.ID != a.ID {
		d.enrolments.mu.Unlock()
		return nil
	}
	delete(d.enrolments.waiting, id)
	d.enrolments.mu.Unlock()
	clear(w.uid)
	return d.act(ctx, a, DropCard, &auditTarget{user: w.user, text: language.Data(w.UID), partOf: w.act}, func(*store.Tx, time.Time) error { return nil })
}
