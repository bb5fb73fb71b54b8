package api

import (
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A userObject is a user who is no visitor.
type userObject struct {
	ID        string `json:"id"`
	First     string `json:"first_name"`
	Last      string `json:"last_name"`
	Name      string `json:"full_name"`
	Alias     string `json:"alias"` // ""
	UserEmail string `json:"user_email"`
	Email     string `json:"email"`        // ""
	EmailIs   string `json:"email_status"` // ""
	Phone     string `json:"phone"`        // ""
	Employee  string `json:"employee_number"`
	Onboard   int64  `json:"onboard_time"`         // when they were added, Unix seconds
	Username  string `json:"username"`             // ""
	Avatar    string `json:"avatar_relative_path"` // ""
	Status    string `json:"status"`               // ACTIVE, DEACTIVATED

	Cards     []userCard      `json:"nfc_cards"`
	Plates    []struct{}      `json:"license_plates"` // none
	PIN       *userPIN        `json:"pin_code"`       // nil: none
	PolicyIDs []string        `json:"access_policy_ids"`
	Policies  []*policyObject `json:"access_policies,omitempty"` // if they were asked for
}

// A userCard is a card of a user.
type userCard struct {
	ID    string `json:"id"` // the last four digits of its number
	Token string `json:"token"`
	Type  string `json:"type"`
}

// A userPIN says that a user has a PIN. The token is its credential's, and tells nothing of it.
type userPIN struct {
	Token string `json:"token"`
}

// States of users.
const (
	userActive    = "ACTIVE"
	userSuspended = "DEACTIVATED"
	userPending   = "PENDING" // of the other API; nobody is here
)

func userStatus(u *desk.UserRow) string {
	if u.Suspended {
		return userSuspended
	}
	return userActive
}

// cardType is the type of all cards.
const cardType = "nfc"

// lastFour returns the last four digits of a masked card number: "… E5 80".
func lastFour(masked string) string {
	return strings.ReplaceAll(strings.TrimPrefix(masked, "…"), " ", "")
}

// userObject returns a user with the ids of their policies, and these if they are given.
func (a *API) userObject(u *desk.User, groups *groupPolicies) *userObject {
	o := &userObject{
		ID: a.ids.of(kindUser, int64(u.ID)), First: u.First, Last: u.Last, Name: u.Name, UserEmail: u.Email, Employee: u.Employee,
		Onboard: u.Created.Unix(), Status: userStatus(&u.UserRow), Cards: []userCard{}, Plates: []struct{}{},
	}
	for _, c := range u.Credentials {
		if c.Kind == wire.Card.String() {
			o.Cards = append(o.Cards, userCard{lastFour(c.UID), a.ids.token(c.ID), cardType})
		} else {
			o.PIN = &userPIN{a.ids.token(c.ID)}
		}
	}
	o.PolicyIDs, o.Policies = groups.of(u.Groups)
	return o
}

// users answers GET /users: a page of users by name.
func (a *API) users(c *call) (any, error) {
	return a.listUsers(c, desk.NumberedUsers{})
}

// Bounds of a search.
const (
	maxKeyword = 200 // bytes
	maxIDs     = 1000
)

// searchUsers answers GET /users/search.
func (a *API) searchUsers(c *call) (any, error) {
	n := desk.NumberedUsers{Search: c.r.URL.Query().Get("keyword")}
	if len(n.Search) > maxKeyword {
		return nil, badRequest("keyword has %d bytes; at most %d are possible", len(n.Search), maxKeyword)
	}
	if ids := c.values("user_id"); len(ids) > maxIDs {
		return nil, badRequest("%d times user_id are too many: send at most %d", len(ids), maxIDs)
	} else if ids != nil {
		n.IDs = []uint64{}
		for _, text := range ids {
			if id, err := a.ids.parse(kindUser, text); err == nil {
				n.IDs = append(n.IDs, uint64(id))
			}
		}
	}
	if wanted := c.values("status"); wanted != nil {
		for _, status := range wanted {
			if !slices.Contains([]string{userActive, userSuspended, userPending}, status) {
				return nil, badRequest("status must be %s, %s or %s", userActive, userSuspended, userPending)
			}
		}
		active, suspended := slices.Contains(wanted, userActive), slices.Contains(wanted, userSuspended)
		if !active && !suspended {
			n.IDs = []uint64{}
		} else if active != suspended {
			n.Suspended = &suspended
		}
	}
	switch c.r.URL.Query().Get("only_admin") {
	case "", "false":
	case "true":
		n.IDs = []uint64{} // administrators are no users here
	default:
		return nil, badRequest("only_admin must be true or false")
	}
	return a.listUsers(c, n)
}

// listUsers answers with a page of the users that are selected.
func (a *API) listUsers(c *call, n desk.NumberedUsers) (any, error) {
	page, err := c.pages()
	if err != nil {
		return nil, err
	}
	users, found, err := a.desk.NumberedUsers(c.r.Context(), c.actor, n, (page.Number-1)*page.Size, page.Size)
	if err != nil {
		return nil, err
	}
	page.Total = found
	groups, err := a.groupPolicies(c, c.expands("access_policy"))
	if err != nil {
		return nil, err
	}
	all := []*userObject{}
	for _, u := range users {
		all = append(all, a.userObject(u, groups))
	}
	return all, nil
}

// user answers GET /users/{id}.
func (a *API) user(c *call) (any, error) {
	u, err := a.userOf(c)
	if err != nil {
		return nil, err
	}
	groups, err := a.groupPolicies(c, c.expands("access_policy"))
	if err != nil {
		return nil, err
	}
	return a.userObject(u, groups), nil
}

// userOf returns the user whom the path names; desk.ErrNotFound also for a visitor.
func (a *API) userOf(c *call) (*desk.User, error) {
	id, err := a.id(c, "id", kindUser)
	if err != nil {
		return nil, err
	}
	users, _, err := a.desk.NumberedUsers(c.r.Context(), c.actor, desk.NumberedUsers{IDs: []uint64{uint64(id)}}, 0, 1)
	if err == nil && len(users) == 0 {
		err = desk.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return users[0], nil
}

// values returns what the query says of a name, also where it is written as a list, name[].
func (c *call) values(name string) []string {
	q := c.r.URL.Query()
	return slices.Concat(q[name], q[name+"[]"])
}

// expands says whether the query wants what is named instead of its id only.
func (c *call) expands(name string) bool { return slices.Contains(c.values("expand"), name) }
