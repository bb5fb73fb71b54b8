package desk

import (
	"context"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// NumberedUsers selects users who are no visitors, for pages that have numbers. Such pages
// repeat or leave out users where users are added, removed or renamed between them.
type NumberedUsers = store.NumberedUsers

// NumberedUsers returns those of the selected users, by name, who come after skip others, at
// most 1000, and how many are selected. They are without what UserRow and User have of doors:
// Seen, Visit and Elsewhere.
func (d *Desk) NumberedUsers(ctx context.Context, a Actor, n NumberedUsers, skip, limit int) (users []*User, found int, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		var rows []*store.User
		if rows, found, err = tx.NumberedUsers(n, skip, pageSize(limit)); err != nil {
			return err
		}
		ids := make([]uint64, len(rows))
		for i, u := range rows {
			ids[i] = u.ID
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		all, err := tx.CredentialsOfAll(ids)
		if err != nil {
			return err
		}
		for _, u := range rows {
			user := &User{UserRow: *d.userRow(a, u, all[u.ID]), Created: moment(u.Created)}
			if user.Credentials, err = d.credentials(tx, r, user.credentials); err != nil {
				return err
			}
			users = append(users, user)
		}
		return nil
	})
	return users, found, err
}

// userRow returns a user as listed for an actor, without Seen and Visit.
func (d *Desk) userRow(a Actor, u *store.User, credentials []*store.Credential) *UserRow {
	row := &UserRow{
		row: u, ID: u.ID, Name: u.Name, First: u.First, Last: u.Last, Groups: ordinary(u.Groups),
		From: moment(u.From), Until: moment(u.Until), Extended: u.Extended, Validity: validity(u.From, u.Until, d.now()),
		Email: u.Email, Employee: u.Employee, Suspended: u.Suspended, credentials: credentials,
	}
	if !a.May(ViewDuress) {
		row.credentials = slices.DeleteFunc(row.credentials, func(c *store.Credential) bool { return c.Duress })
	}
	for _, c := range row.credentials {
		if c.Kind == wire.PIN {
			row.PIN = true
		} else {
			row.Cards++
			if c.Chip == 0 {
				row.Copyable++
			}
		}
		if c.Exposed {
			row.Exposed++
		}
	}
	return row
}

// credentials returns credentials as people see them, PINs first, with uses in reach.
func (d *Desk) credentials(tx *store.Tx, r *reach, rows []*store.Credential) (all []Credential, err error) {
	uids, err := d.site.UIDs(rows)
	if err != nil {
		return nil, err
	}
	for _, c := range rows {
		credential := Credential{
			ID: c.ID, Kind: c.Kind.String(), UID: uids[c.ID], Given: moment(c.Created), By: c.By, Exposed: c.Exposed,
			Duress: c.Duress, Limits: limitsOf(c), Ends: moment(c.Ends()),
			Chip: chips[c.Chip], Generation: c.Generation,
		}
		if credential.Used, err = pinUses(tx, c); err != nil {
			return nil, err
		}
		used := len(credential.Used)
		credential.Used = slices.DeleteFunc(credential.Used, func(u PINUse) bool { return !r.hasReader(u.Reader) })
		if used > 0 && len(credential.Used) == 0 {
			credential.Ends = time.Time{} // it tells when the PIN was used
		}
		all = append(all, credential)
	}
	slices.SortStableFunc(all, func(a, b Credential) int { return strings.Compare(b.Kind, a.Kind) })
	return all, nil
}

// An OwnedCard is a card with whose it is.
type OwnedCard struct {
	Credential
	User    *UserRow // without Seen, Visit, and what it has of credentials
	Visitor bool     // the user is one
}

// NumberedCards returns the cards that come after skip others, by their ids, at most 1000, and
// how many there are.
func (d *Desk) NumberedCards(ctx context.Context, a Actor, skip, limit int) (cards []*OwnedCard, found int, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		rows, users, n, err := tx.NumberedCards(r.visitors(), skip, pageSize(limit))
		if err != nil {
			return err
		}
		found = n
		cards, err = d.ownedCards(tx, a, r, rows, users)
		return err
	})
	return cards, found, err
}

// Card returns the card of a credential, or ErrNotFound.
func (d *Desk) Card(ctx context.Context, a Actor, credential uint64) (card *OwnedCard, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		c, err := cardOf(tx, credential)
		if err != nil {
			return err
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		u, err := r.user(tx, c.User)
		if err != nil {
			return err
		}
		cards, err := d.ownedCards(tx, a, r, []*store.Credential{c}, map[uint64]*store.User{u.ID: u})
		if err == nil {
			card = cards[0]
		}
		return err
	})
	return card, err
}

// cardOf returns the card with a credential's id, or ErrNotFound.
func cardOf(tx *store.Tx, credential uint64) (*store.Credential, error) {
	c, err := tx.Credential(credential)
	if err == nil && c.Kind != wire.Card {
		return nil, ErrNotFound
	}
	return c, err
}

func (d *Desk) ownedCards(tx *store.Tx, a Actor, r *reach, rows []*store.Credential, users map[uint64]*store.User) (cards []*OwnedCard, err error) {
	credentials, err := d.credentials(tx, r, rows)
	if err != nil {
		return nil, err
	}
	ids := make([]uint64, len(rows))
	for i, c := range rows {
		ids[i] = c.User
	}
	visitors, err := tx.Invitations(ids)
	for i, c := range rows {
		_, visitor := visitors[c.User]
		cards = append(cards, &OwnedCard{credentials[i], d.userRow(a, users[c.User], nil), visitor})
	}
	return cards, err
}
