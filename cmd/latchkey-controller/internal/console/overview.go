package console

import (
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// overviewPage shows all doors at a glance.
type overviewPage struct {
	Locations []*desk.Location
	Alerts    []alert
	Days      []activityDay
	Newest    int64
	Readers   int // with a board
	Online    int
	Doors     int
	Users     int
	Cards     desk.CardCount
	Full      string // the disk is full, as a sentence; "": it is not
	Doubt     string // why the controller's clock is in doubt; "": it is not
}

func (c *Console) overview(w http.ResponseWriter, r *http.Request, v *visit) error {
	p := &overviewPage{}
	var err error
	if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
		return err
	}
	var readers []*desk.Reader
	for _, l := range p.Locations {
		p.Doors += len(l.Doors)
		for _, d := range l.Doors {
			readers = append(readers, d.Readers...)
		}
	}
	for _, reader := range readers {
		if reader.Removed == "" {
			p.Readers++
			if reader.Live.Online {
				p.Online++
			}
		}
	}
	p.Alerts = alerts(readers)
	users, err := c.desk.Users(r.Context(), v.Actor, desk.UserQuery{Limit: 1})
	if err != nil {
		return err
	}
	p.Users = users.Total
	if p.Cards, err = c.desk.CountCards(r.Context(), v.Actor); err != nil {
		return err
	}
	page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Limit: 8})
	if err != nil {
		return err
	}
	p.Days = byDay(page.Events, v.zone())
	if len(page.Events) > 0 {
		p.Newest = page.Events[0].ID
	}
	if err := c.desk.Full(); err != nil {
		p.Full = sentence(err.Error())
	}
	if p.Doubt, err = c.doubt(r); err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "overview", &view{visit: v, Title: "Doors", Section: "overview", Page: p})
	return nil
}
