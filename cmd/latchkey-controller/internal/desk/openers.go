package desk

import (
	"context"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An Access is how and when somebody may open the door of a reader, and whether they could now.
type Access struct {
	Reader, Door, Place string
	DoorID              int64
	Zone                string             // IANA name of the door's time zone, of Hours and Two
	Groups              []string           // of theirs that may open it
	Hours               *wire.Schedule     // when these may; nil: always
	From, Until         time.Time          // the user's own dates; zero: none
	Two                 *wire.TwoProofs    // when card and PIN are demanded; nil: never
	Both                bool               // they are whenever these groups may open
	Limits              PINLimits          // of their PIN
	PIN, Card           bool               // they have one that the reader could take
	Never               *language.Sentence // why they cannot open it at all; nil: they can
	Now                 []Way              // how it opens now, and does not, of what the reader takes
	Not                 *language.Sentence // why it does not open now; nil: it does
	Opens               time.Time          // when it does next, if all but the time stays as it is; zero: it does now, or at no time that is near
	Held                bool               // the door is held open to everybody now
	Unsure              *language.Sentence // why the reader may do otherwise now: "it is offline"; nil: it has all that this is from
}

// How says with what the door opens: "PIN or card", "card and PIN"; nil: never.
func (a *Access) How() *language.Sentence {
	switch {
	case a.Never != nil:
		return nil
	case a.Two == nil:
		return alone(a.PIN, a.Card)
	case a.Both:
		return language.Say("card and PIN")
	case a.PIN && a.Card:
		return language.Say("PIN or card, at some times both")
	case a.PIN:
		return language.Say("PIN, but not while both are demanded")
	}
	return language.Say("card, but not while both are demanded")
}

// alone says with what a door opens by itself.
func alone(pin, card bool) *language.Sentence {
	switch {
	case pin && card:
		return language.Say("PIN or card")
	case pin:
		return language.Say("PIN")
	}
	return language.Say("card")
}

// When says when the door opens: "always", "Mon 08:00-18:00".
func (a *Access) When() *language.Sentence { return HoursLine(a.Hours) }

// ByNow says with what the door opens now: "PIN or card", "card and PIN, the card first"; nil:
// it does not.
func (a *Access) ByNow() *language.Sentence {
	var pin, card, both, first bool
	for _, way := range a.Now {
		opens := way.Why == ""
		pin = pin || opens && way.Means == wire.ByPIN
		card = card || opens && way.Means == wire.ByCard
		both = both || opens && way.Means == wire.ByBoth
		first = first || opens && way.CardFirst
	}
	switch {
	case first:
		return language.Say("card and PIN, the card first")
	case both:
		return language.Say("card and PIN")
	case pin || card:
		return alone(pin, card)
	}
	return nil
}

// accessOf returns the access of somebody with credentials, who is in groups, at a reader with
// a board; nil: none of their groups may open its door. Opens, which takes up to a millisecond, is worked out
// only if it is asked for.
func accessOf(r *Reader, u *store.User, credentials []*store.Credential, now time.Time, opens bool) *Access {
	of := u.Wire(new(store.Credential))
	a := &Access{Reader: r.ID, Door: r.Door, DoorID: r.DoorID, Place: r.Place, Zone: r.Policy.TimeZone, Two: r.Policy.TwoProofs, Hours: r.Policy.Hours(&of), From: moment(u.From), Until: moment(u.Until)}
	a.Both, a.Held, a.Unsure = r.Policy.DemandsTwoIn(a.Hours), r.Live.Strike == wire.StrikeHeld, r.Unsure()
	for _, entry := range r.Policy.Access {
		if of.In(entry.Group) {
			a.Groups = append(a.Groups, groupText(entry.Group))
		}
	}
	if len(a.Groups) == 0 {
		return nil
	}
	if u.Suspended {
		a.Never = language.Say("they are suspended")
		return a
	}
	var sent []wire.Credential
	for _, c := range credentials {
		if c.Limited() {
			a.Limits = limitsOf(c)
		}
		if !c.Limited() || !r.OldProofs() { // one that is too old does not get it
			sent = append(sent, u.Wire(c))
		}
	}
	if len(sent) == 0 && len(credentials) > 0 {
		a.Never = language.Say("the reader's program is too old for a PIN with limits: update it")
		return a
	}
	w := r.doorway(now)
	a.PIN, a.Card = w.takes(sent)
	if a.Never = w.never(r, a, sent); a.Never != nil {
		return a
	}
	a.Now = w.waysOf(a, sent)
	if a.Not = notNow(a); a.Not != nil && opens {
		a.Opens = w.again(a, sent)
	}
	return a
}

// Why a reader may decide otherwise.
var (
	offline        = language.Say("it is offline")
	sendingChanges = language.Say("it is being sent the newest changes") // as a rule for seconds
)

// Unsure says why the reader may decide otherwise than is worked out here; nil: it has confirmed
// all that this is from.
func (r *Reader) Unsure() *language.Sentence {
	switch {
	case r.CutOff:
		return language.Say("it is too old for a PIN that somebody has, and gets no changes until it is updated")
	case !r.Live.Known:
		return language.Say("it has not been heard from")
	case !r.Live.Online:
		return offline
	case !r.Live.Current:
		return sendingChanges
	}
	return nil
}

// never says why somebody with credentials cannot open the door at all; nil: they can.
func (w *doorway) never(r *Reader, a *Access, credentials []wire.Credential) *language.Sentence {
	pins, cards := len(ofKind(credentials, wire.PIN)), len(ofKind(credentials, wire.Card))
	switch {
	case !a.Until.IsZero() && w.at.Trusted && !w.at.Local.Before(a.Until):
		return language.Say("their dates have ended")
	case a.Two != nil && r.OldProofs():
		return language.Say("the reader's program is too old to demand card and PIN, so it lets nobody in: update it")
	case pins+cards == 0:
		return language.Say("they have neither PIN nor card")
	case a.Both && pins == 0:
		return language.Say("the door demands card and PIN, and they have no PIN")
	case a.Both && cards == 0:
		return language.Say("the door demands card and PIN, and they have no card")
	case a.Hours != nil && len(a.Hours.Week)+len(a.Hours.Holiday) == 0:
		return language.Say("the hours of their groups never begin")
	case a.Both && a.PIN && a.Card, !a.Both && (a.PIN || a.Card):
		return nil
	}
	var why []*language.Sentence
	if pins > 0 && !a.PIN {
		switch {
		case !w.policy.PIN:
			why = append(why, reasonText(wire.ReasonOff))
		case w.says.PIN == wire.ReasonNone:
			why = append(why, language.Say("the reader has no touchscreen"))
		default:
			why = append(why, reasonText(wire.ReasonWithheld))
		}
	}
	if cards > 0 && !a.Card {
		if w.says.Card == wire.ReasonNone {
			why = append(why, language.Say("the reader has no card reader"))
		} else {
			why = append(why, language.Say("only cards that prove themselves open this door"))
		}
	}
	return allOf(why)
}

// neverByPIN says why nobody can open the door with a PIN by itself; nil: they can.
func (r *Reader) neverByPIN(now time.Time) *language.Sentence {
	w, pin, a := r.doorway(now), []wire.Credential{{Kind: wire.PIN}}, &Access{Two: r.Policy.TwoProofs, Both: r.Policy.DemandsTwoIn(nil)}
	a.PIN, a.Card = w.takes(pin)
	return w.never(r, a, pin)
}

// notNow says why the door does not open now; nil: it does.
func notNow(a *Access) *language.Sentence {
	if len(a.Now) == 0 { // both are demanded now, and they have one
		if a.PIN {
			return language.Say("card and PIN are demanded now, and they have no card")
		}
		return language.Say("card and PIN are demanded now, and they have no PIN")
	}
	var why []*language.Sentence
	for _, way := range a.Now {
		if way.Why == "" {
			return nil
		}
		if text := way.WhyText(); !slices.ContainsFunc(why, func(w *language.Sentence) bool { return w.String() == text.String() }) {
			why = append(why, text)
		}
	}
	return allOf(why)
}

// allOf joins reasons that all hold.
func allOf(why []*language.Sentence) (all *language.Sentence) {
	for _, one := range why {
		if all == nil {
			all = one
			continue
		}
		all = language.Say("%s, and %s¦two reasons", all, one)
	}
	return all
}

// WhyText says for people why the way does not open the door now; nil: it does.
func (w *Way) WhyText() *language.Sentence {
	switch w.Why {
	case wire.ReasonNone: // one of both: the other is taken by itself at other times
		return language.Say("card and PIN are demanded now, and the reader cannot take both")
	case wire.ReasonClock:
		return language.Say("the reader does not know the time")
	case wire.ReasonUnstored:
		return language.Say("the reader cannot store records")
	case wire.ReasonKey:
		return language.Say("the reader cannot use its key")
	}
	return reasonText(w.Why)
}

// ReadersOf returns the readers at which the groups of a user may open the door, those of them in reach that have a board.
func (d *Desk) ReadersOf(ctx context.Context, a Actor, user uint64) ([]*Reader, error) {
	if err := d.check(ctx, a, ViewReaders, new(auditTarget)); err != nil {
		return nil, err
	}
	var ids []string
	err := d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		in, err := a.reach(tx)
		if err != nil {
			return err
		}
		u, err := in.user(tx, user)
		if err != nil {
			return err
		}
		policies, err := in.policies(tx)
		of := u.Wire(new(store.Credential))
		for _, p := range policies {
			if slices.ContainsFunc(p.Access, func(entry wire.Access) bool { return of.In(entry.Group) }) {
				ids = append(ids, p.Reader)
			}
		}
		return err
	})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	readers, _, err := d.readers(ctx, a, ids...)
	return readers, err
}

