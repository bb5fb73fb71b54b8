package console

import (
	"bytes"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// devicesPage lists hubs and readers, with one hub in the panel.
type devicesPage struct {
	Readers []*desk.Reader
	Removed []*desk.Reader
	Hubs    []*desk.Hub
	Hub     *desk.Hub
	HubOf   []*desk.Reader // the hub's
	Form    *form
	Ask     string
}

func (c *Console) readerRoutes(page route) {
	page("GET /devices", c.devices)
	page("GET /hubs/{id}", c.hubPage)
	page("GET /readers/{id}", c.reader)
	page("POST /readers/{id}/order", c.order)
	page("GET /readers/{id}/pin", c.pinSwitch)
	page("POST /readers/{id}/pin", c.switchPIN)
	page("POST /readers/{id}/authentication", c.setAuthentication)
	page("POST /readers/{id}/odds", c.odds)
	page("POST /readers/{id}/door", c.setDoor)
	page("POST /readers/{id}/access", c.setAccess)
	page("POST /readers/{id}/access/remove", c.removeAccess)
	page("POST /readers/{id}/calendar", c.setCalendar)
	page("POST /readers/{id}/move", c.moveReader)
	page("POST /readers/{id}/remove", c.removeReader)
	for act, tab := range map[string]string{"authentication": "authentication", "door": "door", "access": "access", "calendar": "access", "move": "device"} {
		c.restorable("POST /readers/{id}/"+act, func(w http.ResponseWriter, r *http.Request, v *visit, f *form) error {
			return c.showReader(w, r, v, http.StatusOK, tab, f)
		})
	}
	c.adoptRoutes(page)
}

// showDevices shows the page with the panel that the caller has filled in.
func (c *Console) showDevices(w http.ResponseWriter, r *http.Request, v *visit, status int, p *devicesPage) error {
	readers, err := c.desk.Readers(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	locations, err := c.desk.Places(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	for _, l := range locations {
		p.Hubs = append(p.Hubs, l.Hubs...)
	}
	for _, reader := range readers {
		if reader.Removed != "" {
			p.Removed = append(p.Removed, reader)
			continue
		}
		p.Readers = append(p.Readers, reader)
		if p.Hub != nil && reader.HubID == p.Hub.ID {
			p.HubOf = append(p.HubOf, reader)
		}
	}
	title := "Devices"
	if p.Hub != nil {
		title = p.Hub.Name
	}
	c.show(w, r, status, "devices", &view{visit: v, Title: title, Section: "devices", Panel: p.Hub != nil, Page: p})
	return nil
}

func (c *Console) devices(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showDevices(w, r, v, http.StatusOK, &devicesPage{})
}

func (c *Console) hubPage(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showHub(w, r, v, http.StatusOK, nil)
}

func (c *Console) showHub(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	hub, err := c.desk.Hub(r.Context(), v.Actor, id)
	if err != nil {
		return err
	}
	if f == nil {
		f = newForm("name", hub.Name, "revision", hub.Revision())
	}
	f.warn("hub", hub.Revision())
	return c.showDevices(w, r, v, status, &devicesPage{Hub: hub, Form: f, Ask: r.URL.Query().Get("ask")})
}

// orders are the orders that the console can give.
var orders = map[string]wire.Order{"unlock": wire.Unlock, "hold": wire.Hold, "release": wire.Release, "identify": wire.Identify}

// order sends an order to a reader and waits for the outcome.
func (c *Console) order(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	order, ok := orders[f.Get("order")]
	if !ok {
		return desk.ErrNotFound
	}
	var seconds uint32
	if order == wire.Hold {
		minutes := wholeNumber(f, "minutes", 24*60)
		if minutes < 1 || len(f.Wrong) > 0 {
			return c.answerOrder(w, r, f, http.StatusUnprocessableEntity, "Choose 1 to 1,440 minutes.")
		}
		seconds = uint32(minutes) * 60
	}
	outcome, err := c.desk.Order(r.Context(), v.Actor, r.PathValue("id"), order, seconds)
	if f.refused(err) {
		return c.answerOrder(w, r, f, http.StatusUnprocessableEntity, sentence(err.Error()))
	}
	if err != nil {
		return err
	}
	if !outcome.Done {
		return c.answerOrder(w, r, f, http.StatusConflict, sentence(outcome.Text))
	}
	return c.answerOrder(w, r, f, http.StatusOK, sentence(outcome.Text))
}

// answerOrder answers with a sentence: as a toast, or without scripts on the page
// that the form came from.
func (c *Console) answerOrder(w http.ResponseWriter, r *http.Request, f *form, status int, text string) error {
	if byScript(r) {
		box := "toast-box"
		if status != http.StatusOK {
			box = "sorry-toast"
		}
		c.toast(w, r, status, box, text)
		return nil
	}
	c.redirect(w, r, local(f.Get("back")), text)
	return nil
}

func (c *Console) switchPIN(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	on := f.Get("on") == "true"
	if err := c.desk.SwitchPIN(r.Context(), v.Actor, r.PathValue("id"), on); err != nil {
		return err
	}
	text := "PIN entry is switched off. The reader is being updated."
	if on {
		text = "PIN entry is switched on. The reader is being updated."
	}
	if byScript(r) {
		return c.showSwitch(w, r, v, f.Get("back"), text)
	}
	c.redirect(w, r, local(f.Get("back")), text)
	return nil
}

// pinSwitch serves the PIN entry switch alone, for pages that show it.
func (c *Console) pinSwitch(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !byScript(r) {
		c.redirect(w, r, readerURL(r.PathValue("id"), "authentication"), "")
		return nil
	}
	return c.showSwitch(w, r, v, r.URL.Query().Get("back"), "")
}

// showSwitch writes a PIN entry switch, with a notice as a toast.
func (c *Console) showSwitch(w http.ResponseWriter, r *http.Request, v *visit, back, notice string) error {
	reader, err := c.desk.Reader(r.Context(), v.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	row := map[string]any{"Reader": reader, "Back": local(back), "May": v.Actor.May(desk.SwitchPIN)}
	page := v.pages.byName["reader"]
	if err := page.ExecuteTemplate(&b, "pin-switch", row); err != nil {
		return err
	}
	if notice != "" {
		if err := page.ExecuteTemplate(&b, "toast", notice); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
	return nil
}
