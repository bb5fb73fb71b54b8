package desk

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An extent says what an act of administrators who are limited to locations is done to. The
// zero value says nothing: each act of a role has one.
type extent int

const (
	_          extent = iota
	ofSite            // the whole site: they may not do it
	inReach           // places, readers, users and groups: to those that are in their reach
	everywhere        // what has no place: the list of users, a group that is new
)

// A reach is what of the site an actor acts on: all, or what is at some locations. It is as it
// was when it was asked for.
type reach struct {
	all       bool
	locations []int64
	readers   map[string]*store.ReaderPlace // nil: not loaded, as all is in reach
	parents   map[Level]map[int64]int64     // of hubs and doors: the location
}

// limited says whether an administrator acts at some locations only. An Owner never does.
func limited(admin *store.Admin) bool { return admin.Limited && Role(admin.Role) != Owner }

// reach returns the actor's reach, as the database has it now. Programs with a token have that
// of the administrator who made it.
func (a Actor) reach(tx *store.Tx) (*reach, error) {
	var admin int64
	is := a.limited
	switch {
	case a.token() != 0:
		row, err := tx.Token(a.token())
		if errors.Is(err, store.ErrNotFound) {
			return nil, ErrNoToken
		}
		if err != nil {
			return nil, err
		}
		admin, is = row.Admin, tokenLimited(row)
	case a.session != (wire.Hash{}):
		row, err := tx.Session(a.session)
		if errors.Is(err, store.ErrNotFound) {
			return nil, ErrSignedOut
		}
		if err != nil {
			return nil, err
		}
		found, err := tx.Admin(row.Admin)
		if err != nil {
			return nil, err
		}
		admin, is = row.Admin, limited(found)
	}
	if !is {
		return &reach{all: true}, nil
	}
	r := &reach{parents: map[Level]map[int64]int64{Hubs: {}, Doors: {}}}
	var err error
	if r.locations, err = tx.AdminLocations(admin); err != nil {
		return nil, err
	}
	if r.readers, err = tx.ReaderPlaces(); err != nil {
		return nil, err
	}
	hubs, err1 := tx.Places(store.Hubs)
	doors, err2 := tx.Places(store.Doors)
	for _, hub := range hubs {
		r.parents[Hubs][hub.ID] = hub.Parent
	}
	for _, door := range doors {
		r.parents[Doors][door.ID] = r.parents[Hubs][door.Parent]
	}
	return r, errors.Join(err1, err2)
}

// has says whether a place is in reach. The whole site, and what does not exist, is in that of
// those only who are not limited.
func (r *reach) has(w Where) bool {
	location := w.ID
	if w.Level != Locations {
		location = r.parents[w.Level][w.ID]
	}
	return r.all || slices.Contains(r.locations, location) // no location has the id 0
}

// hasReader says whether a reader is in reach: by the door that it serves, or served.
func (r *reach) hasReader(id string) bool {
	at := r.readers[id]
	return r.all || at != nil && slices.Contains(r.locations, at.Location)
}

// elsewhere returns the groups that may open a door out of reach, without everyone: whoever puts
// everyone on a door's list means also the users whom others add.
func (r *reach) elsewhere(tx *store.Tx) (groups []string, err error) {
	if r.all {
		return nil, nil
	}
	err = eachPolicy(tx, func(p *wire.Policy, removed bool) error {
		if !removed && !r.hasReader(p.Reader) {
			groups = append(groups, store.PolicyGroups(p)...)
		}
		return nil
	})
	return slices.DeleteFunc(groups, func(group string) bool { return group == wire.Everyone }), err
}

// hasUser says whether all doors that a user's groups may open are in reach.
func (r *reach) hasUser(tx *store.Tx, u *store.User) (bool, error) {
	for _, door := range site.VisitorDoors(u) { // also those that take no visitors now
		if !r.has(Where{Doors, door}) {
			return false, nil
		}
	}
	elsewhere, err := r.elsewhere(tx)
	return !slices.ContainsFunc(u.Groups, func(group string) bool { return slices.Contains(elsewhere, group) }), err
}

// reaches refuses an act with an ErrNotAllowed if some of its target is out of the actor's reach.
func (a Actor) reaches(tx *store.Tx, target *auditTarget) error {
	r, err := a.reach(tx)
	if err != nil || r.all {
		return err
	}
	if target.reader != "" && r.readers[target.reader] != nil && !r.hasReader(target.reader) {
		return fmt.Errorf("%w: %s is not at one of your locations", ErrNotAllowed, doorName(r.readers, target.reader))
	}
	for _, w := range target.at {
		if r.has(w) {
			continue
		}
		name, err := w.name(tx)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if w == (Where{}) {
			return fmt.Errorf("%w: this is for the whole site, and you are limited to some locations", ErrNotAllowed)
		}
		return fmt.Errorf("%w: %s is not at one of your locations", ErrNotAllowed, cmp.Or(name, "this"))
	}
	elsewhere, err := r.elsewhere(tx)
	if err != nil {
		return err
	}
	for _, group := range target.groups {
		if slices.Contains(elsewhere, group) {
			return fmt.Errorf("%w: the group %s may open doors that are not at your locations", ErrNotAllowed, group)
		}
	}
	if target.user == 0 {
		return nil
	}
	u, err := tx.User(target.user)
	if err != nil {
		return ignoreNotFound(err) // the act says so, or has removed them
	}
	if in, err := r.hasUser(tx, u); in || err != nil {
		return err
	}
	return fmt.Errorf("%w: %s may open doors that are not at your locations", ErrNotAllowed, u.Name)
}