// UserAccess returns the doors that the groups of a user may open, at those of some readers
// that have a board.
func (d *Desk) UserAccess(ctx context.Context, a Actor, readers []*Reader, id uint64) (all []*Access, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		in, err := a.reach(tx)
		if err != nil {
			return err
		}
		u, err := in.user(tx, id)
		if err != nil {
			return err
		}
		credentials, err := tx.CredentialsOf(id)
		if err != nil {
			return err
		}
		for _, r := range readers {
			if r.Bundle == 0 || !in.hasReader(r.ID) {
				continue
			}
			if at := accessOf(r, u, credentials, d.now(), true); at != nil {
				all = append(all, at)
			}
		}
		return nil
	})
	return all, err
}

// PINDoors returns at how many doors somebody may open with a PIN by itself, and at how many
// more only together with a card.
func PINDoors(all []*Access) (alone, both int) {
	type door struct{ name, place string }
	doors := map[door]bool{}
	for _, a := range all {
		if a.Never == nil && a.PIN {
			at := door{a.Door, a.Place}
			doors[at] = doors[at] || !a.Both
		}
	}
	for _, byItself := range doors {
		if byItself {
			alone++
		} else {
			both++
		}
	}
	return alone, both
}

// An OpenerQuery selects those who may open a door. Search is as in UserQuery.
type OpenerQuery struct {
	Search string
	After  string // OpenerPage.Next of the previous page; "": the first page
	Limit  int    // 0: 50; at most 1000
	Opens  bool   // Access.Opens is wanted
}

