package desk

import (
	"context"
	"errors"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// What those who are limited to locations see: the users, groups and schedules of the site, and
// of all else what is in their reach. Visitors are seen if one of their doors is.

// A Sight says at which doors and readers somebody sees what happens. The zero value: at none.
type Sight struct{ r *reach }

// Sight returns an actor's, as it is now.
func (d *Desk) Sight(ctx context.Context, a Actor) (s Sight, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error { s.r, err = a.reach(tx); return err })
	return s, err
}

// Reader says whether what happens at a reader is seen; "": at none.
func (s Sight) Reader(id string) bool { return id == "" || s.r != nil && s.r.hasReader(id) }

// Door says whether a door is seen.
func (s Sight) Door(id int64) bool { return s.r != nil && s.r.has(Where{Doors, id}) }

// sees says whether a mode is seen that is wanted of a place: those of the whole site are.
func (r *reach) sees(w Where) bool { return w == (Where{}) || r.has(w) }

// readerIDs returns the readers in reach; nil: all.
func (r *reach) readerIDs() []string {
	if r.all {
		return nil
	}
	ids := []string{} // not nil
	for id := range r.readers {
		if r.hasReader(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// visitors returns the groups of the visitors of all doors in reach; nil: all.
func (r *reach) visitors() []string {
	if r.all {
		return nil
	}
	groups := []string{}
	for door := range r.parents[Doors] {
		if r.has(Where{Doors, door}) {
			groups = append(groups, site.VisitorGroup(door))
		}
	}
	return groups
}

// seesUser says whether a user is seen: all are but the visitors of other doors.
func (r *reach) seesUser(tx *store.Tx, u *store.User) (bool, error) {
	if r.all {
		return true, nil
	}
	visitor, err := tx.IsVisitor(u.ID)
	return !visitor || slices.ContainsFunc(site.VisitorDoors(u), func(door int64) bool { return r.has(Where{Doors, door}) }), err
}

// user returns a user who is seen, or ErrNotFound.
func (r *reach) user(tx *store.Tx, id uint64) (*store.User, error) {
	u, err := tx.User(id)
	if err != nil {
		return nil, err
	}
	if seen, err := r.seesUser(tx, u); err != nil || !seen {
		return nil, errors.Join(err, ErrNotFound)
	}
	return u, nil
}

// policies returns the policies of all readers in reach that have a board.
func (r *reach) policies(tx *store.Tx) ([]*wire.Policy, error) {
	policies, err := policiesInForce(tx)
	return slices.DeleteFunc(policies, func(p *wire.Policy) bool { return !r.hasReader(p.Reader) }), err
}

// narrow limits a filter to the events at readers in reach, and to what the administrator did
// themselves, or by tokens, at no reader, but for what was refused.
func (r *reach) narrow(tx *store.Tx, f *store.ActivityFilter) error {
	switch {
	case r.all:
		return nil
	case f.Readers != nil: // of a door
		f.Readers = slices.DeleteFunc(f.Readers, func(id string) bool { return !r.hasReader(id) })
		return nil
	}
	f.Readers = r.readerIDs()
	if f.NoActs {
		return nil
	}
	admin, err := tx.Admin(r.admin)
	if err != nil {
		return err
	}
	f.Actors = []store.Actor{{Admin: admin.ID, Who: admin.Name}}
	tokens, err := tx.Tokens()
	for _, k := range tokens {
		if k.Admin == admin.ID {
			f.Actors = append(f.Actors, store.Actor{Admin: -k.ID, Who: k.Name + tokenNameSays})
		}
	}
	return err
}
