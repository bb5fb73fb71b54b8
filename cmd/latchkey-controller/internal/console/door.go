package console

import (
	"fmt"
	"net/http"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// doorPanel shows one door.
type doorPanel struct {
	Door   *desk.Door
	Tab    string // "overview", "config", "activity"
	Chart  *chart
	Events []*desk.Event
}

func (c *Console) door(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showDoor(w, r, v, http.StatusOK, nil)
}

func (c *Console) showDoor(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	d := &doorPanel{Tab: r.URL.Query().Get("tab")}
	if f != nil {
		d.Tab = "config"
	}
	p := &placesPage{Kind: "door", Ask: r.URL.Query().Get("ask"), Form: f, doorPanel: d}
	if d.Door, err = c.desk.Door(r.Context(), v.Actor, id); err != nil {
		return err
	}
	switch d.Tab {
	case "config":
		if f == nil {
			p.Form = newForm("name", d.Door.Name, "hub", fmt.Sprint(d.Door.Hub), "revision", d.Door.Revision())
		} else {
			f.warn("door", d.Door.Revision())
		}
	case "activity":
		page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Door: id, Limit: 25})
		if err != nil {
			return err
		}
		d.Events = page.Events
	default:
		d.Tab = "overview"
		hours, err := c.desk.Hours(r.Context(), v.Actor, id, 24)
		if err != nil {
			return err
		}
		d.Chart = newChart(hours, v.zone())
	}
	return c.showPlaces(w, r, v, status, p, d.Door.Name)
}

func (c *Console) editDoor(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	hub, _ := strconv.ParseInt(f.Get("hub"), 10, 64)
	err = c.desk.EditDoor(r.Context(), v.Actor, id, f.Get("revision"), f.Trim("name"), hub)
	if f.refused(err) {
		return c.showDoor(w, r, v, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	c.redirect(w, r, fmt.Sprintf("/doors/%d?tab=config", id), "Saved.")
	return nil
}
