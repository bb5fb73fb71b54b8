package console

import (
	"net/http"
	"slices"
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

func (c *Console) admins(w http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	about, _ := strconv.ParseInt(q.Get("about"), 10, 64)
	return c.showAdmins(w, r, v, http.StatusOK, &adminsPage{Ask: q.Get("ask")}, about)
}

// showAdmins shows the page with the dialog that the caller has filled in, about an
// administrator; 0: about none.
func (c *Console) showAdmins(w http.ResponseWriter, r *http.Request, v *visit, status int, p *adminsPage, about int64) (err error) {
	p.Tab = "administrators"
	if p.Admins, err = c.desk.Admins(r.Context(), v.Actor); err != nil {
		return err
	}
	role := desk.Viewer
	if at := slices.IndexFunc(p.Admins, func(a *desk.Admin) bool { return a.ID == about }); at >= 0 {
		p.About = p.Admins[at]
		role = p.About.Role
	} else if p.Ask != "add" {
		p.Ask = ""
	}
	if p.Form == nil {
		p.Form = newForm("role", string(role))
	}
	c.show(w, r, status, "admins", &view{visit: v, Title: "Administrators", Section: "settings", Page: p})
	return nil
}

func (c *Console) showNewAdmin(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showAdmins(w, r, v, status, &adminsPage{Form: f, Ask: "add"}, 0)
}

func (c *Console) showAdmin(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showAdmins(w, r, v, status, &adminsPage{Form: f, Ask: r.PathValue("act")}, v.id)
}

// newLink answers with a one-time link, on the host of the request.
func (c *Console) newLink(token, name string) answer {
	return answer{to: "/settings/administrators", show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showAdmins(w, r, v, http.StatusOK, &adminsPage{Link: "https://" + r.Host + "/link/" + token, For: name}, 0)
	}}
}

func (c *Console) addAdmin(r *http.Request, v *visit, f *form) (answer, error) {
	_, token, err := c.desk.AddAdmin(r.Context(), v.Actor, f.Trim("name"), desk.Role(f.Get("role")), nil)
	return c.newLink(token, desk.TidyName(f.Get("name"))), err
}

// changeAdmin runs the act in the URL.
func (c *Console) changeAdmin(r *http.Request, v *visit, f *form) (answer, error) {
	const to = "/settings/administrators"
	switch r.PathValue("act") {
	case "role":
		return answer{to: to, notice: "The role was changed."}, c.desk.SetRole(r.Context(), v.Actor, v.id, desk.Role(f.Get("role")))
	case "sign-out":
		return answer{to: to, notice: f.Get("name") + " was signed out everywhere."}, c.desk.SignOutAdmin(r.Context(), v.Actor, v.id)
	case "remove":
		return answer{to: to, notice: "The administrator was removed and signed out."}, c.desk.RemoveAdmin(r.Context(), v.Actor, v.id)
	case "link":
		token, err := c.desk.NewOneTimeLink(r.Context(), v.Actor, v.id)
		return c.newLink(token, f.Get("name")), err
	}
	return answer{}, desk.ErrNotFound
}
