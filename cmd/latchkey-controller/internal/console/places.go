package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// placesPage lists the locations with their doors, with one place in the panel.
type placesPage struct {
	Locations []*desk.Location
	Kind      string // of the panel: "location", "hub", "door", "new-location", "new-hub", "new-door"; "": none
	Location  *desk.Location
	Form      *form
	Ask       string
	*doorPanel
}

// Here says whether a door is the one in the panel.
func (p *placesPage) Here(id int64) bool { return p.doorPanel != nil && p.Door.ID == id }

// showPlaces shows the page with the panel that the caller has filled in.
func (c *Console) showPlaces(w http.ResponseWriter, r *http.Request, v *visit, status int, p *placesPage, title string) error {
	if p.Locations == nil {
		var err error
		if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
			return err
		}
	}
	c.show(w, r, status, "places", &view{visit: v, Title: title, Section: "places", Panel: p.Kind != "", Page: p})
	return nil
}

func (c *Console) places(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showPlaces(w, r, v, http.StatusOK, &placesPage{}, "Locations")
}

func (c *Console) showNewPlace(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	kind := r.PathValue("kind")
	if kind != "location" && kind != "hub" && kind != "door" {
		return desk.ErrNotFound
	}
	if f == nil {
		f = newForm("in", r.URL.Query().Get("in"))
	}
	return c.showPlaces(w, r, v, status, &placesPage{Kind: "new-" + kind, Form: f}, "New "+kind)
}

func (c *Console) addPlace(r *http.Request, v *visit, f *form) (answer, error) {
	in, _ := strconv.ParseInt(f.Get("in"), 10, 64)
	name := f.Trim("name")
	done := answer{notice: name + " was added."}
	var id int64
	var err error
	switch r.PathValue("kind") {
	case "location":
		id, err = c.desk.AddLocation(r.Context(), v.Actor, name)
		done.to = fmt.Sprint("/locations/", id)
	case "hub": // which has no page among the places
		_, err = c.desk.AddHub(r.Context(), v.Actor, in, name)
		done.to = "/places"
	case "door":
		id, err = c.desk.AddDoor(r.Context(), v.Actor, in, name)
		done.to = fmt.Sprint("/doors/", id)
	default:
		err = desk.ErrNotFound
	}
	return done, err
}

func (c *Console) showLocation(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) (err error) {
	p := &placesPage{Kind: "location", Form: f, Ask: r.URL.Query().Get("ask")}
	if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
		return err
	}
	at := slices.IndexFunc(p.Locations, func(l *desk.Location) bool { return l.ID == v.id })
	if at < 0 {
		return desk.ErrNotFound
	}
	p.Location = p.Locations[at]
	if f == nil {
		p.Form = newForm("name", p.Location.Name, "revision", p.Location.Revision())
	}
	p.Form.warn("location", p.Location.Revision())
	return c.showPlaces(w, r, v, status, p, p.Location.Name)
}

func (c *Console) renameLocation(r *http.Request, v *visit, f *form) (answer, error) {
	return answer{to: fmt.Sprint("/locations/", v.id), notice: "Saved."}, c.desk.RenameLocation(r.Context(), v.Actor, v.id, f.Get("revision"), f.Trim("name"))
}

// removePlace returns the removal of a place, which must be empty; to lists the others.
func (c *Console) removePlace(to string, remove func(context.Context, desk.Actor, int64) error) func(*http.Request, *visit, *form) (answer, error) {
	return func(r *http.Request, v *visit, _ *form) (answer, error) {
		return removed(remove(r.Context(), v.Actor, v.id), to, "Removed.", "It was already removed.")
	}
}
