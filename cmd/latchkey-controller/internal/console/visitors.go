package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// visitorsPage lists the visitors, with one of them, or the form of an invitation, in the panel.
type visitorsPage struct {
	Search string
	At     desk.VisitTime
	After  string
	List   *desk.VisitorPage // nil: only the panel is requested

	New   bool // the panel shows the form
	Form  *form
	Doors []*desk.VisitDoor

	User    *desk.User // the visitor in the panel; nil: none
	Ask     string     // open question: "end", or "pin" for a new one
	Slip    bool       // it is new, and the page shows its PIN
	Rollout desk.Rollout
}

// In returns the query string of the list at a time.
func (p *visitorsPage) In(at desk.VisitTime) string { return p.link(at, "") }

// From returns the query string of the page after a cursor.
func (p *visitorsPage) From(after string) string { return p.link(p.At, after) }

func (p *visitorsPage) link(at desk.VisitTime, after string) string {
	return query("q", p.Search, "at", string(at), "after", after)
}

// Here says whether a visitor is the one in the panel.
func (p *visitorsPage) Here(id uint64) bool { return p.User != nil && p.User.ID == id }

// Visited returns the doors that take visitors, also those that they cannot open.
func (p *visitorsPage) Visited() []*desk.VisitDoor {
	return slices.DeleteFunc(slices.Clone(p.Doors), func(d *desk.VisitDoor) bool { return !d.Takes })
}

// everyonesDoors are the names of the doors that everyone may open, always or at set times.
type everyonesDoors struct{ Always, AtTimes []string }

// Everyones returns the doors that visitors can open without being invited to them; nil: none.
func (p *visitorsPage) Everyones() (all *everyonesDoors) {
	for _, d := range p.Doors {
		if !d.Everyone || d.Why != nil {
			continue
		}
		if all == nil {
			all = new(everyonesDoors)
		}
		if d.AtTimes {
			all.AtTimes = append(all.AtTimes, d.Name)
		} else {
			all.Always = append(all.Always, d.Name)
		}
	}
	return all
}

// showVisitors shows the page with the panel that the caller has filled in.
func (c *Console) showVisitors(w http.ResponseWriter, r *http.Request, v *visit, status int, p *visitorsPage) error {
	q := r.URL.Query()
	p.Search, p.At, p.After = truncate(strings.TrimSpace(q.Get("q")), 100), desk.VisitTime(q.Get("at")), q.Get("after")
	if wants(r, "visitor-list") {
		var err error
		if p.List, err = c.desk.Visitors(r.Context(), v.Actor, desk.VisitQuery{Search: p.Search, At: p.At, After: p.After}); err != nil {
			return err
		}
	}
	title := language.Say("Visitors")
	switch {
	case p.New:
		title = language.Say("Invite a visitor")
	case p.User != nil:
		title = language.Data(p.User.Name)
	}
	if byScript(r) && !live(r) && r.Header.Get("HX-Target") == "visitor-list" {
		if u, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && u.Path == "/visitors" {
			w.Header().Set("HX-Replace-Url", "/visitors"+p.link(p.At, ""))
		}
	}
	c.show(w, r, status, "visitors", &view{visit: v, Title: title, Section: "users", Panel: p.New || p.User != nil, Page: p})
	return nil
}

func (c *Console) visitors(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showVisitors(w, r, v, http.StatusOK, &visitorsPage{})
}

// showInvitation shows the form of an invitation.
func (c *Console) showInvitation(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm("zone", v.zone().String())
	}
	doors, err := c.desk.VisitDoors(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	return c.showVisitors(w, r, v, status, &visitorsPage{New: true, Form: f, Doors: doors})
}

func (c *Console) invite(r *http.Request, v *visit, f *form) (answer, error) {
	form := desk.VisitForm{First: f.Trim("first"), Last: f.Trim("last"), From: f.Trim("from"), Until: f.Trim("until"), Zone: zoneOf(f, v), Limits: readLimits(f)}
	for _, text := range f.Values["door"] {
		door, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return answer{}, desk.ErrNotFound
		}
		form.Doors = append(form.Doors, door)
	}
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	id, digits, err := c.desk.Invite(r.Context(), v.Actor, form)
	return answer{to: visitorURL(id), notice: language.Say("The visitor was invited."), show: c.showSlip(id, digits)}, err
}

func visitorURL(id uint64) string { return fmt.Sprintf("/visitors/%d", id) }

