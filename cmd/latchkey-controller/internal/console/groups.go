package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// groupsPage lists the groups, with one of them in the panel.
type groupsPage struct {
	Search string
	After  string
	List   *desk.GroupPage // nil: only the panel is requested
	*groupPanel
}

// Query returns the query string of the current search.
func (p *groupsPage) Query() string { return p.From("") }

// From is Query for the page after a cursor.
func (p *groupsPage) From(after string) string {
	return query("q", p.Search, "after", after)
}

// Here says whether a group is the one in the panel.
func (p *groupsPage) Here(name string) bool {
	return p.groupPanel != nil && p.Group != nil && p.Group.Name == name
}

// query returns a query string of names and values without the empty ones; "": there are none.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// showGroups shows the page with a panel; nil: none.
func (c *Console) showGroups(w http.ResponseWriter, r *http.Request, v *visit, status int, panel *groupPanel) (err error) {
	q := r.URL.Query()
	p := &groupsPage{Search: truncate(strings.TrimSpace(q.Get("q")), 100), After: q.Get("after"), groupPanel: panel}
	if wants(r, "group-list") {
		if p.List, err = c.desk.ListGroups(r.Context(), v.Actor, desk.GroupQuery{Search: p.Search, After: p.After}); err != nil {
			return err
		}
	}
	title := language.Say("Groups")
	switch {
	case panel == nil:
	case panel.Group == nil:
		title = language.Say("New group")
	default:
		title = language.Data(panel.Group.Name)
	}
	c.show(w, r, status, "groups", &view{visit: v, Title: title, Section: "users", Panel: panel != nil, Page: p})
	return nil
}

// groups shows the list, with the form for a new group if that is asked for.
func (c *Console) groups(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !r.URL.Query().Has("new") {
		return c.showGroups(w, r, v, http.StatusOK, nil)
	}
	if err := v.refusal(desk.EditMembers); err != nil {
		return err
	}
	return c.showNewGroup(w, r, v, http.StatusOK, nil)
}

// showNewGroup shows the form for a new group: first for its name, then for who is in it.
func (c *Console) showNewGroup(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	p := &groupPanel{Form: f}
	if f == nil {
		p.Form = newForm("name", r.URL.Query().Get("name"))
	}
	name := groupName(p.Form.Get("name"))
	p.Form.Values.Set("name", name)
	if name == "" {
		return c.showGroups(w, r, v, status, p)
	}
	switch _, err := c.desk.Group(r.Context(), v.Actor, name); {
	case err == nil:
		p.Form.wrong("name", "There already is a group %s: choose another name.", name)
	case !errors.Is(err, desk.ErrNotFound):
		return err
	case wire.CheckName(name) != nil:
		p.Form.says("name", desk.SaidOf(wire.CheckName(name)))
	case p.Form.Wrong["group"] != nil:
		p.Form.says("name", p.Form.Wrong["group"])
	default:
		p.Ask = "add"
		if err := c.readUsers(r, v, p, ""); err != nil {
			return err
		}
	}
	return c.showGroups(w, r, v, status, p)
}

// groupName returns what was typed as a group's name.
func groupName(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

func (c *Console) addGroup(r *http.Request, v *visit, f *form) (answer, error) {
	name := groupName(f.Get("name"))
	err := c.desk.EditMembers(r.Context(), v.Actor, name, true, usersOf(f), nil)
	return answer{to: groupURL(name, "members"), notice: language.Say("The group was added. Readers are told now.")}, err
}

// usersOf reads the ticked users of a form.
func usersOf(f *form) (ids []uint64) {
	for _, text := range f.Values["user"] {
		id, _ := strconv.ParseUint(text, 10, 63) // of 0 the desk says that there is no such user
		ids = append(ids, id)
	}
	return ids
}

func groupURL(name, tab string) string { return "/groups/" + url.PathEscape(name) + "?tab=" + tab }

// afterGroupAct answers an act on a group: with the list, if the group is gone by it.
func (c *Console) afterGroupAct(r *http.Request, v *visit, tab string, notice *language.Sentence, err error) (answer, error) {
	name := r.PathValue("group")
	if err == nil {
		if _, gone := c.desk.Group(r.Context(), v.Actor, name); errors.Is(gone, desk.ErrNotFound) {
			return answer{to: "/groups", notice: language.Say("%s %s", notice, language.Say("%s is no group any more: nobody is in it, and it opens no door.", name))}, nil
		}
	}
	return answer{to: groupURL(name, tab), notice: notice}, err
}

func (c *Console) addMembers(r *http.Request, v *visit, f *form) (answer, error) {
	ids := usersOf(f)
	err := c.desk.EditMembers(r.Context(), v.Actor, r.PathValue("group"), false, ids, nil)
	return answer{to: groupURL(r.PathValue("group"), "members"), notice: language.Count(len(ids), "%d user is in the group now. Readers are told.", "%d users are in the group now. Readers are told.")}, err
}

func (c *Console) removeMembers(r *http.Request, v *visit, f *form) (answer, error) {
	ids := usersOf(f)
	err := c.desk.EditMembers(r.Context(), v.Actor, r.PathValue("group"), false, nil, ids)
	return c.afterGroupAct(r, v, "members", language.Count(len(ids), "%d user was taken out.", "%d users were taken out."), err)
}

// doorsOf reads the ticked doors of a form.
func doorsOf(f *form) (where []desk.Where) {
	for _, text := range f.Values["door"] {
		id, _ := strconv.ParseInt(text, 10, 64)
		where = append(where, desk.Where{Level: desk.Doors, ID: id})
	}
	return where
}

func (c *Console) giveAccess(r *http.Request, v *visit, f *form) (answer, error) {
	hours, by := readTimes(f)
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	err := c.desk.GiveAccess(r.Context(), v.Actor, r.PathValue("group"), f.Get("revision"), doorsOf(f), hours, by)
	return answer{to: groupURL(r.PathValue("group"), "doors"), notice: andNights(language.Say("Saved. The readers are told now."), f)}, err
}

func (c *Console) takeAccess(r *http.Request, v *visit, f *form) (answer, error) {
	err := c.desk.TakeAccess(r.Context(), v.Actor, r.PathValue("group"), f.Get("revision"), doorsOf(f))
	return c.afterGroupAct(r, v, "doors", language.Say("It does not open this door any more.¦group"), err)
}

func (c *Console) renameGroup(r *http.Request, v *visit, f *form) (answer, error) {
	name := groupName(f.Get("name"))
	err := c.desk.RenameGroup(r.Context(), v.Actor, r.PathValue("group"), f.Get("revision"), name)
	return answer{to: groupURL(name, "settings"), notice: language.Say("It is called %s now, at all doors. Readers are told.¦group", name)}, err
}

func (c *Console) removeGroup(r *http.Request, v *visit, f *form) (answer, error) {
	name := r.PathValue("group")
	err := c.desk.RemoveGroup(r.Context(), v.Actor, name, f.Get("revision"))
	return removed(err, "/groups", language.Say("%s was removed from its users and from all doors.", name), language.Say("This group was already removed."))
}
