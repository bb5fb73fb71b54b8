package console

import (
	"errors"
	"net/http"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// userPanel is one user.
type userPanel struct {
	User      *desk.User
	Tab       string // "about", "credentials", "access", "activity"
	Ask       string // open confirmation: "remove", "remove-pin", or a card's credential id
	Add       string // what is being added: "any", "pin", "card", "enrol", "confirm"
	Shown     bool   // this page shows the new PIN
	Rollout   desk.Rollout
	Readers   []*desk.Reader // that can read a card
	Enrolment *desk.Enrolment
	Events    []*desk.Event
}

func userURL(id uint64, tab string) string {
	return "/users/" + strconv.FormatUint(id, 10) + "?tab=" + tab
}

// userPanel reads the data of a tab of a user's panel.
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
		p.Events = page.Events
	default:
		p.Tab = "credentials"
	}
	return p, nil
}

func (c *Console) user(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	q := r.URL.Query()
	panel, err := c.userPanel(r, v, id, q.Get("tab"))
	if err != nil {
		return err
	}
	panel.Ask, panel.Add = q.Get("ask"), q.Get("add")
	page := &usersPage{userPanel: panel, Form: newForm("pin", "auto")}
	switch {
	case r.Header.Get("HX-Target") == "rollout":
		if panel.Rollout, err = c.desk.Rollout(r.Context(), v.Actor); err != nil {
			return err
		}
	case panel.Tab == "about":
		page.Form, page.Elsewhere = userFields(panel.User, v), panel.User.Elsewhere
		page.Groups, err = c.desk.Groups(r.Context(), v.Actor)
	case panel.Add == "enrol":
		err = c.enrolReaders(r, v, panel)
	}
	if err != nil {
		return err
	}
	return c.showUsers(w, r, v, http.StatusOK, page)
}

// userFields returns the form of a user's current data.
func userFields(u *desk.User, v *visit) *form {
	shown := u.Form(v.zone())
	f := newForm("zone", v.zone().String(), "first", shown.First, "last", shown.Last, "from", shown.From, "until", shown.Until, "revision", shown.Revision())
	for _, group := range shown.Groups {
		f.Values.Add("group", group)
	}
	tick(f, "extended", shown.Extended)
	return f
}

func (c *Console) editUser(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	in := zoneOf(f, v)
	err = c.desk.EditUser(r.Context(), v.Actor, id, f.Get("revision"), in, func(as *desk.UserForm) { *as = userForm(f, v) })
	if f.refused(err) {
		return c.showAbout(w, r, v, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	c.redirect(w, r, userURL(id, "about"), "Saved. Readers are told now.")
	return nil
}

// showAbout shows the form of a user again.
func (c *Console) showAbout(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	panel, err := c.userPanel(r, v, id, "about")
	if err != nil {
		return err
	}
	f.warn("user", panel.User.Form(zoneOf(f, v)).Revision())
	return c.showUserForm(w, r, v, status, &usersPage{userPanel: panel, Form: f})
}

func (c *Console) removeUser(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	u, err := c.desk.User(r.Context(), v.Actor, id)
	if err == nil {
		err = c.desk.RemoveUser(r.Context(), v.Actor, id)
	}
	if errors.Is(err, desk.ErrNotFound) {
		c.redirect(w, r, "/users", "This user was already removed.")
		return nil
	}
	if err != nil {
		return err
	}
	c.redirect(w, r, "/users", u.Name+" was removed, with PIN and cards.")
	return nil
}

// enrolReaders fills in the readers that can read a card now.
func (c *Console) enrolReaders(r *http.Request, v *visit, p *userPanel) error {
	readers, err := c.desk.Readers(r.Context(), v.Actor)
	for _, reader := range readers {
		if reader.Removed == "" && reader.Live.Online {
			p.Readers = append(p.Readers, reader)
		}
	}
	return err
}
