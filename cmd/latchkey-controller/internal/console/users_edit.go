package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// usersEditPage changes several users.
type usersEditPage struct {
	Form   *form
	Of     url.Values // who is selected, as fields
	Who    *desk.SelectedUsers
	Groups []string // that there are
}

// selectionOf reads who is selected: the ticked ones, or all that the list shows. Field: "users".
func selectionOf(values url.Values) (s desk.Selection, fields url.Values, err error) {
	fields = url.Values{}
	if values.Get("found") != "" {
		s.Query = desk.UserQuery{Search: truncate(strings.TrimSpace(values.Get("q")), 100), State: desk.UserState(values.Get("state")), Group: truncate(values.Get("group"), 100)}
		for name, value := range map[string]string{"found": "1", "q": s.Query.Search, "state": string(s.Query.State), "group": s.Query.Group} {
			fields.Set(name, value)
		}
		return s, fields, nil
	}
	for _, text := range values["user"] {
		id, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return s, nil, desk.ErrNotFound
		}
		s.Users = append(s.Users, id)
		fields.Add("user", text)
	}
	return s, fields, nil
}

func (c *Console) usersEdit(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showUsersEdit(w, r, v, http.StatusOK, nil)
}

func (c *Console) showUsersEdit(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	values := r.URL.Query()
	if f != nil {
		values = f.Values
	}
	selection, fields, err := selectionOf(values)
	if err != nil {
		return err
	}
	p := &usersEditPage{Form: f, Of: fields, Who: &desk.SelectedUsers{}}
	if p.Form == nil {
		p.Form = newForm()
	}
	if len(fields) > 0 {
		who, err := c.desk.SelectUsers(r.Context(), v.Actor, selection)
		switch {
		case err == nil:
			p.Who = who
		case f == nil && p.Form.refused(err):
			status = http.StatusUnprocessableEntity
		case f == nil || !f.refused(err):
			return err
		}
	}
	if f == nil {
		p.Form.Values.Set("revision", p.Who.Revision)
	} else {
		f.warn("users", p.Who.Revision)
	}
	if p.Groups, err = c.groupsToJoin(r.Context(), v); err != nil {
		return err
	}
	c.show(w, r, status, "users-edit", &view{visit: v, Title: language.Say("Change users"), Section: "users", Page: p})
	return nil
}

func (c *Console) editUsers(r *http.Request, v *visit, f *form) (answer, error) {
	selection, fields, err := selectionOf(f.Values)
	if err != nil {
		return answer{}, err
	}
	if len(fields) == 0 && v.refusal(desk.EditUsers) == nil {
		return answer{}, f.wrong("users", "Choose at least one user")
	}
	edit := desk.UsersEdit{Add: f.Values["add"], Remove: f.Values["remove"], Zone: zoneOf(f, v)}
	for name, into := range map[string]**string{"from": &edit.From, "until": &edit.Until} {
		switch f.Get(name + "-how") {
		case "none":
			*into = new("")
		case "set":
			if *into = new(f.Trim(name)); **into == "" {
				f.Wrong[name] = language.Say("Enter the date and the time.")
			}
		}
	}
	if how := f.Get("suspend"); how != "" {
		edit.Suspend = new(how == "yes")
	}
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	changed, err := c.desk.EditUsers(r.Context(), v.Actor, selection, f.Get("revision"), edit)
	return answer{to: "/users" + query("q", f.Get("q"), "state", f.Get("state"), "group", f.Get("group")), notice: language.Count(changed, "Changed: %d user. Readers are told now.", "Changed: %d users. Readers are told now.")}, err
}
