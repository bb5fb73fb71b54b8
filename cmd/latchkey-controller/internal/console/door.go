package console

import (
	"cmp"
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

func (c *Console) showDoor(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) (err error) {
	d := &doorPanel{Tab: r.URL.Query().Get("tab")}
	if f != nil {
		d.Tab = "config"
	}
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
	case "activity":
		page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Door: v.id, Limit: 25})
		if err != nil {
			return err
		}
		d.Events = page.Events
	default:
		d.Tab = "overview"
		hours, err := c.desk.Hours(r.Context(), v.Actor, v.id, 24)
		if err != nil {
			return err
		}
		d.Chart = newChart(hours, v.zone())
	}
	return c.showPlaces(w, r, v, status, p, d.Door.Name)
}

func (c *Console) editDoor(r *http.Request, v *visit, f *form) (answer, error) {
	hub, _ := strconv.ParseInt(f.Get("hub"), 10, 64)
	err := c.desk.EditPlace(r.Context(), v.Actor, desk.Doors, v.id, f.Get("revision"), func(p *desk.PlaceForm) { p.Name, p.In = f.Trim("name"), cmp.Or(hub, p.In) })
	return answer{to: fmt.Sprintf("/doors/%d?tab=config", v.id), notice: "Saved."}, err
}
