package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// readerPage shows one reader.
type readerPage struct {
	Reader *desk.Reader
	Tab    string // key of one of readerTabs
	Form   *form
	Events []*desk.Event
	Doors  []*desk.Door
	readerCell
	Ask string
}

// A tab is a part of a page, with its key in the URL.
type tab struct {
	Key  string
	Name *language.Sentence
}

var readerTabs = []tab{{"overview", language.Say("Overview")}, {"screen", language.Say("Screen¦of a reader")}, {"device", language.Say("Device")}}

func (c *Console) reader(w http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	if to := movedTabs[q.Get("tab")]; to != "" {
		address, err := c.rulesAt(r, v, to)
		if err != nil {
			return err
		}
		for _, name := range []string{"ask", "group"} {
			if value := q.Get(name); value != "" {
				address += "&" + url.Values{name: {value}}.Encode()
			}
		}
		c.redirect(w, r, address, nil)
		return nil
	}
	return c.showReader(q.Get("tab"), q.Get("ask"))(w, r, v, http.StatusOK, nil)
}

// movedTabs are the tabs of readers that doors have now, as links from before name them.
var movedTabs = map[string]string{"authentication": "identification", "access": "access", "opening": "hours", "two-proofs": "identification", "door": "settings"}

// showReader returns a tab of a reader's page, with an open dialog; "": none.
func (c *Console) showReader(tab, ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		p := &readerPage{Tab: tab, Form: f, Ask: ask}
		if err := c.readReader(r, v, p); err != nil {
			return err
		}
		c.show(w, r, status, "reader", &view{visit: v, Title: language.Data(p.Reader.ID), Section: "devices", Page: p})
		return nil
	}
}

// readReader fills in the page of a tab.
func (c *Console) readReader(r *http.Request, v *visit, p *readerPage) (err error) {
	if p.Reader, err = c.desk.Reader(r.Context(), v.Actor, r.PathValue("reader")); err != nil {
		return err
	}
	given := p.Form != nil
	if given {
		p.Form.warn("policy", fmt.Sprint(p.Reader.Policy.Revision))
		p.Form.warn("reader", p.Reader.PlaceRevision())
	}
	switch p.Tab {
	case "screen":
		if !given {
			p.Form = screenForm(p.Reader.Policy)
		}
	case "device":
		if !given {
			p.Form = newForm("door", fmt.Sprint(p.Reader.DoorID), "revision", p.Reader.PlaceRevision())
		}
		locations, err := c.desk.Places(r.Context(), v.Actor)
		if err != nil {
			return err
		}
		for _, l := range locations {
			p.Doors = append(p.Doors, l.Doors...)
		}
		if err := c.readCellOf(r, v, p); err != nil {
			return err
		}
	default:
		p.Tab = "overview"
		page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Reader: p.Reader.ID, Lines: true, Limit: 8})
		if err != nil {
			return err
		}
		p.Events = page.Events
		if err := c.readCellOf(r, v, p); err != nil {
			return err
		}
	}
	return err
}

// readerURL returns the URL of a tab of the reader in a request's URL.
func readerURL(r *http.Request, tab string) string {
	return "/readers/" + url.PathEscape(r.PathValue("reader")) + "?tab=" + tab
}

func (c *Console) moveReader(r *http.Request, v *visit, f *form) (answer, error) {
	door, err := strconv.ParseInt(f.Get("door"), 10, 64)
	if err != nil {
		return answer{}, desk.ErrNotFound
	}
	err = c.desk.MoveReader(r.Context(), v.Actor, r.PathValue("reader"), f.Get("revision"), door)
	return answer{to: readerURL(r, "device"), notice: language.Say("The reader was moved to another door, and is being updated.")}, err
}

func (c *Console) removeReader(r *http.Request, v *visit, f *form) (answer, error) {
	how := desk.Removal(f.Get("how"))
	if how != desk.Returned && how != desk.Lost {
		return answer{}, desk.ErrNotFound
	}
	done := answer{to: "/devices", notice: language.Say("The reader was removed, and the others get a new site key.")}
	if c.otherBroker() {
		done.notice = language.Say("%s %s", done.notice, language.Say("The broker still accepts it: whoever looks after the controller's machine has to run latchkey-controller broker-config and restart Mosquitto."))
	}
	_, err := c.desk.RemoveReader(r.Context(), v.Actor, r.PathValue("reader"), how)
	return done, err
}

func (c *Console) renewBudget(r *http.Request, v *visit, _ *form) (answer, error) {
	err := c.desk.RenewBudget(r.Context(), v.Actor, r.PathValue("reader"))
	return answer{to: readerURL(r, "device"), notice: language.Say("The reader is given a new budget.")}, err
}

func (c *Console) showRemoval(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showReader("device", f.Get("how"))(w, r, v, status, f)
}
