package console

import (
	"net/http"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// overviewPage shows all doors at a glance.
type overviewPage struct {
	modesHere
	Ask       string // "mode": lock or unlock the site, "end": end the mode Ending; "": nothing
	Form      *form
	Ending    *desk.WantedMode
	Evening   string
	Locations []*desk.Location
	Alerts    []alert
	Duress    []*desk.Event // the newest first, for those who may see them

	MoreDuress bool
	Days       []activityDay
	Newest     int64
	Readers    int // with a board
	Online     int
	Doors      int
	Users      int
	Cards      desk.CardCount
	Full       string // the disk is full, as a sentence; "": it is not
	Doubt      string // why the controller's clock is in doubt; "": it is not
	Broker     string // what is wrong with the brokers, as sentences; "": nothing
}

func (c *Console) overview(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showOverview(r.URL.Query().Get("ask"))(w, r, v, http.StatusOK, nil)
}

// showOverview returns the page with an open dialog; "": none.
func (c *Console) showOverview(ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		p := &overviewPage{Ask: ask, Form: f, Evening: eveningText(time.Now(), v.zone(), v.zone())}
		if err := c.readOverview(r, v, p); err != nil {
			return err
		}
		c.show(w, r, status, "overview", &view{visit: v, Title: "Doors", Section: "overview", Page: p})
		return nil
	}
}

// readOverview fills in the page.
func (c *Console) readOverview(r *http.Request, v *visit, p *overviewPage) (err error) {
	if p.Form == nil {
		p.Form = newForm("for", "1h")
	}
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
	if err = c.readDuress(r, v, p); err != nil {
		return err
	}
	if p.modesHere, err = c.readModes(r.Context(), v.Actor, desk.Where{}, readers); err != nil {
		return err
	}
	for _, w := range p.Wanted {
		if p.Ask == "end" && w.ID == v.id {
			p.Ending = w.WantedMode
		}
	}
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
	if !v.Actor.Limited() {
		p.Broker = c.brokerTrouble(p.Readers)
	}
	p.Doubt, err = c.doubt(r)
	return err
}
