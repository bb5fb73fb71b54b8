package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// AddUser adds a user, with a PIN unless the choice is NoPIN, and with cards by their
// UIDs as typed. It returns the digits of a generated PIN, for the caller to show
// once and to wipe. Fields besides the form's: "pin", "uses", "within", "card".
func (d *Desk) AddUser(ctx context.Context, a Actor, form UserForm, choice PIN, uids []string) (id uint64, digits []byte, err error) {
	target := &auditTarget{subject: TidyName(form.First + " " + form.Last), text: givenText(choice, len(uids)), typed: len(uids) > 0 && a.Via == Console, newcomers: true}
	if err := d.check(ctx, a, AddUser, target); err != nil {
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
		wrongs.add(wrongField("card", err))
		cards = append(cards, uid)
	}
	if err := wrongs.err(); err != nil {
		return 0, nil, err
	}
	target.groups = u.Groups // before the PIN is compared with those of others
	pin, digits, err := d.newPIN(ctx, choice)
	if err != nil {
		return 0, nil, err
	}
	defer pin.Wipe()
	err = d.act(ctx, a, AddUser, target, func(tx *store.Tx, now time.Time) error {
		if err := d.clashLimit(tx, a, choice.Choice, target.typed); err != nil {
			return err
		}
		err := d.site.AddUser(tx, now, a.Name, u, pin, cards)
		if err == nil {
			target.user = u.ID
		}
		return err
	})
	if err != nil {
		return 0, nil, credentialError(err)
	}
	return u.ID, digits, nil
}

// givenText describes the credentials of a new user; nil: none.
func givenText(pin PIN, cards int) *language.Sentence {
	owned := language.Count(cards, "a card¦with it", "%d cards¦with them")
	if pin.Choice == NoPIN {
		if cards == 0 {
			return nil
		}
		return language.Say("with %s¦a credential", owned)
	}
	given := language.Say("a generated PIN¦with it")
	if pin.Choice == Chosen {
		given = language.Say("a chosen PIN¦with it")
	}
	if limits := pin.Limits.said(); limits != nil {
		given = language.Say("%s (%s)", given, limits)
	}
	if cards == 0 {
		return language.Say("with %s¦a credential", given)
	}
	return language.Say("with %s and %s¦two credentials", given, owned)
}

// EditUser edits a user, and what readers hold of their credentials. was is the
// Revision of the form that was edited; if it has changed since, the change is
// refused; "": do not check. edit gets the current form, with times in the zone in,
// nil: the site's; times that it does not change stay exact to the second. Fields
// besides the form's: "user".
func (d *Desk) EditUser(ctx context.Context, a Actor, id uint64, was string, in *time.Location, edit func(*UserForm)) error {
	return d.editUser(ctx, a, id, was, in, nil, func(_ *store.Tx, form *UserForm) error { edit(form); return nil })
}

// EditUserAndSuspend is EditUser and SuspendUser in one act: both are done, or neither.
func (d *Desk) EditUserAndSuspend(ctx context.Context, a Actor, id uint64, suspended bool, edit func(*UserForm)) error {
	return d.editUser(ctx, a, id, "", nil, &suspended, func(_ *store.Tx, form *UserForm) error { edit(form); return nil })
}

// ErrNoGroup says that a group does not exist.
var ErrNoGroup = language.Say("one of the groups was removed, or never was here")

// SetUserGroups has a user be in the groups with these numbers, and in no others. That of
// everyone may be among them. The error is ErrNoGroup if there is no such group.
func (d *Desk) SetUserGroups(ctx context.Context, a Actor, id uint64, numbers []int64) error {
	return d.editUser(ctx, a, id, "", nil, nil, func(tx *store.Tx, form *UserForm) error {
		was := form.Groups
		form.Groups = nil
		for _, number := range numbers {
			name, err := tx.GroupNumbered(number)
			if err == nil && !slices.Contains(was, name) { // which may be nobody's any more
				_, err = groupNamed(tx, name)
			}
			if errors.Is(err, ErrNotFound) {
				return ErrNoGroup
			}
			if err != nil {
				return err
			}
			form.Groups = append(form.Groups, name)
		}
		return nil
	})
}

// editUser is EditUser; suspended says whether the user is suspended from then on, nil: as before.
func (d *Desk) editUser(ctx context.Context, a Actor, id uint64, was string, in *time.Location, suspended *bool, edit func(*store.Tx, *UserForm) error) error {
	target := &auditTarget{user: id}
	return d.act(ctx, a, EditUser, target, func(tx *store.Tx, now time.Time) error {
		u, err := site.User(tx, id)
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
			return changedMeanwhile("user")
		}
		form := shown
		form.Groups = slices.Clone(shown.Groups)
		if err := edit(tx, &form); err != nil {
			return err
		}
		form.Zone = in
		form.keep(shown, u)
		wanted, wrongs := form.user()
		if err := wrongs.err(); err != nil {
			return err
		}
		if err := keepVisit(tx, now, u, wanted); err != nil {
			return err
		}
		says := changes(userSettings(u, in), userSettings(wanted, in))
		wanted.ID, wanted.Created, wanted.Suspended = u.ID, u.Created, u.Suspended
		if suspended != nil && *suspended != u.Suspended {
			wanted.Suspended = *suspended
			if *suspended {
				says = append(says, language.Say("suspended"))
			} else {
				says = append(says, language.Say("no longer suspended"))
			}
		}
		target.text = joined(says...)
		return site.SetUser(tx, now, wanted)
	})
}

// SuspendUser has readers forget the credentials of a user, who keeps them, or have them again.
func (d *Desk) SuspendUser(ctx context.Context, a Actor, id uint64, suspended bool) error {
	act, target := ResumeUser, &auditTarget{user: id}
	if suspended {
		act = SuspendUser
	}
	return d.act(ctx, a, act, target, func(tx *store.Tx, now time.Time) error {
		changed, err := site.SuspendUser(tx, now, id, suspended)
		if !changed {
			target.text = language.Say("as before")
		}
		return err
	})
}

// RemoveUser removes a user with their PIN and cards.
func (d *Desk) RemoveUser(ctx context.Context, a Actor, id uint64) error {
	return d.act(ctx, a, RemoveUser, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		return site.RemoveUser(tx, now, id)
	})
}

// ErrNotSuspended refuses to remove a user who is not suspended.
var ErrNotSuspended = language.Say("only a user who is suspended can be removed; suspend them first")

// RemoveSuspendedUser is RemoveUser for programs, whose slips nobody sees: it is ErrNotSuspended
// unless the user is suspended.
func (d *Desk) RemoveSuspendedUser(ctx context.Context, a Actor, id uint64) error {
	return d.act(ctx, a, RemoveUser, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		u, err := site.User(tx, id)
		switch {
		case err != nil:
			return err
		case !u.Suspended:
			return ErrNotSuspended
		}
		return site.RemoveUser(tx, now, id)
	})
}

// FindUser returns the user with a number, or with a name that only one user has.
func (d *Desk) FindUser(ctx context.Context, a Actor, who string) (found *UserRow, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		u, err := site.FindUser(tx, who)
		if err != nil {
			return err
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if seen, err := r.seesUser(tx, u); err != nil || !seen {
			return errors.Join(err, ErrNotFound)
		}
		rows, err := d.userRows(tx, a, []*store.User{u})
		if err == nil {
			found = rows[0]
		}
		return err
	})
	return found, err
}
