package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/zone"
)

// usersPage lists the users, with one of them in the panel.
type usersPage struct {
	Search string
	State  desk.UserState
	Group  string
	Order  desk.UserOrder // "": by name
	After  string
	List   *desk.UserPage // nil: only the panel is requested

	Cards desk.CardCount

	New       bool        // the panel shows the form for a new user
	Return    *cardReturn // the panel in which a card of nobody is given back
	Form      *form
	Groups    []string         // existing ones
	Elsewhere []desk.ZoneDates // what the dates of the form are in other zones
	*userPanel
}

// Query returns the query string of the current filter and order.
func (p *usersPage) Query() string { return p.link(p.State, p.Order, "") }

// Filter is Query by name.
func (p *usersPage) Filter() string { return p.link(p.State, "", "") }

// From is Query for the page after a cursor.
func (p *usersPage) From(after string) string { return p.link(p.State, p.Order, after) }

// In is Query with another state.
func (p *usersPage) In(state desk.UserState) string { return p.link(state, p.Order, "") }

func (p *usersPage) link(state desk.UserState, order desk.UserOrder, after string) string {
	return query("q", p.Search, "state", string(state), "group", p.Group, "order", string(order), "after", after)
}

// A sortHead is the head of a column by which a list can be sorted.
type sortHead struct {
	By    string // the order that the column has at first
	Title string
	Query string // of the list in this order, or, if it is, the other way round
	Is    string // "ascending", "descending"; "": it is in another order
}

// Sort returns the head of a column, by the order that it has at first.
func (p *usersPage) Sort(title, first string) sortHead {
	is, other := cmp.Or(p.Order, desk.ByName), "-"+first
	if down, is := strings.CutPrefix(first, "-"); is {
		other = down
	}
	h := sortHead{By: first, Title: title}
	next := first
	switch string(is) {
	case first:
		next = other
		fallthrough
	case other:
		h.Is = "ascending"
		if strings.HasPrefix(string(is), "-") {
			h.Is = "descending"
		}
	}
	if next == string(desk.ByName) {
		next = ""
	}
	h.Query = p.link(p.State, desk.UserOrder(next), "")
	return h
}

// Orders returns the orders that the list can have for somebody.
func (p *usersPage) Orders(v *view) []desk.UserOrder {
	return slices.DeleteFunc(desk.UserOrders(), func(o desk.UserOrder) bool { return !v.Actor.MayOrder(o) })
}

// MaySortBySeen says whether the list can be in order of when users were last seen.
func (p *usersPage) MaySortBySeen(v *view) bool { return v.Actor.MayOrder(desk.BySeen) }

// Ordered says whether the list is in an order.
func (p *usersPage) Ordered(o desk.UserOrder) bool { return cmp.Or(p.Order, desk.ByName) == o }

// Here says whether a user is the one in the panel.
func (p *usersPage) Here(id uint64) bool { return p.userPanel != nil && p.User.ID == id }

// AllInReach says whether all users that the list finds are known to be in the actor's reach.
func (p *usersPage) AllInReach(v *view) bool {
	all := p.List.Users
	return v.reach == nil || p.List.Found == len(all) && !slices.ContainsFunc(all, func(u *desk.UserRow) bool { return !v.InReach(u) })
}

// Visitor says whether the user in the panel is a visitor.
func (p *usersPage) Visitor() bool { return p.userPanel != nil && p.User.Visit != nil }

// wants says whether the response needs a part: a whole page needs all.
func wants(r *http.Request, part string) bool {
	return !byScript(r) || r.Header.Get("HX-Target") == part
}

