package desk

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A UserRow is a user in a list.
type UserRow struct {
	ID       uint64
	Name     string // as readers greet the user
	First    string
	Last     string
	Groups   []string  // sorted, without everyone and those of visitors
	PIN      bool      // has one
	Cards    int       //
	Copyable int       // of the cards, how many can be copied
	Exposed  int       // credentials that a lost reader may have disclosed
	From     time.Time // zero: no beginning
	Until    time.Time // zero: no end
	Extended bool
	Validity Validity
	Seen     *Seen  // at a door in the actor's reach; nil: not yet
	Unseen   bool   // they are one of store.UnseenUsers
	Visit    *Visit // nil: no visitor

	Email     string
	Employee  string // number of an employee
	Suspended bool   // readers have none of their credentials, which they keep

	row         *store.User
	credentials []*store.Credential
}

// A Validity says whether a user's dates include now.
type Validity string

// The validities.
const (
	Valid       Validity = ""
	NotYetValid Validity = "not yet valid"
	Expired     Validity = "expired"
)

// validity compares dates in Unix seconds, 0: none, with a time.
func validity(from, until int64, now time.Time) Validity {
	switch {
	case until != 0 && now.Unix() >= until:
		return Expired
	case now.Unix() < from:
		return NotYetValid
	}
	return Valid
}

// A Seen is where and when a user was last granted access.
type Seen struct {
	Door  string
	At    time.Time
	Event int64 // its id
}

// A Credential is a PIN or a card of a user, without its secret.
type Credential struct {
	ID      uint64
	Kind    string // "pin" or "card"
	UID     string // of a card, masked: "… E5 80"
	Given   time.Time
	By      string // who assigned it; "": not known
	Exposed bool   // a lost reader may have disclosed it: replace it

	// Of a PIN.
	Duress bool      // it is an alarm as well; such PINs exist for actors who may ViewDuress
	Limits PINLimits //
	Used   []PINUse  // of one with limits, at the readers that have told of it
	Ends   time.Time // when its time from the first use is over; zero: it has not begun, or has no such limit

	// Of a card that proves itself.
	Chip       string // "MIFARE DESFire EV2 or EV3"; "": no card, or one that can be copied
	Generation uint8  // of its keys, from 1
}

// Copyable says whether it is a card that anybody can copy who has held it.
func (c *Credential) Copyable() bool { return c.Kind == wire.Card.String() && c.Chip == "" }

// chips are the names of the chips that can prove themselves.
var chips = map[wire.CardChip]string{
	wire.DESFireEV2: "MIFARE DESFire EV2 or EV3", wire.NTAG424: "NTAG 424 DNA", wire.DESFireEV1: "MIFARE DESFire EV1",
}

// A CardCount counts the cards of all users.
type CardCount struct {
	Cards    int
	Copyable int // of these, how many can be copied
}

// CountCards counts the cards of all users whom the actor sees.
func (d *Desk) CountCards(ctx context.Context, a Actor) (n CardCount, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		n.Cards, n.Copyable, err = tx.CountCards(r.visitors())
		return err
	})
	return n, err
}

// Exposed says whether any PIN or card of the site may have been disclosed by a lost reader, and was not replaced.
func (d *Desk) Exposed(ctx context.Context, a Actor) (any bool, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		any, err = tx.AnyExposed()
		return err
	})
	return any, err
}

// A User is a user with everything to display about them.
type User struct {
	UserRow
	Created     time.Time
	Credentials []Credential // the PIN first
	Elsewhere   []ZoneDates  // their dates in other zones
}

// A UserState is a filter for users besides their names.
type UserState = store.UserState

// UnseenDays is for how many days no door has opened to store.UnseenUsers, or for as long as
// activity is kept if that is less.
const UnseenDays = 90

