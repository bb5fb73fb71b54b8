package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// adminsPage lists the administrators.
type adminsPage struct {
	Tab    string
	Admins []*desk.Admin
	Form   *form
	Ask    string // open dialog: "add", "role", "locations", "link", "sign-out", "remove"
	About  *desk.Admin
	Link   string // a one-time link, shown once
	For    string // for whom
	ID     int64  // of them

	Locations []*desk.Location // of the site, to choose from
}

// Elsewhere returns the doors that everyone may open at locations that the form does not choose:
// while there are any, the administrator can add and change no users. nil: none.
func (p *adminsPage) Elsewhere() *openDoors {
	all := new(openDoors)
	for _, l := range p.Locations {
		if p.Form.Has("location", strconv.FormatInt(l.ID, 10)) {
			continue
		}
		for _, d := range l.Doors {
			if slices.ContainsFunc(d.Readers, opensToEveryone) {
				all.add(d.Name + " (" + l.Name + ")")
			}
		}
	}
	if len(all.Some) == 0 {
		return nil
	}
	return all
}

// opensToEveryone says whether everyone may open a reader's door, if only at times.
func opensToEveryone(r *desk.Reader) bool {
	return slices.ContainsFunc(r.Policy.Access, func(a wire.Access) bool { return a.Group == wire.Everyone })
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
	if p.Ask == "locations" && p.About.Role == desk.Owner && p.Form == nil {
		p.Ask = "" // an Owner acts at all of them
	}
	if p.Ask == "add" || p.Ask == "locations" {
		if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
			return err
		}
	}
	if p.Form == nil {
		p.Form = newForm("role", string(role), "at", "all")
		if p.About != nil {
			fillLimit(p.Form, p.About)
		}
	}
	if p.About != nil {
		p.Form.warn("administrator", p.About.LimitRevision())
	}
	c.show(w, r, status, "admins", &view{visit: v, Title: language.Say("Administrators"), Section: "settings", Page: p})
	return nil
}

func (c *Console) showNewAdmin(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showAdmins(w, r, v, status, &adminsPage{Form: f, Ask: "add"}, 0)
}

func (c *Console) showAdmin(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showAdmins(w, r, v, status, &adminsPage{Form: f, Ask: r.PathValue("act")}, v.id)
}

// newLink answers with a one-time link, on the host of the request.
func (c *Console) newLink(id int64, token, name string) answer {
	return answer{to: "/settings/administrators", show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showAdmins(w, r, v, http.StatusOK, &adminsPage{Link: "https://" + r.Host + "/link/" + token, For: name, ID: id}, 0)
	}}
}

// fillLimit has a form choose where an administrator acts.
func fillLimit(f *form, a *desk.Admin) {
	f.Values.Set("revision", a.LimitRevision())
	if a.Limited {
		f.Values.Set("at", "some")
	}
	for _, l := range a.Locations {
		f.Values.Add("location", strconv.FormatInt(l.ID, 10))
	}
}

// limitOf reads where an administrator of a role acts: at all locations, nil, or at some. It
// marks what is wrong.
func limitOf(f *form, role desk.Role) []int64 {
	switch {
	case f.Get("at") == "all" || role == desk.Owner:
		return nil
	case f.Get("at") != "some":
		f.wrong("locations", "Choose all locations, or only some of them")
		return nil
	}
	locations := []int64{}
	for _, text := range f.Values["location"] {
		id, _ := strconv.ParseInt(text, 10, 64) // of 0 the desk says that there is no such location
		locations = append(locations, id)
	}
	return locations
}

// OnlyAt says where an administrator acts.
func (p *adminsPage) OnlyAt(a *desk.Admin) *language.Sentence {
	var names []string
	for _, l := range a.Locations {
		names = append(names, l.Name)
	}
	switch {
	case !a.Limited:
		return language.Say("All locations")
	case len(names) == 0:
		return language.Say("no location any more: choose others")
	}
	return language.Say("only %s¦at these locations", strings.Join(names, ", "))
}

func (c *Console) addAdmin(r *http.Request, v *visit, f *form) (answer, error) {
	role := desk.Role(f.Get("role"))
	locations := limitOf(f, role)
	if len(f.Wrong) > 0 {
		return answer{}, cmp.Or(v.refusal(desk.AddAdmin), errWrong)
	}
	id, token, err := c.desk.AddAdmin(r.Context(), v.Actor, f.Trim("name"), role, locations)
	return c.newLink(id, token, desk.TidyName(f.Get("name"))), err
}

// changeAdmin runs the act in the URL.
func (c *Console) changeAdmin(r *http.Request, v *visit, f *form) (answer, error) {
	const to = "/settings/administrators"
	switch r.PathValue("act") {
	case "role":
		return answer{to: to, notice: language.Say("The role was changed.")}, c.desk.SetRole(r.Context(), v.Actor, v.id, desk.Role(f.Get("role")))
	case "locations":
		locations := limitOf(f, "")
		if len(f.Wrong) > 0 {
			return answer{}, cmp.Or(v.refusal(desk.EditAdmins), errWrong)
		}
		return answer{to: to, notice: language.Say("The locations were changed. This holds from now on, also for tokens that they made.")}, c.desk.SetLimit(r.Context(), v.Actor, v.id, f.Get("revision"), locations)
	case "sign-out":
		return answer{to: to, notice: language.Say("%s was signed out everywhere.", f.Get("name"))}, c.desk.SignOutAdmin(r.Context(), v.Actor, v.id)
	case "remove":
		return answer{to: to, notice: language.Say("The administrator was removed and signed out.")}, c.desk.RemoveAdmin(r.Context(), v.Actor, v.id)
	case "link":
		token, err := c.desk.NewOneTimeLink(r.Context(), v.Actor, v.id)
		return c.newLink(v.id, token, f.Get("name")), err
	}
	return answer{}, desk.ErrNotFound
}
