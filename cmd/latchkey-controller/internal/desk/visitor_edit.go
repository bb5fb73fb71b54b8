package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// EditVisit edits the name, the email, the dates and the doors of a visitor whose visit is not over, or is
// not with the new end. edit gets the current form, with times as in RFC 3339 and without limits
// of the PIN, which stay. Doors to which they were invited before may stay even if they take no
// visitors any more. Fields as of VisitForm.
func (d *Desk) EditVisit(ctx context.Context, a Actor, id uint64, edit func(*VisitForm)) error {
	target := &auditTarget{user: id}
	return d.act(ctx, a, EditUser, target, func(tx *store.Tx, now time.Time) error {
		u, err := site.User(tx, id)
		if err != nil {
			return err
		}
		all, err := tx.Invitations([]uint64{id})
		if err != nil {
			return err
		}
		invited, is := all[id]
		if !is {
			return language.Say("%s is no visitor", u.Name).Because(ErrNotFound)
		}
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		before := site.VisitorDoors(u)
		form := VisitForm{
			First: u.First, Last: u.Last, Email: u.Email, From: timeText(u.From, time.RFC3339, time.UTC), Until: timeText(u.Until, time.RFC3339, time.UTC),
			Zone: in, Doors: slices.Clone(before),
		}
		edit(&form)
		wanted, wrongs := form.user(now, time.Unix(invited.At, 0))
		if err := wrongs.err(); err != nil {
			return err
		}
		after := site.VisitorDoors(wanted)
		if _, err := admit(tx, now, slices.DeleteFunc(slices.Clone(after), func(door int64) bool { return slices.Contains(before, door) })); err != nil {
			return err
		}
		edited := *u
		edited.First, edited.Last, edited.Name, edited.Email = wanted.First, wanted.Last, wanted.Name, wanted.Email
		edited.From, edited.Until, edited.Groups = wanted.From, wanted.Until, wanted.Groups
		was, err := visitSettings(tx, u, before, in)
		if err != nil {
			return err
		}
		isNow, err := visitSettings(tx, &edited, after, in)
		if err != nil {
			return err
		}
		target.text = joined(changes(was, isNow)...)
		return tx.SetUser(now.Unix(), &edited)
	})
}

// visitSettings returns what an edit of a visit can change, with times in a zone.
func visitSettings(tx *store.Tx, u *store.User, doors []int64, in *time.Location) ([]setting, error) {
	var names []string
	for _, id := range doors {
		door, err := tx.Place(store.Doors, id)
		if errors.Is(err, store.ErrNotFound) {
			door, err = &store.Place{Name: fmt.Sprint("door ", id, ", which was removed")}, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, door.Name)
	}
	slices.Sort(names)
	return append(userSettings(u, in), setting{language.Say("doors¦a setting"), language.Data(strings.Join(names, ", "))}), nil
}