// UserStates returns all states. Users without credentials, those whose card can be or was copied,
// visitors, those who are suspended, whose PIN or card is exposed, and those who were not seen may also be in one of the others.
func UserStates() []UserState {
	return []UserState{store.AnyState, store.ValidUsers, store.ExpiredUsers, store.EarlyUsers, store.BareUsers, store.CopyableUsers, store.InvitedUsers, store.SuspendedUsers, store.CopiedUsers, store.ExposedUsers, store.UnseenUsers}
}

var stateTitles = map[UserState]*language.Sentence{
	store.AnyState: language.Say("All¦users"), store.ValidUsers: language.Say("Valid now"), store.ExpiredUsers: language.Say("Expired"), store.EarlyUsers: language.Say("Not yet valid"), store.BareUsers: language.Say("No credentials"),
	store.CopyableUsers: language.Say("Card can be copied"), store.InvitedUsers: language.Say("Visitors"), store.SuspendedUsers: language.Say("Suspended"),
	store.CopiedUsers: language.Say("Card was copied"), store.ExposedUsers: language.Say("Exposed PIN or card"), store.UnseenUsers: language.Say("Not seen for 90 days"),
}

// StateTitle returns a state's name for people.
func StateTitle(s UserState) *language.Sentence {
	return cmp.Or(stateTitles[s], language.Data(string(s)))
}

// A UserQuery selects users. Each word of Search must begin a word of the user's name,
// of a group, or of their email or employee number, ignoring case and accents.
type UserQuery struct {
	Search string
	State  UserState // "": any
	Group  string    // only those in it; "" or everyone: all
	Order  UserOrder // "": by name
	After  string    // UserPage.Next of the previous page; "": the first page
	Limit  int       // 0: 50; at most 1000
}

// A UserPage is a page of users.
type UserPage struct {
	Users []*UserRow
	Total int    // users of the site
	Found int    // that the query selects
	Next  string // "": this is the last page
}

// moment returns a time in Unix seconds; 0: the zero time.
func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// defaultPageSize and maxPageSize are in rows.
const defaultPageSize, maxPageSize = 50, 1000

// pageSize returns the number of rows on a page for a requested limit; 0: the
// default.
func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPageSize
	}
	return min(limit, maxPageSize)
}

// Users returns a page of users. Fields: "state", "order".
func (d *Desk) Users(ctx context.Context, a Actor, q UserQuery) (page *UserPage, err error) {
	after, err := parseCursor(q.After)
	if err != nil {
		return nil, ErrNotFound // no page has such a cursor
	}
	choice, err := d.userChoice(q)
	if err != nil {
		return nil, err
	}
	if choice.Order, err = userOrder(a, q.Order); err != nil {
		return nil, err
	}
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		if err := d.narrow(tx, a, &choice); err != nil {
			return err
		}
		found, err := tx.FindUsers(choice, after, pageSize(q.Limit))
		if err != nil {
			return err
		}
		page = &UserPage{Total: found.Total, Found: found.Found, Next: encodeCursor(found.Next)}
		page.Users, err = d.userRows(tx, a, found.Users)
		return err
	})
	return page, err
}

// userChoice returns which users a query selects. Field: "state".
func (d *Desk) userChoice(q UserQuery) (choice store.UserChoice, err error) {
	if states := UserStates(); !slices.Contains(states, q.State) {
		names := make([]string, len(states)-1) // the first is any
		for i, state := range states[1:] {
			names[i] = string(state)
		}
		return choice, wrong("state", "Unknown state; choose one of these: %s", strings.Join(names, ", "))
	}
	choice = store.UserChoice{Search: q.Search, State: q.State, Now: d.now().Unix()}
	if site.IsVisitorGroup(q.Group) {
		return choice, noGroup(q.Group)
	}
	if q.Group != "" && q.Group != wire.Everyone {
		choice.Groups = []string{q.Group}
	}
	return choice, nil
}

