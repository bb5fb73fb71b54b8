package console

import (
	"net/http"
	"net/url"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// adminsPage lists the administrators.
type adminsPage struct {
	Tab    string
	Admins []*desk.Admin
	Form   *form
	Ask    string // open dialog: "add", "role", "link", "sign-out", "remove"
	About  *desk.Admin
	Link   string // a one-time link, shown once
	For    string // for whom
}

func (c *Console) adminRoutes(page route) {
	page("GET /settings/administrators", c.admins)
	page("POST /settings/administrators", c.addAdmin)
	page("POST /settings/administrators/{id}/{act}", c.changeAdmin)
	c.restorable("POST /settings/administrators", func(w http.ResponseWriter, r *http.Request, v *visit, f *form) error {
		return c.showAdmins(w, r, v, http.StatusOK, &adminsPage{Form: f, Ask: "add"}, "")
	})
	c.restorable("POST /settings/administrators/{id}/role", func(w http.ResponseWriter, r *http.Request, v *visit, f *form) error {
		return c.showAdmins(w, r, v, http.StatusOK, &adminsPage{Form: f, Ask: "role"}, r.PathValue("id"))
	})
}

func (c *Console) admins(w http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	return c.showAdmins(w, r, v, http.StatusOK, &adminsPage{Form: newForm("role", string(desk.Viewer)), Ask: q.Get("ask")}, q.Get("about"))
}

func (c *Console) showAdmins(w http.ResponseWriter, r *http.Request, v *visit, status int, p *adminsPage, about string) error {
	p.Tab = "administrators"
	var err error
	if p.Admins, err = c.desk.Admins(r.Context(), v.Actor); err != nil {
		return err
	}
	for _, a := range p.Admins {
		if strconv.FormatInt(a.ID, 10) == about {
			p.About = a
		}
	}
	if p.Ask != "add" && p.About == nil {
		p.Ask = ""
	}
	if p.Ask == "role" && p.About != nil && !byPost(r) {
		p.Form.Values = url.Values{"role": {string(p.About.Role)}}
	}
	c.show(w, r, status, "admins", &view{visit: v, Title: "Administrators", Section: "settings", Page: p})
	return nil
}

func byPost(r *http.Request) bool { return r.Method == http.MethodPost }

// oneTimeLink returns the URL of a one-time link, on the host of the request.
func oneTimeLink(r *http.Request, token string) string { return "https://" + r.Host + "/link/" + token }

func (c *Console) addAdmin(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v, "password")
	if err != nil {
		return err
	}
	defer f.wipe()
	return c.once(w, r, v, f, func() (answer, error) {
		var token string
		done, err := c.withPassword(r, v, f, func() (err error) {
			_, token, err = c.desk.AddAdmin(r.Context(), v.Actor, f.Trim("name"), desk.Role(f.Get("role")))
			return err
		})
		if err != nil {
			return nil, err
		}
		if done {
			return c.alreadyDone("/settings/administrators"), c.showAdmins(w, r, v, http.StatusOK, &adminsPage{Form: newForm(), Link: oneTimeLink(r, token), For: desk.TidyName(f.Get("name"))}, "")
		}
		return nil, c.showAdmins(w, r, v, http.StatusUnprocessableEntity, &adminsPage{Form: f, Ask: "add"}, "")
	})
}

func (c *Console) changeAdmin(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	f, err := c.formOf(r, v, "password")
	if err != nil {
		return err
	}
	defer f.wipe()
	return c.once(w, r, v, f, func() (answer, error) { return c.changed(w, r, v, id, f) })
}

// changed runs one act on an administrator.
func (c *Console) changed(w http.ResponseWriter, r *http.Request, v *visit, id int64, f *form) (answer, error) {
	act := r.PathValue("act")
	var token, notice string
	done, err := c.withPassword(r, v, f, func() (err error) {
		switch act {
		case "role":
			notice = "The role was changed."
			return c.desk.SetRole(r.Context(), v.Actor, id, desk.Role(f.Get("role")))
		case "sign-out":
			notice = f.Get("name") + " was signed out everywhere."
			return c.desk.SignOutAdmin(r.Context(), v.Actor, id)
		case "remove":
			notice = "The administrator was removed and signed out."
			return c.desk.RemoveAdmin(r.Context(), v.Actor, id)
		case "link":
			token, err = c.desk.NewOneTimeLink(r.Context(), v.Actor, id)
			return err
		}
		return desk.ErrNotFound
	})
	again := c.alreadyDone("/settings/administrators")
	switch {
	case err != nil:
		return nil, err
	case !done:
		return nil, c.showAdmins(w, r, v, http.StatusUnprocessableEntity, &adminsPage{Form: f, Ask: act}, strconv.FormatInt(id, 10))
	case token != "":
		return again, c.showAdmins(w, r, v, http.StatusOK, &adminsPage{Form: newForm(), Link: oneTimeLink(r, token), For: f.Get("name")}, "")
	}
	c.redirect(w, r, "/settings/administrators", notice)
	return again, nil
}