// An OpenerPage is a page of the users who are in a group that may open a door, by name.
type OpenerPage struct {
	Openers []*Opener
	Found   int    // that Search selects
	Next    string // "": this is the last page
}

// An Opener is a user with their access at a door.
type Opener struct {
	ID       uint64
	Name     string
	Validity Validity

	Suspended bool

	At []*Access // at each reader of the door that their groups may open
}

// DoorAccess returns who may open the door of some readers.
func (d *Desk) DoorAccess(ctx context.Context, a Actor, readers []*Reader, q OpenerQuery) (page *OpenerPage, err error) {
	after, err := parseCursor(q.After)
	if err != nil {
		return nil, ErrNotFound // no page has such a cursor
	}
	sight, err := d.Sight(ctx, a)
	if err != nil {
		return nil, err
	}
	readers = slices.DeleteFunc(slices.Clone(readers), func(r *Reader) bool { return r.Bundle == 0 || !sight.Reader(r.ID) })
	choice := store.UserChoice{Search: q.Search, Groups: []string{}, Visitors: sight.r.visitors()}
	for _, r := range readers {
		for _, entry := range r.Policy.Access {
			choice.Groups = append(choice.Groups, entry.Group)
		}
	}
	if slices.Contains(choice.Groups, wire.Everyone) {
		choice.Groups = nil
	}
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		now := d.now()
		found, err := tx.FindUsers(choice, after, pageSize(q.Limit))
		if err != nil {
			return err
		}
		page = &OpenerPage{Found: found.Found, Next: encodeCursor(found.Next)}
		for _, u := range found.Users {
			credentials, err := tx.CredentialsOf(u.ID)
			if err != nil {
				return err
			}
			o := &Opener{ID: u.ID, Name: u.Name, Validity: validity(u.From, u.Until, now), Suspended: u.Suspended}
			for _, r := range readers {
				if at := accessOf(r, u, credentials, now, q.Opens); at != nil {
					o.At = append(o.At, at)
				}
			}
			page.Openers = append(page.Openers, o)
		}
		return nil
	})
	return page, err
}
