package desk

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Visit is what makes a user a visitor.
type Visit struct {
	Invited time.Time
	By      string
	Doors   []VisitedDoor // by location and name
}

// A VisitedDoor is a door to which a visitor is invited.
type VisitedDoor struct {
	ID    int64
	Name  string
	Place string // the location's name
	Takes bool   // visitors may be invited to it: otherwise the invitation opens it no longer

	Everyone bool               // everyone may open it, and so may the visitor
	AtTimes  bool               // of Everyone: at set times only
	Why      *language.Sentence // why no visitor can open it with a PIN, as in VisitDoor
}

// Opens says whether the visitor's PIN opens the door at some time of the visit.
func (d *VisitedDoor) Opens() bool { return (d.Takes || d.Everyone) && d.Why == nil }

// But says for people, after the door's name, what has become of the invitation to it: "takes no
// visitors any more"; nil: it opens the door.
func (d *VisitedDoor) But() *language.Sentence {
	switch {
	case d.Opens() && d.Takes:
		return nil
	case d.Opens() && d.AtTimes:
		return language.Say("takes no visitors any more, but everyone may open it at set times, and so may they¦a door")
	case d.Opens():
		return language.Say("takes no visitors any more, but everyone may open it, and so may they¦a door")
	case !d.Takes:
		return language.Say("takes no visitors any more¦a door")
	}
	return language.Say("a PIN alone does not open it: %s", d.Why)
}

// Opened returns the doors that the visitor's PIN opens at some time of the visit.
func (v *Visit) Opened() (doors []VisitedDoor) {
	return slices.DeleteFunc(slices.Clone(v.Doors), func(d VisitedDoor) bool { return !d.Opens() })
}

// visitsOf returns the visits of those of some users who are visitors.
func visitsOf(tx *store.Tx, users []*store.User) (map[uint64]*Visit, error) {
	ids := make([]uint64, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	invitations, err := tx.Invitations(ids)
	if err != nil || len(invitations) == 0 {
		return nil, err
	}
	rows := map[Level]map[int64]*store.Place{}
	for l, level := range levels {
		places, err := tx.Places(level.rows)
		if err != nil {
			return nil, err
		}
		rows[l] = map[int64]*store.Place{}
		for _, p := range places {
			rows[l][p.ID] = p
		}
	}
	takes, err := tx.VisitedDoors()
	if err != nil {
		return nil, err
	}
	visited := []int64{0} // no door has this id
	for _, u := range users {
		if _, is := invitations[u.ID]; is {
			visited = append(visited, site.VisitorDoors(u)...)
		}
	}
	doors, err := visitDoors(tx, time.Time{}, visited...) // what no PIN ever opens is so at all times
	if err != nil {
		return nil, err
	}
	judged := map[int64]*VisitDoor{}
	for _, door := range doors {
		judged[door.ID] = door
	}
	visits := map[uint64]*Visit{}
	for _, u := range users {
		i, is := invitations[u.ID]
		if !is {
			continue
		}
		v := &Visit{Invited: moment(i.At), By: i.By}
		for _, id := range site.VisitorDoors(u) {
			if door := rows[Doors][id]; door != nil { // otherwise it was removed
				location := rows[Locations][rows[Hubs][door.Parent].Parent]
				at := VisitedDoor{ID: id, Name: door.Name, Place: location.Name, Takes: takes[id], Why: language.Say("it has no reader")}
				if is := judged[id]; is != nil {
					at.Everyone, at.AtTimes, at.Why = is.Everyone, is.AtTimes, is.Why
				}
				v.Doors = append(v.Doors, at)
			}
		}
		slices.SortStableFunc(v.Doors, func(a, b VisitedDoor) int {
			return compareKeys(store.SortKey(a.Place), store.SortKey(b.Place), store.SortKey(a.Name), store.SortKey(b.Name))
		})
		visits[u.ID] = v
	}
	return visits, nil
}

// compareKeys compares pairs of keys, one after the other.
func compareKeys(pairs ...string) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		if c := cmp.Compare(pairs[i], pairs[i+1]); c != 0 {
			return c
		}
	}
	return 0
}

// A VisitTime says when visits are, compared with now.
type VisitTime = store.VisitTime

// VisitTimes returns all times.
func VisitTimes() []VisitTime {
	return []VisitTime{store.AnyVisit, store.Here, store.Coming, store.Over}
}

