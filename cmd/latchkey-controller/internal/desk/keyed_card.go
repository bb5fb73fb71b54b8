package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A KeyedCard is a card to which a reader has written keys.
type KeyedCard struct {
	UID  string             // masked: "… E5 80"
	Text *language.Sentence // what was done

	// A card that is nobody's yet waits for ConfirmCard. nil: it is its user's.
	Enrolment *Enrolment
}

// keyings are the cards that get keys at this moment, so that no two acts change the keys
// of one card at once.
type keyings struct {
	mu  sync.Mutex
	now map[[16]byte]bool
}

// begin says whether nobody else changes the keys of a card. Then the caller calls end.
func (k *keyings) begin(card [16]byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now[card] {
		return false
	}
	if k.now == nil {
		k.now = map[[16]byte]bool{}
	}
	k.now[card] = true
	return true
}

func (k *keyings) end(card [16]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.now, card)
}

// NewCard has a reader write keys to the next card shown to it, for a user; that takes up
// to 170 s. Somebody else may have been the first at the reader: the user gets the card
// with ConfirmCard. A card that they have already becomes one that proves itself at once.
// Fields: "reader", if no card came or the reader was not reached; "card", if the card did
// not get its keys.
func (d *Desk) NewCard(ctx context.Context, a Actor, user uint64, reader string) (*KeyedCard, error) {
	return d.newKeys(ctx, a, NewCard, user, 0, reader)
}

// RekeyCard has a reader write new keys to one of a user's cards; a card that can be
// copied becomes one that proves itself. Time and fields are those of NewCard.
func (d *Desk) RekeyCard(ctx context.Context, a Actor, user, credential uint64, reader string) (*KeyedCard, error) {
	if err := d.hasCard(ctx, a, RekeyCard, user, credential); err != nil {
		return nil, err
	}
	return d.newKeys(ctx, a, RekeyCard, user, credential, reader)
}

// ReturnCard removes one of a user's cards, and has a reader bring it back to its factory
// state. With user and credential 0 it is a card of nobody that still has keys of this
// site, for instance because it was removed, or taken away too early. Time and fields are
// those of NewCard.
func (d *Desk) ReturnCard(ctx context.Context, a Actor, user, credential uint64, reader string) (*KeyedCard, error) {
	target := &auditTarget{user: user, reader: reader}
	if credential == 0 {
		target.user, target.subject = 0, "nobody"
	} else if err := d.hasCard(ctx, a, ReturnCard, user, credential); err != nil {
		return nil, err
	}
	return d.writeKeys(ctx, a, ReturnCard, target, cardWork{
		begin: func(tx *store.Tx, now time.Time, card *wire.CardToKey) (*site.Keying, *wire.CardKeySets, error) {
			return d.site.BeginReturn(tx, now, user, credential, card)
		},
		end: func(context.Context, *site.Keying) (*KeyedCard, error) {
			return &KeyedCard{Text: language.Say("it is in its factory state")}, nil
		},
	})
}

// keys says what is touched if a card gets keys: the site's first one that proves itself changes
// the policies of all doors.
func (target *auditTarget) keys(tx *store.Tx) error {
	first, err := tx.FirstProven()
	if first == store.FirstProvenAwaited {
		target.at = []Where{{}}
	}
	return err
}

func (d *Desk) newKeys(ctx context.Context, a Actor, act Act, user, credential uint64, reader string) (*KeyedCard, error) {
	target := &auditTarget{user: user, reader: reader}
	if err := d.site.View(ctx, target.keys); err != nil {
		return nil, err
	}
	return d.writeKeys(ctx, a, act, target, cardWork{
		begin: func(tx *store.Tx, _ time.Time, card *wire.CardToKey) (*site.Keying, *wire.CardKeySets, error) {
			return d.site.BeginKeys(tx, user, credential, reader, card)
		},
		end: func(ctx context.Context, k *site.Keying) (*KeyedCard, error) {
			if !k.Known() {
				return &KeyedCard{Text: language.Say("it has its keys, and waits for confirmation"), Enrolment: d.enrolments.add(d.now(), &waiting{actor: a, user: user, act: target.event, uid: k.UID, keys: k})}, nil
			}
			written := new(KeyedCard)
			return written, d.site.Update(ctx, func(tx *store.Tx) (err error) {
				if err := errors.Join(a.recheck(tx, act), a.reaches(tx, act, target)); err != nil {
					return err
				}
				written.Text, err = d.giveKeyed(tx, d.now(), a, k)
				return err
			})
		},
	})
}

// giveKeyed gives a card that has its keys to its user.
func (d *Desk) giveKeyed(tx *store.Tx, now time.Time, a Actor, k *site.Keying) (text *language.Sentence, err error) {
	began, err := d.site.GiveKeyed(tx, now, a.Name, k)
	if began {
		return language.Say("it proves itself, as the first card here: from now on, only cards that prove themselves end a lockout"), err
	}
	return language.Say("it proves itself"), err
}

// hasCard returns ErrNotFound unless a user has a card.
func (d *Desk) hasCard(ctx context.Context, a Actor, act Act, user, credential uint64) error {
	if err := d.check(ctx, a, act, &auditTarget{user: user}); err != nil {
		return err
	}
	return d.site.View(ctx, func(tx *store.Tx) error {
		credentials, err := tx.CredentialsOf(user)
		if err != nil {
			return err
		}
		for _, c := range credentials {
			if c.ID == credential && c.Kind == wire.Card {
				return nil
			}
		}
		return ErrNotFound
	})
}

// A cardWork is what happens before a reader gets the keys of a card, and after it has
// written them and that is noted.
type cardWork struct {
	begin func(*store.Tx, time.Time, *wire.CardToKey) (*site.Keying, *wire.CardKeySets, error)
	end   func(context.Context, *site.Keying) (*KeyedCard, error)
}

