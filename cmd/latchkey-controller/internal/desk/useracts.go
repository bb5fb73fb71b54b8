package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// user returns what the form says, or what is wrong with each of its fields.
func (f UserForm) user() (*store.User, FieldErrors) {
	var wrongs FieldErrors
	u := &store.User{First: TidyName(f.First), Last: TidyName(f.Last), Extended: f.Extended}
	u.Name = strings.TrimSpace(u.First + " " + u.Last)
	switch {
	case u.Name == "":
		wrongs = append(wrongs, wrong("first", "A user needs a name: first, last, or both"))
	case len(u.Name) > wire.MaxName:
		wrongs = append(wrongs, wrong("last", fmt.Sprintf("First and last name together have %d bytes, and readers show %d at most", len(u.Name), wire.MaxName)))
	default:
		probe := wire.Credential{ID: 1, User: 1, Kind: wire.PIN, Name: u.Name}
		if probe.Check() != nil {
			wrongs = append(wrongs, wrong("first", "A name cannot hold control characters"))
		}
	}
	for _, group := range f.Groups {
		if group = TidyName(group); group == "" || group == wire.Everyone {
			continue
		}
		wrongs.add("groups", wire.CheckName(group))
		u.Groups = append(u.Groups, group)
	}
	slices.Sort(u.Groups)
	if u.Groups = slices.Compact(u.Groups); len(u.Groups) > wire.MaxGroups {
		wrongs = append(wrongs, wrong("groups", fmt.Sprintf("A user can be in %d groups at most", wire.MaxGroups)))
	}
	if f.From != "" {
		if t, err := ParseTime(f.From, 0, f.Zone); err == nil {
			u.From = t.Unix()
		} else {
			wrongs.add("from", err)
		}
	}
	if f.Until != "" {
		if t, err := ParseTime(f.Until, 1, f.Zone); err == nil {
			u.Until = t.Unix()
		} else {
			wrongs.add("until", err)
		}
	}
	if u.Until != 0 && u.Until <= u.From {
		wrongs = append(wrongs, wrong("until", "The user's time ends before it begins"))
	}
	if len(wrongs) == 0 && (u.From < 0 || u.Until < 0) {
		wrongs = append(wrongs, wrong("from", "Times before 1970 cannot be kept"))
	}
	return u, wrongs
}

// AddUser adds a user, with a PIN unless the choice is NoPIN, and with cards,
// their identifiers as people write them. It returns the PIN's digits if it was
// to choose them: for the caller to show once and to wipe. Fields besides the
// form's: "pin", "card".
func (d *Desk) AddUser(ctx context.Context, a Actor, form UserForm, pin PIN, uids []string) (id uint64, digits []byte, err error) {
	ab := &about{subject: TidyName(form.First + " " + form.Last), text: gave(pin, len(uids)), typed: len(uids) > 0 && a.Via == Console}
	if err := d.check(ctx, a, AddUser, ab); err != nil {
		return 0, nil, err
	}
	if form.Zone == nil {
		if form.Zone, err = d.Zone(ctx); err != nil {
			return 0, nil, err
		}
	}
	u, wrongs := form.user()
	var cards [][]byte
	for _, text := range uids {
		uid, err := site.ParseNewUID(text)
		wrongs.add("card", err)
		cards = append(cards, uid)
	}
	if err := wrongs.err(); err != nil {
		return 0, nil, err
	}
	ab.added = u
	err = d.do(ctx, a, AddUser, ab, d.clashLimit(a, pin, ab.typed), func(s *site.Site, now time.Time) (err error) {
		digits, err = s.AddUser(ctx, now, u, pin, cards)
		return err
	})
	return u.ID, digits, credentialError(err)
}

// gave says what a new user was given.
func gave(pin PIN, cards int) string {
	var parts []string
	switch pin.Choice {
	case Chosen:
		parts = append(parts, "a chosen PIN")
	case Auto:
		parts = append(parts, "a generated PIN")
	}
	switch {
	case cards == 1:
		parts = append(parts, "a card")
	case cards > 1:
		parts = append(parts, fmt.Sprintf("%d cards", cards))
	}
	if len(parts) == 0 {
		return ""
	}
	return "with " + strings.Join(parts, " and ")
}

// credentialError says which field an error about a PIN or a card is about.
func credentialError(err error) error {
	var refused *site.RefusedPIN
	switch {
	case errors.Is(err, site.ErrPINTaken), errors.As(err, &refused):
		return wrongField("pin", err)
	case errors.Is(err, site.ErrCardTaken):
		return wrongField("card", err)
	}
	return err
}

