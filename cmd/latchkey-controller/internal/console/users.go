package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// usersPage is the list of users, and one of them beside it.
type usersPage struct {
	Search string
	After  string
	List   *desk.UserPage // nil: only the panel is asked for

	New    bool // the panel is the form for a new user
	Form   *form
	Groups []string // that there are
	*userPanel
}

// userPanel is one user.
type userPanel struct {
	User      *desk.User
	Tab       string // "about", "credentials", "access", "activity"
	Ask       string // what is to be confirmed: "remove", "remove-pin", or a card's number
	Add       string // what is being added: "any", "pin", "card", "enrol", "confirm"
	Shown     bool   // the new PIN stands in this very page
	Spread    desk.Spread
	Readers   []*desk.Reader // at which a card can be read
	Enrolment *desk.Enrolment
	Entries   []*desk.Entry
}

// Query is what a link keeps of the search.
func (p *usersPage) Query() string {
	if p.Search == "" {
		return ""
	}
	return "?" + url.Values{"q": {p.Search}}.Encode()
}

// Here says whether a user is the one in the panel.
func (p *usersPage) Here(id uint64) bool { return p.userPanel != nil && p.User.ID == id }

func (c *Console) userRoutes(page route) {
	page("GET /users", c.users)
	page("GET /users/new", c.newUser)
	page("POST /users", c.addUser)
	page("GET /users/{id}", c.user)
	page("POST /users/{id}", c.editUser)
	page("POST /users/{id}/remove", c.removeUser)
	c.credentialRoutes(page)
}

// wants says whether an answer needs a part: pages that are asked for whole
// need all of them.
func wants(r *http.Request, part string) bool {
	return !byScript(r) || r.Header.Get("HX-Target") == part
}

// showUsers writes the page with what its caller has put into the panel.
func (c *Console) showUsers(w http.ResponseWriter, r *http.Request, v *visit, status int, p *usersPage) error {
	q := r.URL.Query()
	p.Search, p.After = truncate(strings.TrimSpace(q.Get("q")), 100), q.Get("after")
	if wants(r, "user-list") {
		var err error
		if p.List, err = c.desk.Users(r.Context(), v.Actor, desk.UserQuery{Search: p.Search, After: p.After}); err != nil {
			return err
		}
	}
	title := "Users"
	switch {
	case p.New:
		title = "New user"
	case p.userPanel != nil:
		title = p.User.Name
	}
	if byScript(r) && !live(r) && r.Header.Get("HX-Target") == "user-list" {
		if u, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && u.Path == "/users" {
			w.Header().Set("HX-Replace-Url", "/users"+p.Query())
		}
	}
	c.show(w, r, status, "users", &view{visit: v, Title: title, Section: "users", Panel: p.New || p.userPanel != nil, Page: p})
	return nil
}

func (c *Console) users(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showUsers(w, r, v, http.StatusOK, &usersPage{})
}

func (c *Console) newUser(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.refusal(desk.AddUser); err != nil {
		return err
	}
	return c.showNewUser(w, r, v, http.StatusOK, filled("pin", "auto"))
}