var visitTitles = map[VisitTime]*language.Sentence{
	store.AnyVisit: language.Say("All¦visitors"), store.Here: language.Say("Now¦visitors who are here"), store.Coming: language.Say("Coming¦visitors"), store.Over: language.Say("Over¦visits"),
}

// VisitTitle returns a time's name for people.
func VisitTitle(t VisitTime) *language.Sentence {
	return cmp.Or(visitTitles[t], language.Data(string(t)))
}

// A VisitQuery selects visitors.
type VisitQuery struct {
	Search string    // as in UserQuery
	At     VisitTime // "": any
	After  string    // VisitorPage.Next of the previous page; "": the first page
	Skip   int       // of those after it, how many are left out
	Limit  int       // 0: 50; at most 1000

	Credentials bool // fill in VisitorPage.Credentials
}

// A VisitorPage is a page of visitors: those whose visit ends first, first.
type VisitorPage struct {
	Visitors []*UserRow
	Found    int    // that Search and At select
	Next     string // "": this is the last page

	Credentials map[uint64][]Credential // by the visitors' ids, as in User; nil: not asked for
}

// Visitors returns a page of visitors. Field: "at".
func (d *Desk) Visitors(ctx context.Context, a Actor, q VisitQuery) (page *VisitorPage, err error) {
	if !slices.Contains(VisitTimes(), q.At) {
		return nil, wrong("at", "Unknown time; choose %s, %s or %s", store.Here, store.Coming, store.Over)
	}
	after, err := parseVisitCursor(q.After)
	if err != nil {
		return nil, ErrNotFound // no page has such a cursor
	}
	limit := pageSize(q.Limit)
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		choice := store.VisitChoice{At: q.At, Now: d.now().Unix(), Groups: r.visitors()}
		page = &VisitorPage{}
		var users []*store.User
		if strings.TrimSpace(q.Search) != "" {
			users, page.Found, err = searchVisitors(tx, q.Search, choice, after)
			users = users[min(max(q.Skip, 0), len(users)):]
		} else if users, err = tx.Visitors(choice, after, max(q.Skip, 0), limit+1); err == nil {
			page.Found, err = tx.CountVisitors(choice)
		}
		if err != nil {
			return err
		}
		if len(users) > limit {
			users = users[:limit]
			last := users[limit-1]
			page.Next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d", last.Until, last.ID))
		}
		if page.Visitors, err = d.userRows(tx, a, users); err != nil || !q.Credentials {
			return err
		}
		page.Credentials = map[uint64][]Credential{}
		for _, u := range page.Visitors {
			if page.Credentials[u.ID], err = d.credentials(tx, r, u.credentials); err != nil {
				return err
			}
		}
		return nil
	})
	return page, err
}

// searchVisitors returns the visitors of a choice that a search finds, those whose visit ends first, first,
// without those up to a cursor, and how many there are with these.
func searchVisitors(tx *store.Tx, search string, c store.VisitChoice, after store.VisitCursor) (users []*store.User, found int, err error) {
	// A day after its end a visit is removed, so that there are not many.
	users, _, err = tx.UsersAfter(store.UserChoice{Search: search, State: store.InvitedUsers, Visitors: c.Groups}, store.UserCursor{}, math.MaxInt32)
	users = slices.DeleteFunc(users, func(u *store.User) bool { return c.At != store.AnyVisit && c.At != visitTime(u, c.Now) })
	compare := func(a *store.User, b store.VisitCursor) int {
		return cmp.Or(cmp.Compare(a.Until, b.Until), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(users, func(a, b *store.User) int { return compare(a, store.VisitCursor{Until: b.Until, ID: b.ID}) })
	found = len(users)
	return slices.DeleteFunc(users, func(u *store.User) bool { return compare(u, after) <= 0 }), found, err
}

// visitTime returns when a visitor's visit is.
func visitTime(u *store.User, now int64) VisitTime {
	switch {
	case u.Until <= now:
		return store.Over
	case u.From > now:
		return store.Coming
	}
	return store.Here
}

func parseVisitCursor(text string) (at store.VisitCursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return at, err
	}
	_, err = fmt.Sscanf(string(b), "%d %d", &at.Until, &at.ID)
	if err == nil && at.ID > 1<<63-1 {
		err = errors.New("no such id")
	}
	return at, err
}
