package desk

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// MaxVisit is the longest time for which a visitor may be invited.
const MaxVisit = 31 * 24 * time.Hour

// A VisitForm is an invitation. Its fields in errors are "first", "last", "email", "from",
// "until", "doors", "uses", "within".
type VisitForm struct {
	First, Last string
	Email       string // "": none
	From        string // for ParseTime; "": now
	Until       string // for ParseTime
	Zone        *time.Location
	Doors       []int64
	Limits      PINLimits // of the PIN
}

// user returns the visitor of the form, who was invited at a time, or the errors in its fields.
func (f *VisitForm) user(now, invited time.Time) (*store.User, FieldErrors) {
	u, wrongs := UserForm{First: f.First, Last: f.Last, Email: f.Email, From: f.From, Until: f.Until, Zone: f.Zone}.user()
	if Fields(wrongs.err())["until"] == nil {
		wrongs.add(checkVisit(now, invited, u))
	}
	doors := slices.Clone(f.Doors)
	slices.Sort(doors)
	doors = slices.Compact(doors)
	switch {
	case len(doors) == 0:
		wrongs.add(wrong("doors", "Choose at least one door"))
	case doors[0] <= 0: // which has no group
		wrongs.add(wrong("doors", "There is no door %s: choose another", strconv.FormatInt(doors[0], 10)))
	case len(doors) > wire.MaxGroups:
		wrongs.add(wrong("doors", "A visitor can be invited to at most %d doors", wire.MaxGroups))
	}
	for _, door := range doors {
		u.Groups = append(u.Groups, site.VisitorGroup(door))
	}
	slices.Sort(u.Groups)
	_, limits := f.Limits.terms()
	wrongs.add(limits.err())
	return u, wrongs
}

// checkVisit checks the dates of a visitor, who was invited at a time.
func checkVisit(now, invited time.Time, u *store.User) error {
	begins := max(invited.Unix(), u.From)
	var wrongs FieldErrors
	switch {
	case u.Until == 0:
		wrongs.add(wrong("until", "Enter when the visit ends"))
	case u.Until <= now.Unix():
		wrongs.add(wrong("until", "This time has passed; choose a later one"))
	case u.Until-begins > int64(MaxVisit/time.Second):
		wrongs.add(wrong("until", "A visit lasts at most 31 days; add a user for somebody who comes for longer"))
	}
	return wrongs.asMistyped().err()
}

// checkVisitorsPIN refuses a PIN for a visitor that somebody has chosen, unless it was drawn for
// them, or that comes after the visit.
func checkVisitorsPIN(tx *store.Tx, now time.Time, user uint64, choice PIN, drawn bool) error {
	if is, err := tx.IsVisitor(user); err != nil || !is {
		return err
	}
	u, err := tx.User(user)
	switch {
	case err != nil:
		return err
	case choice.Choice == Chosen && !drawn:
		return wrong("pin", "The PIN of a visitor is always generated: nobody else then knows it, or guesses it")
	case u.Until <= now.Unix():
		return wrong("pin", "The visit of %s is over: change its end first, or invite them anew", u.Name)
	}
	return nil
}

// keepVisit keeps a visitor's doors when they are edited, and checks their dates.
func keepVisit(tx *store.Tx, now time.Time, u, wanted *store.User) error {
	all, err := tx.Invitations([]uint64{u.ID})
	invited, is := all[u.ID]
	if err != nil || !is {
		return err
	}
	if len(wanted.Groups) > 0 {
		return wrong("groups", "A visitor is in no group: they open the doors to which they are invited")
	}
	wanted.Groups = slices.Clone(u.Groups)
	if wanted.Until == u.Until && wanted.From == u.From {
		return nil
	}
	return checkVisit(now, time.Unix(invited.At, 0), wanted)
}

// Invite adds a visitor with a generated PIN, which opens the doors of the form, and what
// everyone may open, for the time of the visit. It returns the PIN's digits, for the caller to
// show once and to wipe.
func (d *Desk) Invite(ctx context.Context, a Actor, form VisitForm) (id uint64, digits []byte, err error) {
	target := &auditTarget{subject: TidyName(form.First + " " + form.Last), newcomers: true}
	for _, door := range form.Doors {
		target.at = append(target.at, Where{Doors, door})
	}
	if err := d.check(ctx, a, InviteVisitor, target); err != nil {
		return 0, nil, err
	}
	if form.Zone == nil {
		if form.Zone, err = d.Zone(ctx); err != nil {
			return 0, nil, err
		}
	}
	now := d.now()
	u, wrongs := form.user(now, now)
	if err := wrongs.err(); err != nil {
		return 0, nil, err
	}
	pin, digits, err := d.newPIN(ctx, PIN{Choice: Auto, Limits: form.Limits})
	if err != nil {
		return 0, nil, err
	}
	defer pin.Wipe()
	err = d.act(ctx, a, InviteVisitor, target, func(tx *store.Tx, now time.Time) error {
		names, err := admit(tx, now, site.VisitorDoors(u))
		if err != nil {
			return err
		}
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		target.text = visitText(u, names, form.Limits, in)
		if err := d.site.AddUser(tx, now, a.Name, u, pin, nil); err != nil {
			return err
		}
		target.user = u.ID
		return tx.SetInvitation(u.ID, store.Invitation{At: now.Unix(), By: a.Name})
	})
	if err != nil {
		clear(digits)
		if old := (*site.OldReaders)(nil); errors.As(err, &old) { // the limits are to blame
			return 0, nil, wrongField(map[bool]string{true: "uses", false: "within"}[form.Limits.Uses != 0], err)
		}
		return 0, nil, err
	}
	return u.ID, digits, nil
}

// admit checks that a visitor can open the doors to which they are invited now, and returns the
// doors' names.
func admit(tx *store.Tx, now time.Time, invited []int64) (names []string, err error) {
	doors, err := visitDoors(tx, now)
	if err != nil {
		return nil, err
	}
	for _, id := range invited {
		place, err := placeOf(tx, Doors, id)
		if errors.Is(err, ErrNotFound) {
			return nil, wrong("doors", "There is no door %s any more: choose another", strconv.FormatInt(id, 10))
		}
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(doors, func(d *VisitDoor) bool { return d.ID == id })
		switch {
		case at < 0:
			return nil, wrong("doors", "%s has no reader: choose another door", place.Name)
		case !doors[at].Takes:
			return nil, wrong("doors", "Visitors may not be invited to %s: choose another door, or have that switched on under Settings of the door, in the console", place.Name)
		case doors[at].Why != nil:
			return nil, wrong("doors", "A visitor cannot open %s: %s. Choose another door", place.Name, doors[at].Why)
		}
		names = append(names, place.Name)
	}
	return names, nil
}

// visitText describes an invitation in the audit.
func visitText(u *store.User, doors []string, limits PINLimits, in *time.Location) *language.Sentence {
	to := language.Say("%s", strings.Join(doors[:min(len(doors), namedDoors)], ", "))
	if more := len(doors) - namedDoors; more > 0 {
		to = language.Count(more, "%[2]s and %[1]d more", "%[2]s and %[1]d more", to)
	}
	says := language.Series{language.Say("to %s¦doors", to)}
	if u.From != 0 {
		says = append(says, language.Say("from %s¦a time", language.Moment(moment(u.From).In(in))))
	}
	says = append(says, language.Say("until %s¦a time", language.Moment(moment(u.Until).In(in))))
	if l := limits.said(); l != nil {
		says = append(says, language.Say("with a PIN %s¦for some uses or some time", l))
	}
	return language.Say("%s", says)
}
