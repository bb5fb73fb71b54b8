package console

import (
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// devicesPage lists hubs and readers, with one hub in the panel.
type devicesPage struct {
	Readers []*desk.Reader
	Removed []*desk.Reader
	Waiting []*desk.WaitingReader // boards that no site has adopted
	Theft   *desk.Theft
	Hubs    []*desk.Hub // where somebody uses them
	Hub     *desk.Hub
	HubOf   []*desk.Reader // the hub's
	Form    *form
	Ask     string
}

// showDevices shows the page with the panel that the caller has filled in.
func (c *Console) showDevices(w http.ResponseWriter, r *http.Request, v *visit, status int, p *devicesPage) error {
	readers, err := c.desk.Readers(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	if p.Waiting, err = c.waitingReaders(r, v); err != nil {
		return err
	}
	if p.Theft, err = c.desk.Theft(r.Context(), v.Actor); err != nil {
		return err
	}
	locations, err := c.desk.Places(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	if desk.UsesHubs(locations) {
		for _, l := range locations {
			p.Hubs = append(p.Hubs, l.Hubs...)
		}
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
	title := language.Say("Readers")
	if p.Hub != nil {
		title = language.Data(p.Hub.Name)
	}
	c.show(w, r, status, "devices", &view{visit: v, Title: title, Section: "devices", Panel: p.Hub != nil, Page: p})
	return nil
}

func (c *Console) devices(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showDevices(w, r, v, http.StatusOK, &devicesPage{})
}

func (c *Console) showHub(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	hub, err := c.desk.Hub(r.Context(), v.Actor, v.id)
	if err != nil {
		return err
	}
	if f == nil {
		f = newForm("name", hub.Name, "revision", hub.Revision())
	}
	f.warn("hub", hub.Revision())
	return c.showDevices(w, r, v, status, &devicesPage{Hub: hub, Form: f, Ask: r.URL.Query().Get("ask")})
}
