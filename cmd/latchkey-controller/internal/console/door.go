package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// doorPage shows one door.
type doorPage struct {
	Door    *desk.Door
	Tab     string // key of one of doorTabs
	Ask     string
	Form    *form // of the tab, or of the rules on it
	Chart   *chart
	Search  string // of the Access tab
	After   string
	Openers *desk.OpenerPage
	Members map[string]bool // the groups of the Overview and Access tabs that somebody is in
	Events  []*desk.Event

	Visitors  *desk.VisitDoor  // what visitors meet there, of the Settings tab; nil: it has no reader
	Locations []*desk.Location // where the door may be, of the Settings tab

	modeSection
	rules
}

var doorTabs = []tab{
	{"overview", language.Say("Overview")}, {"access", language.Say("Access")}, {"hours", language.Say("Unlock schedule")},
	{"identification", language.Say("Identification")}, {"settings", language.Say("Settings")}, {"activity", language.Say("Activity")},
}

func (c *Console) door(w http.ResponseWriter, r *http.Request, v *visit) error {
	tab := r.URL.Query().Get("tab")
	if tab == "config" { // as links from before name it
		c.redirect(w, r, fmt.Sprintf("/doors/%d?tab=settings", v.id), nil)
		return nil
	}
	return c.showDoor(tab)(w, r, v, http.StatusOK, nil)
}

// showDoor returns a tab of a door's page.
func (c *Console) showDoor(tab string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) (err error) {
		p := &doorPage{Tab: tab, Ask: r.URL.Query().Get("ask"), Form: f}
		if p.Door, err = c.desk.Door(r.Context(), v.Actor, v.id); err != nil {
			return err
		}
		return c.showDoorPage(w, r, v, status, p, r.URL.Query().Get("reader"))
	}
}

// showDoorPage shows a door's page, about one of its readers by its id; "": the first.
func (c *Console) showDoorPage(w http.ResponseWriter, r *http.Request, v *visit, status int, p *doorPage, reader string) (err error) {
	p.choose(reader)
	if !slices.ContainsFunc(doorTabs, func(t tab) bool { return t.Key == p.Tab }) {
		p.Tab = "overview"
	}
	switch p.Tab {
	case "settings":
		err = c.readDoorSettings(r, v, p)
	case "access":
		err = c.readOpeners(r, v, p)
	case "activity":
		err = c.readDoorActivity(r, v, p)
	case "overview":
		err = c.readDoor(r, v, p)
	}
	if err == nil && p.Reader != nil {
		err = c.readRules(r, v, p)
	}
	if err == nil && (p.Tab == "overview" || p.Tab == "access") {
		p.Members, err = c.desk.GroupsWithMembers(r.Context(), v.Actor)
	}
	if err == nil {
		c.show(w, r, status, "door", &view{visit: v, Title: language.Data(p.Door.Name), Section: "overview", Page: p})
	}
	return err
}

// readDoorSettings fills in the Settings tab of a door.
func (c *Console) readDoorSettings(r *http.Request, v *visit, p *doorPage) (err error) {
	if p.Form == nil {
		at, err := c.desk.Hub(r.Context(), v.Actor, p.Door.Parent)
		if err != nil {
			return err
		}
		p.Form = newForm("name", p.Door.Name, "hub", fmt.Sprint(p.Door.Parent), "location", fmt.Sprint(at.Parent), "revision", p.Door.Revision())
	}
	p.Form.warn("door", p.Door.Revision())
	if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
		return err
	}
	p.Visitors, err = c.visitDoor(r, v, p.Door.ID)
	return err
}

// UsesHubs says whether the page mentions hubs.
func (p *doorPage) UsesHubs() bool { return desk.UsesHubs(p.Locations) }

func (c *Console) readDoorActivity(r *http.Request, v *visit, p *doorPage) error {
	page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Door: p.Door.ID, Lines: true, Limit: 25})
	if err == nil {
		p.Events = page.Events
	}
	return err
}

// readDoor fills in the Overview tab of a door.
func (c *Console) readDoor(r *http.Request, v *visit, p *doorPage) error {
	hours, err := c.desk.Hours(r.Context(), v.Actor, p.Door.ID, 24)
	if err != nil {
		return err
	}
	p.Chart = newChart(hours, v.zone())
	p.setModeForm(p.Form, c.desk.Now(), doorZone(p.Door, v.zone()), v.zone())
	p.modesHere, err = c.readModes(r.Context(), v.Actor, desk.Where{Level: desk.Doors, ID: p.Door.ID}, p.Door.Readers)
	return err
}

// readOpeners fills in the Access tab of a door.
func (c *Console) readOpeners(r *http.Request, v *visit, d *doorPage) (err error) {
	q := r.URL.Query()
	d.Search, d.After = truncate(strings.TrimSpace(q.Get("q")), 100), q.Get("after")
	d.Openers, err = c.desk.DoorAccess(r.Context(), v.Actor, d.Door.Readers, desk.OpenerQuery{Search: d.Search, After: d.After, Opens: true})
	return err
}

// AccessFrom returns the address of the Access tab with its search, after a cursor.
func (d *doorPage) AccessFrom(after string) string {
	address := d.At("access")
	if more := query("q", d.Search, "after", after); more != "" {
		address += "&" + more[1:]
	}
	return address
}

// EmptyGroup says whether nobody is in a group that somebody can be put into.
func (d *doorPage) EmptyGroup(name string) bool {
	return !d.Members[name] && name != wire.Everyone && !desk.IsVisitors(name)
}

// Empty says whether nobody is in the group of an access.
func (d *doorPage) Empty(a *desk.Access) bool {
	return wire.CheckName(a.Groups[0]) == nil && d.EmptyGroup(a.Groups[0])
}

// Filled returns those of some accesses in whose groups somebody is.
func (d *doorPage) Filled(all []*desk.Access) []*desk.Access {
	return slices.DeleteFunc(slices.Clone(all), d.Empty)
}

// Adopted returns the readers of the door that have a board.
func (d *doorPage) Adopted() (readers []*desk.Reader) {
	for _, r := range d.Door.Readers {
		if r.Bundle != 0 {
			readers = append(readers, r)
		}
	}
	return readers
}

func (c *Console) editDoor(r *http.Request, v *visit, f *form) (answer, error) {
	hub, location := chosenHub(f, "hub")
	err := c.desk.EditPlace(r.Context(), v.Actor, desk.Doors, v.id, f.Get("revision"), func(p *desk.PlaceForm) {
		p.Name, p.In, p.Location = f.Trim("name"), cmp.Or(hub, p.In), cmp.Or(location, p.Location)
	})
	return answer{to: fmt.Sprintf("/doors/%d?tab=settings", v.id), notice: language.Say("Saved.")}, err
}
