package desk

import (
	"errors"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An extent says what an act of administrators who are limited to locations is done to. The
// zero value says nothing: each act of a role has one.
type extent int

const (
	_        extent = iota
	ofSite          // the whole site: they may not do it
	inReach         // what is in their reach, or has no place, like a group that is new
	harmless        // what they see, or their own tokens: also if none of their locations is left
)

// A reach is what of the site an actor acts on: all, or what is at some locations. It is as it
// was when it was asked for.
type reach struct {
	all       bool
	admin     int64 // who is limited
	locations []int64
	readers   map[string]*store.ReaderPlace // nil: not loaded, as all is in reach
	parents   map[Level]map[int64]int64     // of hubs and doors: the location
	groups    []string                      // that policies of doors out of reach name, sorted; nil: not loaded
}

// Refusals of who is limited to locations.
var (
	// ErrNowhere: none of their locations is left. It is an ErrNotAllowed.
	ErrNowhere = notAllowed(language.Say("none of your locations is there any more: ask an Owner to choose others"))
	// errElsewhere names nothing: they do not see what is there.
	errElsewhere = notAllowed(language.Say("this is not at one of your locations"))
	// errUsedElsewhere is of a schedule.
	errUsedElsewhere = notAllowed(language.Say("a door that is not at one of your locations uses it"))
	// errWholeSite is of what is for the whole site.
	errWholeSite = notAllowed(language.Say("this is for the whole site, and you are limited to some locations: ask an administrator of the whole site"))
)

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
	r := &reach{admin: admin, parents: map[Level]map[int64]int64{Hubs: {}, Doors: {}}}
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

// guards says whether a reader stands at a door out of reach. So does one that was removed: its
// policy counts again when it is adopted anew. So does one whose door is gone: nobody knows where.
func (r *reach) guards(reader string) bool {
	at := r.readers[reader]
	return at != nil && !r.hasReader(reader)
}

// load reads the groups of elsewhere: hasGroup and checkUser need it.
func (r *reach) load(tx *store.Tx) error {
	if r.all || r.groups != nil {
		return nil
	}
	groups := []string{}
	err := eachPolicy(tx, func(p *wire.Policy, _ bool) error {
		if r.guards(p.Reader) {
			groups = append(groups, store.PolicyGroups(p)...)
		}
		return nil
	})
	slices.Sort(groups)
	r.groups = slices.Compact(groups)
	return err
}

// hasGroup says whether no door out of reach names a group.
func (r *reach) hasGroup(group string) bool {
	_, is := slices.BinarySearch(r.groups, group)
	return !is
}

// checkNewcomers refuses to add users and visitors with an ErrNotAllowed if they would open a door
// out of reach, as everyone does.
func (r *reach) checkNewcomers() error {
	if r.hasGroup(wire.Everyone) {
		return nil
	}
	return notAllowed(language.Say("whoever is added may open doors that are not at your locations, as everyone may: ask an administrator of the whole site to add them, or to put groups on the lists of those doors instead of everyone"))
}

// checkGroup refuses a group that may open a door out of reach with an ErrNotAllowed.
func (r *reach) checkGroup(group string) error {
	if r.hasGroup(group) {
		return nil
	}
	return notAllowed(language.Say("the group %s may open doors that are not at your locations", group))
}

// checkReader refuses a reader that is out of reach with an ErrNotAllowed. Of one that does not
// exist the act says so.
func (r *reach) checkReader(id string) error {
	if r.readers[id] == nil || r.hasReader(id) {
		return nil
	}
	return errElsewhere
}

// checkPlace refuses a place that is out of reach with an ErrNotAllowed.
func (r *reach) checkPlace(w Where) error {
	_, known := levels[w.Level]
	switch {
	case r.has(w):
		return nil
	case !known:
		return errWholeSite
	}
	return errElsewhere
}

// checkUser refuses a user who may open a door out of reach with an ErrNotAllowed. It does not
// name visitors who are not seen: those of whose doors none is in reach.
func (r *reach) checkUser(u *store.User) error {
	out := slices.ContainsFunc(u.Groups, func(group string) bool { return !r.hasGroup(group) })
	invited := site.VisitorDoors(u) // also to those that take no visitors now
	for _, door := range invited {
		_, is := r.parents[Doors][door]
		out = out || is && !r.has(Where{Doors, door})
	}
	switch {
	case len(invited) > 0 && !slices.ContainsFunc(invited, func(door int64) bool { return r.has(Where{Doors, door}) }):
		return errElsewhere
	case out:
		return notAllowed(language.Say("%s may open doors that are not at your locations", u.Name))
	case !r.hasGroup(wire.Everyone):
		return notAllowed(language.Say("%s may open doors that are not at your locations, as everyone may: ask an administrator of the whole site to change them, or to put groups on the lists of those doors instead of everyone", u.Name))
	}
	return nil
}

// reaches refuses an act with an ErrNotAllowed if some of its target is out of the actor's reach.
func (a Actor) reaches(tx *store.Tx, act Act, target *auditTarget) error {
	r, err := a.reach(tx)
	if err != nil || r.all || target.view {
		return err
	}
	if extent := rules[act].extent; len(r.locations) == 0 && extent != 0 && extent != harmless {
		return ErrNowhere
	}
	if err := r.checkReader(target.reader); err != nil {
		return err
	}
	for _, w := range target.at {
		if err := r.checkPlace(w); err != nil {
			return err
		}
	}
	if target.user == 0 && len(target.groups) == 0 && !target.newcomers {
		return nil
	}
	if err := r.load(tx); err != nil {
		return err
	}
	for _, group := range target.groups {
		if err := r.checkGroup(group); err != nil {
			return err
		}
	}
	if target.newcomers {
		if err := r.checkNewcomers(); err != nil {
			return err
		}
	}
	if target.user == 0 {
		return nil
	}
	u, err := tx.User(target.user)
	if err != nil {
		return ignoreNotFound(err) // the act says so, or has removed them
	}
	return r.checkUser(u)
}
