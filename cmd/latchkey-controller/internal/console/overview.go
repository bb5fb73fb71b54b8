package console

import (
	"net/http"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// overviewPage shows all doors at a glance.
type overviewPage struct {
	modesHere
	Ask       string // "mode": lock or unlock the site, "end": end the mode Ending; "": nothing
	Form      *form
	Ending    *desk.WantedMode
	Evening   *language.Sentence
	Locations []*desk.Location
	Waiting   []*desk.WaitingReader // boards for which an administrator has to say which door they are for
	Alerts    []alert
	Alarms    []*desk.Event // of the site itself, the newest first
	Duress    []*desk.Event // the newest first, for those who may see them

	MoreDuress bool
	Count      int // of alerts, with what is wrong with the controller
	Days       []activityDay
	Newest     int64
	Readers    int // with a board
	Online     int
	Unheard    int // of which is not known whether they are online
	Doors      int
	Users      int
	Cards      desk.CardCount
	Exposed    bool               // some PINs or cards
	Full       *language.Sentence // the disk is full; nil: it is not
	Doubt      *language.Sentence // why the controller's clock is in doubt; nil: it is not
	Lead       *language.Sentence // that no controller leads; nil: one does
	Broker     *language.Sentence // what is wrong with the brokers; nil: nothing

	First []firstStep // what a new site is to do; nil: nothing
	Warns bool        // browsers warn of the console
}

func (c *Console) overview(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showOverview(r.URL.Query().Get("ask"))(w, r, v, http.StatusOK, nil)
}

// showOverview returns the page with an open dialog; "": none.
func (c *Console) showOverview(ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		p := &overviewPage{Ask: ask, Form: f, Evening: eveningText(c.desk.Now(), v.zone(), v.zone())}
		if err := c.readOverview(r, v, p); err != nil {
			return err
		}
		c.show(w, r, status, "overview", &view{visit: v, Title: language.Say("Doors"), Section: "overview", Page: p})
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
	if p.Waiting, err = c.waitingReaders(r, v); err != nil {
		return err
	}
	p.Waiting = slices.DeleteFunc(p.Waiting, func(w *desk.WaitingReader) bool { return w.Adopted != "" })
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
			switch {
			case reader.Live.Online:
				p.Online++
			case reader.Live.Unled:
				p.Unheard++
			}
		}
	}
	silent := false
	if p.Broker, silent, err = c.brokerTrouble(r.Context(), p.Readers); err != nil {
		return err
	}
	p.Alerts = alerts(readers, silent)
	if p.Alarms, err = c.siteAlarms(r, v); err != nil {
		return err
	}
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
	p.Warns = c.trustOf(r).Warns()
	if p.First, err = c.firstSteps(r, v, p); err != nil {
		return err
	}
	users, err := c.desk.Users(r.Context(), v.Actor, desk.UserQuery{Limit: 1})
	if err != nil {
		return err
	}
	p.Users = users.Total
	if p.Cards, err = c.desk.CountCards(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Exposed, err = c.desk.Exposed(r.Context(), v.Actor); err != nil {
		return err
	}
	page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Kind: desk.AtTheDoors, Lines: true, Limit: 8})
	if err != nil {
		return err
	}
	p.Days = byDay(page.Events, c.desk.Now().In(v.zone()))
	if len(page.Events) > 0 {
		p.Newest = page.Events[0].ID
	}
	if err := c.desk.Full(); err != nil {
		p.Full = language.Of(err).Alone()
	}
	unheard, err := c.notHeard(r, v)
	if err != nil {
		return err
	}
	if p.Broker = both(p.Broker, unheard); v.Actor.Limited() && !silent {
		p.Broker = nil
	}
	if p.Doubt, err = c.doubt(r); err != nil {
		return err
	}
	standing, err := c.desk.Standing(r.Context())
	if err != nil {
		return err
	}
	p.Lead = nobodyLeads(standing)
	p.Count = len(p.Alerts) + len(p.Alarms) + len(p.Duress)
	for _, banner := range []bool{p.Full != nil, p.Lead != nil, p.Broker != nil, p.Doubt != nil} {
		if banner {
			p.Count++
		}
	}
	return nil
}

// EndQuestion asks whether to end the mode Ending.
func (p *overviewPage) EndQuestion() *language.Sentence {
	switch at := (wantedHere{WantedMode: p.Ending}).SaidPlace(); p.Ending.Mode {
	case wire.ModeUnlocked:
		return language.Say("End unlocked: %s?", at)
	case wire.ModeLocked:
		return language.Say("End locked: %s?", at)
	case wire.ModeLockdown:
		return language.Say("End lockdown: %s?", at)
	default:
		return language.Say("End evacuation: %s?", at)
	}
}

// endTitles are on the button that ends a mode.
var endTitles = map[wire.Mode]*language.Sentence{
	wire.ModeUnlocked: language.Say("End unlocked"), wire.ModeLocked: language.Say("End locked"),
	wire.ModeLockdown: language.Say("End lockdown"), wire.ModeEvacuation: language.Say("End evacuation"),
}

// EndTitle is on the button that ends the mode Ending.
func (p *overviewPage) EndTitle() *language.Sentence { return endTitles[p.Ending.Mode] }

// siteAlarmFor is how long an alarm of the site is an alert; it stays in the activity.
const siteAlarmFor = 24 * time.Hour

// siteAlarms returns the newest alarms that are of the site and of no reader. They go by when they
// came.
func (c *Console) siteAlarms(r *http.Request, v *visit) ([]*desk.Event, error) {
	page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Kind: "alarm", Limit: 20})
	if err != nil {
		return nil, err
	}
	now := c.desk.Now()
	return slices.DeleteFunc(page.Events, func(e *desk.Event) bool {
		return e.Source != "alarm" || e.Reader != "" || now.Sub(e.Received) > siteAlarmFor
	}), nil
}