// showUsers shows the page with the panel that the caller has filled in.
func (c *Console) showUsers(w http.ResponseWriter, r *http.Request, v *visit, status int, p *usersPage) error {
	q := r.URL.Query()
	p.Search, p.State, p.After = truncate(strings.TrimSpace(q.Get("q")), 100), desk.UserState(q.Get("state")), q.Get("after")
	p.Group = truncate(q.Get("group"), 100)
	if p.Order = desk.UserOrder(q.Get("order")); p.Order == desk.ByName || !v.Actor.MayOrder(p.Order) {
		p.Order = ""
	}
	if wants(r, "user-list") {
		var err error
		if p.List, err = c.desk.Users(r.Context(), v.Actor, desk.UserQuery{Search: p.Search, State: p.State, Group: p.Group, Order: p.Order, After: p.After}); err != nil {
			return err
		}
		if p.Cards, err = c.desk.CountCards(r.Context(), v.Actor); err != nil {
			return err
		}
	}
	title := language.Say("Users")
	switch {
	case p.Return != nil:
		title = language.Say("Give a card back")
	case p.New:
		title = language.Say("New user")
	case p.userPanel != nil:
		title = language.Data(p.User.Name)
	}
	if byScript(r) && !live(r) && r.Header.Get("HX-Target") == "user-list" {
		if u, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && u.Path == "/users" {
			w.Header().Set("HX-Replace-Url", "/users"+p.Query())
		}
	}
	c.show(w, r, status, "users", &view{visit: v, Title: title, Section: "users", Panel: p.New || p.Return != nil || p.userPanel != nil, Page: p})
	return nil
}

func (c *Console) users(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showUsers(w, r, v, http.StatusOK, &usersPage{})
}

func (c *Console) showNewUser(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm("pin", "auto")
	}
	return c.showUserForm(w, r, v, status, &usersPage{New: true, Form: f})
}

// showUserForm shows a user's form with the existing groups, and its dates in other
// zones.
func (c *Console) showUserForm(w http.ResponseWriter, r *http.Request, v *visit, status int, p *usersPage) (err error) {
	if p.Groups, err = c.groupsToJoin(r.Context(), v); err != nil {
		return err
	}
	if p.Elsewhere, err = c.desk.Elsewhere(r.Context(), v.Actor, userForm(p.Form, v)); err != nil {
		return err
	}
	return c.showUsers(w, r, v, status, p)
}

// elsewhere shows the dates in a user's form in the time zones of its doors.
func (c *Console) elsewhere(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !byScript(r) {
		return desk.ErrNotFound
	}
	there, err := c.desk.Elsewhere(r.Context(), v.Actor, userForm(&form{Values: r.URL.Query()}, v))
	if err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "users", &view{visit: v, Page: &usersPage{Elsewhere: there}})
	return nil
}

// zoneOf returns the time zone of a form.
func zoneOf(f *form, v *visit) *time.Location {
	if in, err := zone.Load(f.Get("zone")); err == nil {
		return in
	}
	return v.zone()
}

// userForm reads a user's form.
func userForm(f *form, v *visit) desk.UserForm {
	return desk.UserForm{
		First: f.Trim("first"), Last: f.Trim("last"), Groups: groupsOf(f),
		From: f.Trim("from"), Until: f.Trim("until"), Zone: zoneOf(f, v), Extended: f.Has("extended", "on"),
		Email: f.Trim("email"), Employee: f.Trim("employee"),
	}
}

// groupsOf reads the ticked and the typed groups of a form.
func groupsOf(f *form) []string {
	groups := slices.Clone(f.Values["group"])
	for more := range strings.FieldsFuncSeq(f.Get("groups"), func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		groups = append(groups, strings.ToLower(more))
	}
	return groups
}

// pinChoice reads how a PIN is chosen, and marks limits that it cannot read.
func pinChoice(f *form) desk.PIN {
	switch f.Get("pin") {
	case "auto":
		return desk.PIN{Choice: desk.Auto, Limits: readLimits(f)}
	case "typed":
		return desk.PIN{Choice: desk.Chosen, Digits: f.digits("digits"), Limits: readLimits(f)}
	}
	return desk.PIN{Choice: desk.NoPIN}
}

func (c *Console) addUser(r *http.Request, v *visit, f *form) (answer, error) {
	var cards []string
	if card := f.Trim("card"); card != "" {
		cards = append(cards, card)
	}
	choice := pinChoice(f)
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	id, digits, err := c.desk.AddUser(r.Context(), v.Actor, userForm(f, v), choice, cards)
	return c.pinGiven(id, "pin", digits, language.Say("The user was added.")), err
}
