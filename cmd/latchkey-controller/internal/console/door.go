package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// doorPanel shows one door.
type doorPanel struct {
	Door    *desk.Door
	Tab     string // "overview", "access", "config", "activity"
	Chart   *chart
	Search  string // of the Access tab
	After   string
	Openers *desk.OpenerPage
	Events  []*desk.Event

	Visitors *desk.VisitDoor // what visitors meet there, of the Config tab; nil: it has no reader
}

func (c *Console) door(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showDoor(r.URL.Query().Get("tab"))(w, r, v, http.StatusOK, nil)
}

// showDoor returns a tab of a door's panel.
func (c *Console) showDoor(tab string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) (err error) {
		d := &doorPanel{Tab: tab}
		p := &placesPage{Kind: "door", Ask: r.URL.Query().Get("ask"), Form: f, doorPanel: d}
		if d.Door, err = c.desk.Door(r.Context(), v.Actor, v.id); err != nil {
			return err
		}
		switch d.Tab {
		case "config":
			if f == nil {
				p.Form = newForm("name", d.Door.Name, "hub", fmt.Sprint(d.Door.Parent), "revision", d.Door.Revision())
			} else {
				f.warn("door", d.Door.Revision())
			}
			if d.Visitors, err = c.visitDoor(r, v); err != nil {
				return err
			}
		case "access":
			if err := c.readOpeners(r, v, d); err != nil {
				return err
			}
		case "activity":
			page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Door: v.id, Limit: 25})
			if err != nil {
				return err
			}
			d.Events = page.Events
		default:
			d.Tab = "overview"
			if err := c.readDoor(r, v, p); err != nil {
				return err
			}
		}
		return c.showPlaces(w, r, v, status, p, d.Door.Name)
	}
}

// readDoor fills in the Overview tab of a door.
func (c *Console) readDoor(r *http.Request, v *visit, p *placesPage) error {
	hours, err := c.desk.Hours(r.Context(), v.Actor, v.id, 24)
	if err != nil {
		return err
	}
	p.Chart = newChart(hours, v.zone())
	p.setModeForm(p.Form, c.desk.Now(), doorZone(p.Door, v.zone()), v.zone())
	p.modesHere, err = c.readModes(r.Context(), v.Actor, desk.Where{Level: desk.Doors, ID: v.id}, p.Door.Readers)
	return err
}

// readOpeners fills in the Access tab of a door.
func (c *Console) readOpeners(r *http.Request, v *visit, d *doorPanel) (err error) {
	q := r.URL.Query()
	d.Search, d.After = truncate(strings.TrimSpace(q.Get("q")), 100), q.Get("after")
	d.Openers, err = c.desk.DoorAccess(r.Context(), v.Actor, d.Door.Readers, desk.OpenerQuery{Search: d.Search, After: d.After})
	return err
}

// AccessFrom returns the address of the Access tab with its search, after a cursor.
func (d *doorPanel) AccessFrom(after string) string {
	q := url.Values{"tab": {"access"}}
	for name, value := range map[string]string{"q": d.Search, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return fmt.Sprintf("/doors/%d?%s", d.Door.ID, q.Encode())
}

// Adopted returns the readers of the door that have a board.
func (d *doorPanel) Adopted() (readers []*desk.Reader) {
	for _, r := range d.Door.Readers {
		if r.Bundle != 0 {
			readers = append(readers, r)
		}
	}
	return readers
}

func (c *Console) editDoor(r *http.Request, v *visit, f *form) (answer, error) {
	hub, _ := strconv.ParseInt(f.Get("hub"), 10, 64)
	err := c.desk.EditPlace(r.Context(), v.Actor, desk.Doors, v.id, f.Get("revision"), func(p *desk.PlaceForm) { p.Name, p.In = f.Trim("name"), cmp.Or(hub, p.In) })
	return answer{to: fmt.Sprintf("/doors/%d?tab=config", v.id), notice: "Saved."}, err
}
