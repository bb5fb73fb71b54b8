package console

import (
	"errors"
	"fmt"
	"net/http"
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

func (c *Console) placeRoutes(page route) {
	page("GET /places", c.places)
	page("GET /places/new/{kind}", c.newPlace)
	page("POST /places/new/{kind}", c.addPlace)
	page("GET /doors/{id}", c.door)
	page("POST /doors/{id}", c.editDoor)
	page("GET /locations/{id}", c.location)
	page("POST /locations/{id}", c.renamePlace("location"))
	page("POST /hubs/{id}", c.renamePlace("hub"))
	page("POST /locations/{id}/remove", c.removePlace("location"))
	page("POST /hubs/{id}/remove", c.removePlace("hub"))
	page("POST /doors/{id}/remove", c.removePlace("door"))
	for pattern, show := range map[string]func(http.ResponseWriter, *http.Request, *visit, int, *form) error{
		"POST /places/new/{kind}": c.showNewPlace, "POST /doors/{id}": c.showDoor, "POST /locations/{id}": c.showLocation, "POST /hubs/{id}": c.showHub,
	} {
		c.restorable(pattern, func(w http.ResponseWriter, r *http.Request, v *visit, f *form) error {
			return show(w, r, v, http.StatusOK, f)
		})
	}
}

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

// number reads a positive number from the URL's path.
func number(r *http.Request, name string) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || id <= 0 {
		return 0, desk.ErrNotFound
	}
	return id, nil
}

func (c *Console) newPlace(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.refusal(desk.EditPlaces); err != nil {
		return err
	}
	return c.showNewPlace(w, r, v, http.StatusOK, newForm("in", r.URL.Query().Get("in")))
}

func (c *Console) showNewPlace(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	kind := r.PathValue("kind")
	if kind != "location" && kind != "hub" && kind != "door" {
		return desk.ErrNotFound
	}
	return c.showPlaces(w, r, v, status, &placesPage{Kind: "new-" + kind, Form: f}, "New "+kind)
}

func (c *Console) addPlace(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	return c.once(w, r, v, f, func() (answer, error) {
		in, _ := strconv.ParseInt(f.Get("in"), 10, 64)
		name := f.Trim("name")
		var to string
		var id int64
		var err error
		switch r.PathValue("kind") {
		case "location":
			id, err = c.desk.AddLocation(r.Context(), v.Actor, name)
			to = fmt.Sprint("/locations/", id)
		case "hub":
			id, err = c.desk.AddHub(r.Context(), v.Actor, in, name)
			to = fmt.Sprint("/hubs/", id)
		case "door":
			id, err = c.desk.AddDoor(r.Context(), v.Actor, in, name)
			to = fmt.Sprint("/doors/", id)
		default:
			return nil, desk.ErrNotFound
		}
		if f.refused(err) {
			return nil, c.showNewPlace(w, r, v, http.StatusUnprocessableEntity, f)
		}
		if err != nil {
			return nil, err
		}
		if r.PathValue("kind") == "hub" { // it has no page among the places
			to = "/places"
		}
		c.redirect(w, r, to, name+" was added.")
		return c.alreadyDone(to), nil
	})
}

func (c *Console) location(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showLocation(w, r, v, http.StatusOK, nil)
}

func (c *Console) showLocation(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	p := &placesPage{Kind: "location", Form: f, Ask: r.URL.Query().Get("ask")}
	if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
		return err
	}
	for _, l := range p.Locations {
		if l.ID == id {
			p.Location = l
		}
	}
	if p.Location == nil {
		return desk.ErrNotFound
	}
	if f == nil {
		p.Form = newForm("name", p.Location.Name, "revision", p.Location.Revision())
	} else {
		f.warn("location", p.Location.Revision())
	}
	return c.showPlaces(w, r, v, status, p, p.Location.Name)
}

// renamePlace renames a location or a hub.
func (c *Console) renamePlace(kind string) func(http.ResponseWriter, *http.Request, *visit) error {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		id, err := number(r, "id")
		if err != nil {
			return err
		}
		f, err := c.formOf(r, v)
		if err != nil {
			return err
		}
		to := fmt.Sprintf("/%ss/%d", kind, id)
		if kind == "hub" {
			err = c.desk.RenameHub(r.Context(), v.Actor, id, f.Get("revision"), f.Trim("name"))
			if f.refused(err) {
				return c.showHub(w, r, v, http.StatusUnprocessableEntity, f)
			}
		} else {
			err = c.desk.RenameLocation(r.Context(), v.Actor, id, f.Get("revision"), f.Trim("name"))
			if f.refused(err) {
				return c.showLocation(w, r, v, http.StatusUnprocessableEntity, f)
			}
		}
		if err != nil {
			return err
		}
		c.redirect(w, r, to, "Saved.")
		return nil
	}
}

// removePlace removes a place that is empty; otherwise it says what is in it.
func (c *Console) removePlace(kind string) func(http.ResponseWriter, *http.Request, *visit) error {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		id, err := number(r, "id")
		if err != nil {
			return err
		}
		to := "/places"
		switch kind {
		case "location":
			err = c.desk.RemoveLocation(r.Context(), v.Actor, id)
		case "hub":
			err = c.desk.RemoveHub(r.Context(), v.Actor, id)
			to = "/devices"
		case "door":
			err = c.desk.RemoveDoor(r.Context(), v.Actor, id)
		}
		if errors.Is(err, desk.ErrNotFound) {
			c.redirect(w, r, to, "It was already removed.")
			return nil
		}
		if err != nil {
			return err
		}
		c.redirect(w, r, to, "Removed.")
		return nil
	}
}
