package console

import (
	"fmt"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A firstStep is one of those that lead a new site to the first person who opens a door.
type firstStep struct {
	Name   string             // the name of its text in the template
	Done   bool               // says the database
	Next   bool               // the one with the button
	Href   string             // of the button; "": the step is taken at the door
	WhyNot *language.Sentence // the actor may not take it; nil: they may
}

// firstSteps returns the steps for the start page; nil: they are over. A site may well be in UTC: a zone
// that nobody has chosen is no longer the next step once there is a door, but stays one, alone after the
// first entry, until an Owner has chosen it.
func (c *Console) firstSteps(r *http.Request, v *visit, p *overviewPage) ([]firstStep, error) {
	is, err := c.desk.FirstSteps(r.Context(), v.Actor)
	if err != nil {
		return nil, err
	}
	zone := firstStep{Name: "site", Done: is.Zone, Href: "/settings#f-zone"}
	if is.Over {
		if zone.Next = !is.Zone && !is.Hidden && v.May(string(desk.SetZone)); !zone.Next {
			return nil, nil
		}
		return []firstStep{zone}, nil
	}
	addDoor := "/places/new/door"
	if len(p.Locations) == 0 {
		addDoor = "/places/new/location"
	}
	steps := []struct {
		firstStep
		act desk.Act
	}{
		{zone, desk.SetZone},
		{firstStep{Name: "door", Done: p.Doors > 0, Href: addDoor}, desk.EditPlaces},
		{firstStep{Name: "reader", Done: p.Readers > 0, Href: "/devices"}, desk.AdoptReader},
		{firstStep{Name: "user", Done: is.User != 0, Href: "/users/new"}, desk.AddUser},
		{firstStep{Name: "pin", Done: is.Credential, Href: fmt.Sprintf("/users/%d?add=any", is.User)}, desk.SetPIN},
		{firstStep{Name: "open"}, desk.ViewPlaces},
	}
	var all []firstStep
	next := false
	for _, s := range steps {
		s.WhyNot = v.WhyNot(string(s.act))
		waits := s.Name == "pin" && is.User == 0 || s.Name == "site" && p.Doors > 0
		s.Next = !next && !s.Done && s.WhyNot == nil && !waits
		next = next || s.Next
		all = append(all, s.firstStep)
	}
	return all, nil
}

func (c *Console) hideFirstSteps(r *http.Request, v *visit, _ *form) (answer, error) {
	return answer{to: "/", notice: language.Say("The first steps are hidden.")}, c.desk.HideFirstSteps(r.Context(), v.Actor)
}