// showSlip shows what a new visitor is given, with the PIN, once, and wipes that. The digits
// go into the page's bytes only, never into a string.
func (c *Console) showSlip(id uint64, digits []byte) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		defer clear(digits)
		spaced := slices.Concat(digits[:len(digits)/2], []byte(" "), digits[len(digits)/2:])
		defer clear(spaced)
		p := &visitorsPage{Slip: true}
		var err error
		if p.User, err = c.desk.User(r.Context(), v.Actor, id); err != nil {
			return err
		}
		if p.Rollout, err = c.desk.Rollout(r.Context(), v.Actor); err != nil {
			return err
		}
		return c.showVisitors(&secretWriter{ResponseWriter: w, marker: c.marker, secrets: [][]byte{digits, spaced}}, r, v, http.StatusOK, p)
	}
}

// visitorOf returns the visitor in the URL, or ErrNotFound.
func (c *Console) visitorOf(r *http.Request, v *visit) (*desk.User, error) {
	u, err := c.desk.User(r.Context(), v.Actor, uint64(v.id))
	if err == nil && u.Visit == nil {
		err = desk.ErrNotFound
	}
	return u, err
}

func (c *Console) visitor(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showVisitor(r.URL.Query().Get("ask"))(w, r, v, http.StatusOK, nil)
}

// showVisitor returns the page of a visitor with an open question; "": none.
func (c *Console) showVisitor(ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		u, err := c.visitorOf(r, v)
		if err != nil {
			return err
		}
		v.beyond(v.reach.User(&u.UserRow), userActs...)
		if f == nil {
			f = newForm()
			fillLimits(f, (&userPanel{User: u}).limits())
		}
		return c.showVisitors(w, r, v, status, &visitorsPage{User: u, Ask: ask, Form: f})
	}
}

// newSlip gives a visitor a new PIN, on a new slip.
func (c *Console) newSlip(r *http.Request, v *visit, f *form) (answer, error) {
	id, limits := uint64(v.id), readLimits(f)
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	if v.refusal(desk.SetPIN) == nil { // otherwise SetPIN notes the refusal
		if _, err := c.visitorOf(r, v); err != nil {
			return answer{}, err
		}
	}
	digits, err := c.desk.SetPIN(r.Context(), v.Actor, id, desk.PIN{Choice: desk.Auto, Limits: limits})
	if says := desk.Fields(err)["pin"]; says != nil {
		return answer{}, f.says("", says)
	}
	return answer{to: visitorURL(id), show: c.showSlip(id, digits)}, err
}

func (c *Console) endVisit(r *http.Request, v *visit, _ *form) (answer, error) {
	err := c.desk.EndInvitation(r.Context(), v.Actor, uint64(v.id))
	return removed(err, visitorURL(uint64(v.id)), language.Say("The visit was ended, and the PIN taken away. Readers are being updated."), language.Say("This visit was over already."))
}

// takeVisitors switches whether visitors may be invited to a door.
func (c *Console) takeVisitors(r *http.Request, v *visit, f *form) (answer, error) {
	on := f.Get("on") == "true"
	a := answer{to: fmt.Sprintf("/doors/%d?tab=settings", v.id), notice: language.Say("Visitors can be invited to this door now.")}
	err := c.desk.TakeVisitors(r.Context(), v.Actor, v.id, on)
	if err != nil || on {
		return a, err
	}
	at, err := c.visitDoor(r, v, v.id)
	switch {
	case at == nil || !at.Everyone || at.Why != nil:
		a.notice = language.Say("Visitors can no longer be invited to this door, and open it no longer.")
	case at.AtTimes:
		a.notice = language.Say("Visitors can no longer be invited to this door. Everyone may open it at set times, and so may they.")
	default:
		a.notice = language.Say("Visitors can no longer be invited to this door. Everyone may open it, and so may they.")
	}
	return a, err
}

// visitDoor returns what visitors meet at a door; nil: it has no reader.
func (c *Console) visitDoor(r *http.Request, v *visit, door int64) (*desk.VisitDoor, error) {
	doors, err := c.desk.VisitDoors(r.Context(), v.Actor)
	for _, d := range doors {
		if d.ID == door {
			return d, err
		}
	}
	return nil, err
}

// visitLights say when visits are.
var visitLights = map[desk.Validity]light{
	desk.Valid:       {Tone: "good", Word: language.Say("Now¦visitors who are here")},
	desk.NotYetValid: {Tone: "brand", Word: language.Say("Coming¦visitors")},
	desk.Expired:     {Word: language.Say("Over¦visits")},
}

// visitStates say what a visitor is.
var visitStates = map[desk.Validity]*language.Sentence{
	desk.Valid:       language.Say("Visitor · now"),
	desk.NotYetValid: language.Say("Visitor · coming"),
	desk.Expired:     language.Say("Visitor · over"),
}