var errCardBusy = language.Say("this card gets keys at another reader at this moment; wait until that has ended")

// writeKeys has a reader write keys to the next card shown to it.
func (d *Desk) writeKeys(ctx context.Context, a Actor, act Act, target *auditTarget, work cardWork) (*KeyedCard, error) {
	var written *KeyedCard
	err := d.actAtReader(ctx, a, act, target, func(starting context.Context) (*language.Sentence, error) {
		if d.live == nil {
			return nil, wrongField("reader", errNoController)
		}
		if target.subject == "" {
			return nil, ErrNotFound
		}
		finish := context.WithoutCancel(ctx) // a card that was begun is finished even if the client has gone
		var begun *site.Keying
		var refused error
		result, err := d.live.Personalise(starting, store.Order{ID: target.orders[target.reader], Reader: target.reader, Who: cut(a.Name, wire.MaxName)}, func(card *wire.CardToKey) (sets *wire.CardKeySets, err error) {
			begun, sets, err = d.beginKeys(finish, a, act, target, work, card)
			refused = err
			return sets, err
		})
		if begun != nil {
			defer d.keyings.end(begun.Card)
			defer func() {
				if written == nil || written.Enrolment == nil { // otherwise it waits
					begun.Wipe()
				}
			}()
		}
		if begun != nil && result.Done {
			if err := d.site.Update(finish, func(tx *store.Tx) error { return site.EndKeys(tx, begun) }); err != nil {
				return nil, wrongField("card", language.Say("%s has its keys, but that could not be noted: %s; do it again", site.MaskUID(begun.UID), err))
			}
		}
		switch {
		case err != nil:
			return nil, err
		case refused != nil:
			return nil, wrongField("card", refused)
		case begun == nil:
			return nil, wrongField("reader", notWritten(result, false))
		case !result.Done:
			text := language.Say("%s: %s", site.MaskUID(begun.UID), notWritten(result, true))
			if act == ReturnCard && target.user != 0 {
				text = language.Say("%s. It is nobody's card now: give it back as one, at the page of a reader or with latchkey-controller card return", text)
			} else if act != ReturnCard {
				text = language.Say("%s. It may open nothing until it has all its keys", text)
			}
			return nil, wrongField("card", text)
		}
		if written, err = work.end(finish, begun); err != nil {
			return nil, wrongField("card", language.Say("%s has its keys, but its user did not get it: %s", site.MaskUID(begun.UID), err))
		}
		written.UID = site.MaskUID(begun.UID)
		return language.Say("%s, %s", written.UID, written.Text), nil
	})
	if err != nil {
		return nil, err
	}
	return written, nil
}

// beginKeys begins to change the keys of a card. If it succeeds, the caller ends the
// Keying in d.keyings.
func (d *Desk) beginKeys(ctx context.Context, a Actor, act Act, target *auditTarget, work cardWork, card *wire.CardToKey) (k *site.Keying, sets *wire.CardKeySets, err error) {
	err = d.site.Update(ctx, func(tx *store.Tx) error {
		if err := errors.Join(a.recheck(tx, act), a.reaches(tx, act, target)); err != nil {
			return err
		}
		if k, sets, err = work.begin(tx, d.now(), card); err != nil {
			return err
		}
		if !d.keyings.begin(k.Card) {
			k.Wipe()
			k = nil
			return errCardBusy
		}
		return nil
	})
	if err == nil {
		return k, sets, nil
	}
	if sets != nil {
		sets.Wipe()
	}
	if k != nil {
		d.keyings.end(k.Card)
	}
	return nil, nil, err
}

// unwritten says why a card did not get its keys, and what to do.
var unwritten = map[wire.Reason]*language.Sentence{
	wire.ReasonNoCard:      language.Say("no card was shown; start again, and hold the card at the reader when it asks for it"),
	wire.ReasonCardGone:    language.Say("the card was taken away too early; start again, and hold it at the reader until that says that it is done"),
	wire.ReasonForeignKeys: language.Say("the card has keys of somebody else, and nobody else can change them; use another card"),
	wire.ReasonUnsuitable:  language.Say("the card cannot prove that it is no copy; use a MIFARE DESFire EV2 or EV3, or an NTAG 424 DNA"),
	wire.ReasonDeclined:    language.Say("the reader got no keys for the card; start again"),
	wire.ReasonNotGenuine:  language.Say("the card did not answer as it should with its new keys; start again, and if that fails, too, use another card"),
	wire.ReasonNoAnswer:    language.Say("the keys did not reach the reader in time; start again"),
	wire.ReasonEpoch:       language.Say("the site's key changed at that moment; start again"),
	wire.ReasonNFC:         language.Say("the card reader is out of order"),
	wire.ReasonNone:        language.Say("this reader reads no cards; choose another one"),
	wire.ReasonBusy:        language.Say("the reader is busy; start again in a minute"),
}

// notWritten says why a card did not get its keys, and what to do. begun says that it was
// shown at all.
func notWritten(result link.OrderResult, begun bool) *language.Sentence {
	if result.Record == nil || result.Record.Kind != wire.CommandRefused {
		if result.Done {
			return language.Say("the reader says that it wrote keys that it was never sent; check that reader")
		}
		return result.Text
	}
	reason := result.Record.Reason
	if begun && reason == wire.ReasonNoCard { // not again
		reason = wire.ReasonCardGone
	}
	if text, ok := unwritten[reason]; ok {
		return text
	}
	if reason == "" {
		return language.Say("the reader refused")
	}
	return language.Say("the reader refused: %s", reasonText(reason))
}
