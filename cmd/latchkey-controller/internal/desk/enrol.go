package desk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// enrolEnds is how long a card that was read waits for its confirmation.
const enrolEnds = 3 * time.Minute

// An Enrolment is a card that a reader has read for a user and that waits for
// its confirmation.
type Enrolment struct {
	ID       string
	User     uint64
	Name     string // the user's
	Reader   string
	UID      string // its end only: "… E5 80"
	LastFour string // the last four hexadecimal digits: E580
	Ends     time.Time
}

// enrolments are those that wait, in memory only.
type enrolments struct {
	mu      sync.Mutex
	waiting map[string]*waiting
}

type waiting struct {
	Enrolment
	actor Actor
	uid   []byte
}

// maxEnrolments bounds the cards that wait for their confirmation.
const maxEnrolments = 100

// Enrol lets a reader read the next card that is shown to it, for a user; that
// takes up to 45 s. The card is the user's only after ConfirmCard. Fields:
// "reader", if no card was read there; "card", for one that nobody can have.
func (d *Desk) Enrol(ctx context.Context, a Actor, user uint64, reader string) (*Enrolment, error) {
	var read *Enrolment
	target := &auditTarget{user: user, reader: reader}
	err := d.actOutside(ctx, a, EnrolCard, target, func() (string, error) {
		if d.live == nil {
			return "", wrongField("reader", errNoController)
		}
		if target.subject == "" {
			return "", ErrNotFound
		}
		var uid []byte
		outcome, err := d.live.Order(ctx, store.Order{Reader: reader, Order: wire.Enrol, Who: orderedBy(a)}, func(b []byte) (string, bool) {
			uid = bytes.Clone(b)
			return "the card was read", true
		})
		if err != nil {
			return "", err
		}
		if uid == nil {
			return "", wrong("reader", outcome.Text)
		}
		if err := site.CheckUID(uid); err != nil {
			clear(uid)
			return "", wrongField("card", err)
		}
		read = d.enrolments.add(d.now(), a, Enrolment{User: user, Name: target.subject, Reader: reader}, uid)
		return "read " + site.MaskUID(uid), nil
	})
	return read, err
}

var errNoController = errors.New("the controller does not run here")

// add keeps a card until it is confirmed, and drops those whose time is over.
func (e *enrolments) add(now time.Time, a Actor, read Enrolment, uid []byte) *Enrolment {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, w := range e.waiting {
		if now.After(w.Ends) || len(e.waiting) >= maxEnrolments {
			clear(w.uid)
			delete(e.waiting, id)
		}
	}
	id := make([]byte, 16)
	rand.Read(id)
	read.ID = base64.RawURLEncoding.EncodeToString(id)
	read.UID, read.Ends = site.MaskUID(uid), now.Add(enrolEnds)
	read.LastFour = strings.ToUpper(hex.EncodeToString(uid[len(uid)-2:]))
	if e.waiting == nil {
		e.waiting = map[string]*waiting{}
	}
	e.waiting[read.ID] = &waiting{read, a, uid}
	return &read
}

// take returns the card of an enrolment of an actor, if its last four digits
// are these; then it waits no more.
func (e *enrolments) take(now time.Time, a Actor, id, lastFour string) (*waiting, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.waiting[id]
	if w == nil || w.actor.ID != a.ID || w.actor.Via != a.Via || now.After(w.Ends) {
		return nil, wrong("last-four", "No card waits for this any more; read it again")
	}
	if strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(lastFour), " ", "")) != w.LastFour {
		return nil, wrong("last-four", "These are not the last four digits of the card that was read")
	}
	delete(e.waiting, id)
	return w, nil
}

// ConfirmCard gives the user the card of an enrolment of the same actor if its
// last four digits are these. Fields: "last-four", "card".
func (d *Desk) ConfirmCard(ctx context.Context, a Actor, id, lastFour string) error {
	if err := d.check(ctx, a, AddCard, new(auditTarget)); err != nil {
		return err
	}
	w, err := d.enrolments.take(d.now(), a, id, lastFour)
	if err != nil {
		return err
	}
	defer clear(w.uid)
	return d.addCard(ctx, a, w.User, w.uid, false)
}

// DropCard forgets an enrolment.
func (d *Desk) DropCard(ctx context.Context, a Actor, id string) error {
	if err := d.check(ctx, a, EnrolCard, new(auditTarget)); err != nil {
		return err
	}
	d.enrolments.mu.Lock()
	defer d.enrolments.mu.Unlock()
	if w := d.enrolments.waiting[id]; w != nil && w.actor.ID == a.ID {
		clear(w.uid)
		delete(d.enrolments.waiting, id)
	}
	return nil
}

// orderedBy is who a reader's record says ordered something, cut to what
// records hold.
func orderedBy(a Actor) string {
	if len(a.Name) <= wire.MaxName {
		return a.Name
	}
	return strings.ToValidUTF8(a.Name[:wire.MaxName], "")
}
