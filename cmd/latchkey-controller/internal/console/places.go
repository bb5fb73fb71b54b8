package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// placesPage lists the locations, with one or a new place in the panel.
type placesPage struct {
	Locations   []*desk.Location
	Kind        string // of the panel: "location", "new-location", "new-hub", "new-door"; "": none
	Location    *desk.Location
	Form        *form
	Ask         string
	modeSection // of the location in the panel
}

// modeSection is what is in force at a place, and the form that sets a mode there.
type modeSection struct {
	ModeForm *form
	ModeZone string // of the times in it
	Evening  *language.Sentence
	modesHere
}

// setModeForm has the page show a form of modes, with times in a zone, at a time; nil: a new one.
func (p *modeSection) setModeForm(f *form, now time.Time, in, site *time.Location) {
	if p.ModeForm = f; f == nil {
		p.ModeForm = newForm("for", "1h")
	}
	p.ModeZone, p.Evening = in.String(), eveningText(now, in, site)
}

// UsesHubs says whether the page mentions hubs.
func (p *placesPage) UsesHubs() bool { return desk.UsesHubs(p.Locations) }

// Here says whether a location is the one in the panel.
func (p *placesPage) Here(id int64) bool { return p.Location != nil && p.Location.ID == id }

// At returns the address of the location in the panel.
func (p *placesPage) At(string) string { return fmt.Sprintf("/locations/%d", p.Location.ID) }

// showPlaces shows the page with the panel that the caller has filled in.
func (c *Console) showPlaces(w http.ResponseWriter, r *http.Request, v *visit, status int, p *placesPage, title *language.Sentence) error {
	if p.Locations == nil {
		var err error
		if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
			return err
		}
	}
	c.show(w, r, status, "places", &view{visit: v, Title: title, Section: "overview", Panel: p.Kind != "", Page: p})
	return nil
}

func (c *Console) places(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showPlaces(w, r, v, http.StatusOK, &placesPage{}, language.Say("Locations"))
}

// newPlaces are the titles of the forms of new places.
var newPlaces = map[string]*language.Sentence{"location": language.Say("New location"), "hub": language.Say("New hub"), "door": language.Say("New door")}

func (c *Console) showNewPlace(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	kind := r.PathValue("kind")
	title := newPlaces[kind]
	if title == nil {
		return desk.ErrNotFound
	}
	if kind == "location" && v.Actor.Limited() { // it would be nobody's
		return language.Say("%s: you are limited to some locations: ask an administrator of the whole site to add one", desk.ErrNotAllowed)
	}
	if f == nil {
		f = newForm("in", r.URL.Query().Get("in"), "location", r.URL.Query().Get("location"))
	}
	return c.showPlaces(w, r, v, status, &placesPage{Kind: "new-" + kind, Form: f}, title)
}

func (c *Console) addPlace(r *http.Request, v *visit, f *form) (answer, error) {
	level, name := desk.Level(r.PathValue("kind")), f.Trim("name")
	in, location := chosenHub(f, "in")
	var id int64
	var err error
	if level == desk.Doors && in == 0 {
		id, err = c.desk.AddDoor(r.Context(), v.Actor, location, name)
	} else {
		id, err = c.desk.AddPlace(r.Context(), v.Actor, level, in, name)
	}
	to := fmt.Sprintf("/%ss/%d", level, id)
	if level == desk.Hubs { // hubs have no page among the places
		to = "/places"
	}
	return answer{to: to, notice: language.Say("%s was added.", name)}, err
}

// chosenHub reads from a form at which hub a door is to be, from a field, or at which location, at a hub of its own:
// where hubs are used, a choice of the same field; otherwise of "location". 0: at none.
func chosenHub(f *form, field string) (hub, location int64) {
	if text, own := strings.CutPrefix(f.Get(field), "location-"); own {
		location, _ = strconv.ParseInt(text, 10, 64)
		return 0, location
	}
	hub, _ = strconv.ParseInt(f.Get(field), 10, 64)
	location, _ = strconv.ParseInt(f.Get("location"), 10, 64)
	return hub, location
}

func (c *Console) showLocation(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.locationPanel(w, r, v, status, f, nil)
}

// showLocationModes shows the form of modes in a location's panel.
func (c *Console) showLocationModes(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.locationPanel(w, r, v, status, nil, f)
}

// locationPanel shows a location with the form of its name and that of its modes; nil:
// a new one.
func (c *Console) locationPanel(w http.ResponseWriter, r *http.Request, v *visit, status int, f, modes *form) (err error) {
	p := &placesPage{Kind: "location", Form: f, Ask: r.URL.Query().Get("ask")}
	p.setModeForm(modes, c.desk.Now(), v.zone(), v.zone())
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
	var readers []*desk.Reader
	for _, d := range p.Location.Doors {
		readers = append(readers, d.Readers...)
	}
	if p.modesHere, err = c.readModes(r.Context(), v.Actor, desk.Where{Level: desk.Locations, ID: v.id}, readers); err != nil {
		return err
	}
	return c.showPlaces(w, r, v, status, p, language.Data(p.Location.Name))
}

// renamePlace returns the renaming of a location or a hub.
func (c *Console) renamePlace(level desk.Level) func(*http.Request, *visit, *form) (answer, error) {
	return func(r *http.Request, v *visit, f *form) (answer, error) {
		err := c.desk.EditPlace(r.Context(), v.Actor, level, v.id, f.Get("revision"), func(p *desk.PlaceForm) { p.Name = f.Trim("name") })
		return answer{to: fmt.Sprintf("/%ss/%d", level, v.id), notice: language.Say("Saved.")}, err
	}
}

// removePlace returns the removal of a place, which must be empty; to lists the others.
func (c *Console) removePlace(level desk.Level, to string) func(*http.Request, *visit, *form) (answer, error) {
	return func(r *http.Request, v *visit, _ *form) (answer, error) {
		return removed(c.desk.RemovePlace(r.Context(), v.Actor, level, v.id), to, language.Say("Removed."), language.Say("It was already removed."))
	}
}
