package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// groupPanel is one group, or the form for a new one.
type groupPanel struct {
	Group *desk.Group // nil: a new one
	Form  *form
	Tab   string // "members", "doors", "settings"
	Ask   string // what is open: "add" of members or doors, "take" of a door, "remove"

	Find  string // words of names that are searched among the users
	Start string // the cursor of the page of users
	Users *desk.UserPage

	Door      int64            // whose hours are edited, or which is taken away
	Only      bool             // of the doors to choose from only Door is shown
	Locations []*desk.Location // with the doors to choose from
	Days      []day
	Schedules []*desk.Schedule // to choose from for hours
	More      int              // doors that are not shown
}

// maxDoorChoice is how many doors a form has to choose from.
const maxDoorChoice = 500

// maxAccessShown is how many readers a group's panel shows.
const maxAccessShown = 200

// Access returns what the group opens, as far as the panel shows it.
func (p *groupPanel) Access() []desk.GroupAccess {
	return p.Group.Access[:min(len(p.Group.Access), maxAccessShown)]
}

// NotShown returns how many readers Access leaves out.
func (p *groupPanel) NotShown() int { return len(p.Group.Access) - len(p.Access()) }

// readUsers fills in the users to choose from: those of a group, "": all.
func (c *Console) readUsers(r *http.Request, v *visit, p *groupPanel, group string) (err error) {
	q := r.URL.Query()
	p.Find, p.Start = truncate(strings.TrimSpace(q.Get("find")), 100), q.Get("start")
	p.Users, err = c.desk.Users(r.Context(), v.Actor, desk.UserQuery{Search: p.Find, Group: group, After: p.Start})
	return err
}

func (c *Console) group(w http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	return c.showGroup(q.Get("tab"), q.Get("ask"))(w, r, v, http.StatusOK, nil)
}

// showGroup returns a tab of a group's panel, with what is open there; "": nothing.
func (c *Console) showGroup(tab, ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) (err error) {
		p := &groupPanel{Tab: tab, Ask: ask, Form: f}
		if p.Group, err = c.desk.Group(r.Context(), v.Actor, r.PathValue("group")); err != nil {
			return err
		}
		v.beyond(v.reach.Group(p.Group.Name), desk.EditMembers, desk.RenameGroup, desk.RemoveGroup)
		if f == nil {
			p.Form = newForm()
		}
		switch tab {
		case "doors":
			err = c.readGroupDoors(r, v, p, f == nil)
		case "settings":
			if f == nil {
				p.Form = newForm("name", p.Group.Name, "revision", p.Group.Revision())
			}
			p.Form.warn("group", p.Group.Revision())
		default:
			among := p.Group.Name
			if p.Tab = "members"; ask == "add" {
				among = ""
			}
			err = c.readUsers(r, v, p, among)
		}
		if err != nil {
			return err
		}
		return c.showGroups(w, r, v, status, p)
	}
}

// readGroupDoors fills in the tab of doors. isNew: the form has not been sent yet.
func (c *Console) readGroupDoors(r *http.Request, v *visit, p *groupPanel, isNew bool) (err error) {
	p.Form.warn("group", p.Group.AccessRevision())
	text := r.URL.Query().Get("door")
	if !isNew {
		text = p.Form.Get("only")
	}
	p.Door, _ = strconv.ParseInt(text, 10, 64)
	if p.Schedules, err = c.desk.Schedules(r.Context(), v.Actor); err != nil {
		return err
	}
	if isNew {
		p.Form = newForm("revision", p.Group.AccessRevision(), "when", "always")
		if at := p.at(p.Door); at != nil {
			p.Form.Values.Set("door", text)
			fillWeek(p.Form, newWeek(wire.Access{Group: p.Group.Name, Schedule: at.Hours}).by(at.Schedule, p.Schedules))
		}
	}
	if p.Ask != "add" {
		return nil
	}
	p.Days = newWeek(wire.Access{}).Days
	if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
		return err
	}
	left := maxDoorChoice
	p.Only = slices.ContainsFunc(p.Locations, func(l *desk.Location) bool {
		return slices.ContainsFunc(l.Doors, func(d *desk.Door) bool { return d.ID == p.Door && len(d.Readers) > 0 })
	})
	for _, l := range p.Locations {
		l.Doors = slices.DeleteFunc(l.Doors, func(d *desk.Door) bool { return len(d.Readers) == 0 || p.Only && d.ID != p.Door })
		shown := min(left, len(l.Doors))
		p.More += len(l.Doors) - shown
		l.Doors, left = l.Doors[:shown], left-shown
	}
	return nil
}

// at returns what the group opens at a door; nil: nothing.
func (p *groupPanel) at(door int64) *desk.GroupAccess {
	for i := range p.Group.Access {
		if at := &p.Group.Access[i]; at.DoorID == door && at.May {
			return at
		}
	}
	return nil
}

// Opens says when the group opens a door; nil: it does not.
func (p *groupPanel) Opens(door int64) *language.Sentence {
	switch at := p.at(door); {
	case at == nil:
		return nil
	case at.Hours == nil:
		return language.Say("has it always¦a door")
	case at.Schedule != "":
		return language.Say("has it by %s¦a door, schedule", at.Schedule)
	}
	return language.Say("has it at set times¦a door")
}

// Within says whether a user is in the group of the panel.
func (p *groupPanel) Within(u *desk.UserRow) bool {
	return p.Group != nil && slices.Contains(u.Groups, p.Group.Name)
}

// Link returns the URL of the panel with another search or page of users.
func (p *groupPanel) Link(start string) string {
	if p.Group == nil {
		return "/groups" + query("new", "1", "name", p.Form.Get("name"), "find", p.Find, "start", start)
	}
	return "/groups/" + p.Group.Name + query("tab", p.Tab, "ask", p.Ask, "find", p.Find, "start", start)
}