// narrow limits a choice to the users whom an actor sees, and fills in since when nobody has seen
// those of store.UnseenUsers.
func (d *Desk) narrow(tx *store.Tx, a Actor, choice *store.UserChoice) error {
	r, err := a.reach(tx)
	if err != nil {
		return err
	}
	choice.Visitors, choice.Readers = r.visitors(), r.readerIDs()
	if choice.State != store.UnseenUsers {
		return nil
	}
	choice.AddedBefore, choice.SeenSince, err = d.unseen(tx)
	return err
}

// unseen returns what is compared for store.UnseenUsers, as in store.UserChoice.
func (d *Desk) unseen(tx *store.Tx) (addedBefore, seenSince int64, err error) {
	days, err := tx.KeepDays()
	if err != nil {
		return 0, 0, err
	}
	long := time.Duration(min(days, UnseenDays)) * 24 * time.Hour
	now, err := d.steady(tx)
	if err != nil {
		return 0, 0, err
	}
	seenSince, _, err = tx.OlderThan(now.Add(-long))
	return d.now().Add(-long).Unix(), seenSince, err
}

// userRows returns users as listed for an actor.
func (d *Desk) userRows(tx *store.Tx, a Actor, users []*store.User) ([]*UserRow, error) {
	ids := make([]uint64, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	r, err := a.reach(tx)
	if err != nil {
		return nil, err
	}
	last, err := tx.LastGranted(ids, r.readerIDs())
	if err != nil {
		return nil, err
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return nil, err
	}
	addedBefore, seenSince, err := d.unseen(tx)
	if err != nil {
		return nil, err
	}
	visits, err := visitsOf(tx, users)
	if err != nil {
		return nil, err
	}
	for _, visit := range visits {
		visit.Doors = slices.DeleteFunc(visit.Doors, func(door VisitedDoor) bool { return !r.has(Where{Doors, door.ID}) })
	}
	rows := make([]*UserRow, len(users))
	for i, u := range users {
		credentials, err := tx.CredentialsOf(u.ID)
		if err != nil {
			return nil, err
		}
		row := d.userRow(a, u, credentials)
		row.Visit = visits[u.ID]
		row.Unseen = u.Created <= addedBefore
		if seen := last[u.ID]; seen != nil {
			row.Seen = &Seen{Door: doorName(places, seen.Reader), At: time.UnixMilli(seen.At), Event: seen.ID}
			row.Unseen = row.Unseen && seen.ID <= seenSince
		}
		rows[i] = row
	}
	return rows, nil
}

// doorName returns the name of a reader's door.
func doorName(places map[string]*store.ReaderPlace, reader string) string {
	if w := places[reader]; w != nil && w.DoorName != "" {
		return w.DoorName
	}
	return reader
}

// User returns a user, or ErrNotFound.
func (d *Desk) User(ctx context.Context, a Actor, id uint64) (user *User, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		u, err := r.user(tx, id)
		if err != nil {
			return err
		}
		rows, err := d.userRows(tx, a, []*store.User{u})
		if err != nil {
			return err
		}
		user = &User{UserRow: *rows[0], Created: moment(u.Created)}
		if user.Credentials, err = d.credentials(tx, r, user.credentials); err != nil {
			return err
		}
		doors, err := r.doorsOf(tx, u)
		if err != nil {
			return err
		}
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		user.Elsewhere, err = elsewhere(doors, in, user.From, user.Until)
		return err
	})
	return user, err
}

// doorsOf returns the doors in reach that a user's groups may open.
func (r *reach) doorsOf(tx *store.Tx, u *store.User) ([]doorZone, error) {
	policies, err := r.policies(tx)
	if err != nil {
		return nil, err
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return nil, err
	}
	credential := u.Wire(&store.Credential{})
	var all []doorZone
	for _, p := range policies {
		if slices.ContainsFunc(p.Access, func(entry wire.Access) bool { return credential.In(entry.Group) }) {
			all = append(all, doorZone{doorName(places, p.Reader), p.TimeZone})
		}
	}
	return all, nil
}
