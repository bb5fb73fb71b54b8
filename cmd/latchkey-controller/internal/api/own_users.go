package api

import (
	"errors"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A listedUser is a user in the list of users.
type listedUser struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Email     string     `json:"email"`
	Employee  string     `json:"employee_number"`
	Groups    []string   `json:"groups"` // without everyone
	Visitor   bool       `json:"visitor"`
	Suspended bool       `json:"suspended"`
	From      *time.Time `json:"valid_from"`  // null: no beginning
	Until     *time.Time `json:"valid_until"` // null: no end
	PIN       bool       `json:"pin"`
	Cards     int        `json:"cards"`
	Copyable  int        `json:"copyable_cards"` // of these
	Seen      *lastSeen  `json:"last_seen"`      // null: not yet
}

// A lastSeen is when and where a door let somebody in last.
type lastSeen struct {
	Time   time.Time `json:"time"`
	Door   string    `json:"door"`
	Cursor string    `json:"cursor"` // of that event in the feed
}

// A usersAnswer is a page of the list of users.
type usersAnswer struct {
	Users []*listedUser `json:"users"`
	Found int           `json:"found"`
	Next  string        `json:"next"` // to be sent as after; "": this is the last page
}

// listedUsers answers GET /users: those in a state, by an order, as the console lists them.
func (a *API) listedUsers(c *call) (any, error) {
	q := c.r.URL.Query()
	query := desk.UserQuery{Search: q.Get("search"), State: desk.UserState(q.Get("state")), Group: q.Get("group"), Order: desk.UserOrder(q.Get("sort")), After: q.Get("after"), Limit: feedPage}
	if len(query.Search) > maxKeyword {
		return nil, badRequest("search has %d bytes; at most %d are possible", len(query.Search), maxKeyword)
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return nil, badRequest("limit must be a whole number from 1 to %d", maxPage)
		}
		query.Limit = n
	}
	page, err := a.desk.Users(c.r.Context(), c.actor, query)
	if errors.Is(err, desk.ErrNotFound) {
		return nil, badRequest("after is no cursor of a list of users, or the group is none that lists have; begin again without after")
	}
	if err != nil {
		return nil, err
	}
	answer := &usersAnswer{Users: make([]*listedUser, 0, len(page.Users)), Found: page.Found, Next: page.Next}
	for _, u := range page.Users {
		answer.Users = append(answer.Users, a.listedUser(u))
	}
	return answer, nil
}

func (a *API) listedUser(u *desk.UserRow) *listedUser {
	o := &listedUser{
		ID: a.ids.of(kindUser, int64(u.ID)), Name: u.Name, Email: u.Email, Employee: u.Employee, Groups: append([]string{}, u.Groups...),
		Visitor: u.Visit != nil, Suspended: u.Suspended, From: timeOrNull(u.From), Until: timeOrNull(u.Until), PIN: u.PIN, Cards: u.Cards, Copyable: u.Copyable,
	}
	if u.Seen != nil {
		o.Seen = &lastSeen{u.Seen.At.UTC(), u.Seen.Door, a.cursor(u.Seen.Event)}
	}
	return o
}

// timeOrNull returns a time for JSON; nil: the zero time.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