// EditUser changes a user, and with that what readers hold of their
// credentials. was is the Revision of the form that the editor began with: if
// it is another one now the change is refused; "": whatever it is. edit gets
// the form as it is now, with times in a zone, nil: the site's; what it leaves
// there stays as it is, to the second. Fields besides the form's: "user".
func (d *Desk) EditUser(ctx context.Context, a Actor, id uint64, was string, in *time.Location, edit func(*UserForm)) error {
	var wanted *store.User
	ab := &about{user: id}
	return d.do(ctx, a, EditUser, ab, func(tx *store.Tx) error {
		u, err := tx.User(id)
		if errors.Is(err, store.ErrNotFound) {
			return nil // the act says so in its own words
		}
		if err != nil {
			return err
		}
		if in == nil {
			if in, err = siteZone(tx); err != nil {
				return err
			}
		}
		shown := formOf(u, in)
		if was != "" && was != shown.Revision() {
			return meanwhile("user")
		}
		form := shown
		form.Groups = slices.Clone(shown.Groups)
		edit(&form)
		form.Zone = in
		form.keep(shown, u)
		var wrongs FieldErrors
		wanted, wrongs = form.user()
		return wrongs.err()
	}, func(s *site.Site, now time.Time) error {
		return s.EditUser(ctx, now, id, func(u *store.User) {
			ab.text = userChanges(u, wanted, in)
			u.First, u.Last, u.Groups, u.From, u.Until, u.Extended = wanted.First, wanted.Last, wanted.Groups, wanted.From, wanted.Until, wanted.Extended
		})
	})
}

// RemoveUser removes a user with their PIN and cards.
func (d *Desk) RemoveUser(ctx context.Context, a Actor, id uint64) error {
	return d.do(ctx, a, RemoveUser, &about{user: id}, nil, func(s *site.Site, now time.Time) error {
		return s.RemoveUser(ctx, now, id)
	})
}

// SetPIN gives a user a PIN, in place of the one they may have, and returns its
// digits if it was to choose them: for the caller to show once and to wipe. A
// PIN that somebody has is refused as site.ErrPINTaken in the field "pin";
// after five of these in a day only a generated one can be had.
func (d *Desk) SetPIN(ctx context.Context, a Actor, id uint64, pin PIN) (digits []byte, err error) {
	if pin.Choice == NoPIN {
		return nil, d.RemovePIN(ctx, a, id)
	}
	ab := &about{user: id, text: map[site.Choice]string{Chosen: "chosen", Auto: "generated"}[pin.Choice]}
	err = d.do(ctx, a, SetPIN, ab, d.clashLimit(a, pin, false), func(s *site.Site, now time.Time) (err error) {
		digits, err = s.SetPIN(ctx, now, id, pin)
		return err
	})
	return digits, credentialError(err)
}

// RemovePIN takes a user's PIN away.
func (d *Desk) RemovePIN(ctx context.Context, a Actor, id uint64) error {
	return d.do(ctx, a, RemovePIN, &about{user: id}, nil, func(s *site.Site, now time.Time) error {
		return s.RemovePIN(ctx, now, id)
	})
}

// AddCard gives a user a card, its identifier as people write it. Field: "card".
func (d *Desk) AddCard(ctx context.Context, a Actor, id uint64, text string) error {
	ab := &about{user: id}
	if err := d.check(ctx, a, AddCard, ab); err != nil {
		return err
	}
	uid, err := site.ParseNewUID(text)
	if err != nil {
		return wrongField("card", err)
	}
	// At the command line one has the database, too.
	return d.addCard(ctx, a, id, uid, a.Via == Console)
}

// addCard gives a user a card, which was typed or read.
func (d *Desk) addCard(ctx context.Context, a Actor, id uint64, uid []byte, typed bool) error {
	ab := &about{user: id, text: site.MaskUID(uid), typed: typed}
	return credentialError(d.do(ctx, a, AddCard, ab, d.clashLimit(a, PIN{}, typed), func(s *site.Site, now time.Time) error {
		return s.AddCard(ctx, now, id, uid)
	}))
}

// RemoveCard takes a card away from a user, by the credential's id.
func (d *Desk) RemoveCard(ctx context.Context, a Actor, id, credential uint64) error {
	return d.do(ctx, a, RemoveCard, &about{user: id}, nil, func(s *site.Site, now time.Time) error {
		return s.RemoveCredential(ctx, now, id, credential, wire.Card)
	})
}

// RemoveCardUID takes a card away from a user, by its identifier as people
// write it. Field: "card".
func (d *Desk) RemoveCardUID(ctx context.Context, a Actor, id uint64, text string) error {
	ab := &about{user: id}
	if err := d.check(ctx, a, RemoveCard, ab); err != nil {
		return err
	}
	uid, err := site.ParseUID(text)
	if err != nil {
		return wrongField("card", err)
	}
	ab.text = site.MaskUID(uid)
	return d.do(ctx, a, RemoveCard, ab, nil, func(s *site.Site, now time.Time) error {
		return s.RemoveCard(ctx, now, id, uid)
	})
}