func (c *Console) showNewUser(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	groups, err := c.desk.Groups(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	return c.showUsers(w, r, v, status, &usersPage{New: true, Form: f, Groups: groups})
}

// userForm reads what stands in the form of a user.
func (c *Console) userForm(f *form) desk.UserForm {
	groups := slices.Clone(f.Values["group"])
	for more := range strings.FieldsFuncSeq(f.Get("groups"), func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		groups = append(groups, strings.ToLower(more))
	}
	return desk.UserForm{
		First: f.Trim("first"), Last: f.Trim("last"), Groups: groups,
		From: f.Trim("from"), Until: f.Trim("until"), Zone: c.zone, Extended: f.Has("extended", "on"),
	}
}

// pinChoice reads who chooses a PIN.
func pinChoice(f *form) desk.PIN {
	switch f.Get("pin") {
	case "auto":
		return desk.PIN{Choice: desk.Auto}
	case "typed":
		return desk.PIN{Choice: desk.Chosen, Digits: f.digits("digits")}
	}
	return desk.PIN{Choice: desk.NoPIN}
}

func (c *Console) addUser(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := readForm(r, "digits")
	if err != nil {
		return err
	}
	defer f.wipe()
	var cards []string
	if card := f.Trim("card"); card != "" {
		cards = append(cards, card)
	}
	id, digits, err := c.desk.AddUser(r.Context(), v.Actor, c.userForm(f), pinChoice(f), cards)
	defer clear(digits)
	if f.refused(err) {
		return c.showNewUser(w, r, v, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	if len(digits) > 0 {
		return c.showPIN(w, r, v, id, digits)
	}
	c.send(w, r, userURL(id, "credentials"), "The user was added.")
	return nil
}

func userURL(id uint64, tab string) string {
	return "/users/" + strconv.FormatUint(id, 10) + "?tab=" + tab
}

func userID(r *http.Request) (uint64, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 63)
	if err != nil {
		return 0, desk.ErrNotFound
	}
	return id, nil
}

// userPanel reads what the panel of a user shows in a tab.
func (c *Console) userPanel(r *http.Request, v *visit, id uint64, tab string) (p *userPanel, err error) {
	p = &userPanel{Tab: tab}
	if p.User, err = c.desk.User(r.Context(), v.Actor, id); err != nil {
		return nil, err
	}
	switch tab {
	case "about", "access":
	case "activity":
		page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{User: id, Limit: 25})
		if err != nil {
			return nil, err
		}
		p.Entries = page.Entries
	default:
		p.Tab = "credentials"
	}
	return p, nil
}

func (c *Console) user(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	panel, err := c.userPanel(r, v, id, q.Get("tab"))
	if err != nil {
		return err
	}
	panel.Ask, panel.Add = q.Get("ask"), q.Get("add")
	page := &usersPage{userPanel: panel, Form: filled("pin", "auto")}
	switch {
	case r.Header.Get("HX-Target") == "spread":
		if panel.Spread, err = c.desk.Spread(r.Context(), v.Actor); err != nil {
			return err
		}
	case panel.Tab == "about":
		page.Form = userFields(panel.User, c)
		page.Groups, err = c.desk.Groups(r.Context(), v.Actor)
	case panel.Add == "enrol":
		err = c.enrolReaders(r, v, panel)
	}
	if err != nil {
		return err
	}
	return c.showUsers(w, r, v, http.StatusOK, page)
}

// userFields is the form of a user as they are.
func userFields(u *desk.User, c *Console) *form {
	f := filled("first", u.First, "last", u.Last)
	for _, group := range u.Groups {
		f.Values.Add("group", group)
	}
	const minutes = "2006-01-02T15:04"
	if !u.From.IsZero() {
		f.Values.Set("from", u.From.In(c.zone).Format(minutes))
	}
	if !u.Until.IsZero() {
		f.Values.Set("until", u.Until.In(c.zone).Format(minutes))
	}
	if u.Extended {
		f.Values.Set("extended", "on")
	}
	return f
}

func (c *Console) editUser(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	f, err := readForm(r)
	if err != nil {
		return err
	}
	err = c.desk.EditUser(r.Context(), v.Actor, id, c.userForm(f))
	if f.refused(err) {
		panel, err := c.userPanel(r, v, id, "about")
		if err != nil {
			return err
		}
		groups, err := c.desk.Groups(r.Context(), v.Actor)
		if err != nil {
			return err
		}
		return c.showUsers(w, r, v, http.StatusUnprocessableEntity, &usersPage{userPanel: panel, Form: f, Groups: groups})
	}
	if err != nil {
		return err
	}
	c.send(w, r, userURL(id, "about"), "Saved. Readers are told now.")
	return nil
}

func (c *Console) removeUser(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	u, err := c.desk.User(r.Context(), v.Actor, id)
	if err != nil {
		return err
	}
	if err := c.desk.RemoveUser(r.Context(), v.Actor, id); err != nil {
		return err
	}
	c.send(w, r, "/users", u.Name+" was removed, with PIN and cards.")
	return nil
}

// enrolReaders finds the readers at which a card can be read now.
func (c *Console) enrolReaders(r *http.Request, v *visit, p *userPanel) error {
	readers, err := c.desk.Readers(r.Context(), v.Actor)
	for _, reader := range readers {
		if reader.Removed == "" && reader.Live.Online {
			p.Readers = append(p.Readers, reader)
		}
	}
	return err
}
