package console

import (
	"cmp"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// webhooksPage lists where events are sent, and the hosts inside the network that are allowed.
type webhooksPage struct {
	Tab      string // of the integrations
	Webhooks []*desk.Webhook
	Hosts    []*desk.WebhookHost
	Form     *form
	Ask      string // open dialog: "add", "host"
	Secret   string // of a new webhook, shown once
	For      string // its name
	ID       int64  // its number
}

// webhookPage shows one with its deliveries.
type webhookPage struct {
	Tab   string // of the integrations
	State desk.DeliveryState
	First bool // the page is the newest
	*desk.DeliveryPage
	Form *form
	Ask  string // open dialog: "edit", "secret", "remove"

	Wrong  *language.Sentence // why something was not done; nil: nothing
	Secret string             // a new one, shown once
}

// Choices are the events that a form offers: those that never happen here only if they were
// chosen.
func (p *webhooksPage) Choices() []desk.EventChoice { return eventChoices(p.Form) }

// Choices are those of the form.
func (p *webhookPage) Choices() []desk.EventChoice { return eventChoices(p.Form) }

func eventChoices(f *form) []desk.EventChoice {
	return slices.DeleteFunc(desk.WebhookEvents(), func(e desk.EventChoice) bool { return !e.Sent && !f.Has("event", e.Name) })
}

// Query is the query of the deliveries in a state, from the newest or before one.
func (p *webhookPage) Query(state desk.DeliveryState, before int64) string {
	from := ""
	if before != 0 {
		from = strconv.FormatInt(before, 10)
	}
	return query("state", string(state), "before", from)
}

// Here is the query of what is shown.
func (p *webhookPage) Here() string { return p.Query(p.State, 0) }

// Moving says whether some of what is shown may soon change by itself.
func (p *webhookPage) Moving() bool {
	return p.First && slices.ContainsFunc(p.Deliveries, func(d *desk.Delivery) bool { return d.State == desk.DeliveryWaiting })
}

func newWebhookForm() *form {
	return newForm("event", "access.door.unlock", "style", string(desk.StyleStandard))
}

func (c *Console) webhooks(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showWebhooks(w, r, v, http.StatusOK, &webhooksPage{Ask: r.URL.Query().Get("ask")})
}

// showWebhooks shows the list with the dialog that the caller has filled in.
func (c *Console) showWebhooks(w http.ResponseWriter, r *http.Request, v *visit, status int, p *webhooksPage) (err error) {
	p.Tab = "webhooks"
	if p.Webhooks, err = c.desk.Webhooks(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Hosts, err = c.desk.WebhookHosts(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Form == nil {
		p.Form = newWebhookForm()
	}
	c.show(w, r, status, "webhooks", &view{visit: v, Title: language.Say("Webhooks"), Section: "integrations", Page: p})
	return nil
}

func (c *Console) showNewWebhook(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showWebhooks(w, r, v, status, &webhooksPage{Form: f, Ask: "add"})
}

func (c *Console) showNewHost(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showWebhooks(w, r, v, status, &webhooksPage{Form: f, Ask: "host"})
}

// readWebhook reads the fields of a webhook.
func readWebhook(f *form, into *desk.WebhookForm) error {
	headers, err := desk.ReadHeaders(f.Get("headers"))
	if err != nil {
		return err
	}
	into.Name, into.URL, into.Events, into.Headers = f.Get("name"), f.Trim("url"), f.Values["event"], headers
	into.Style, into.Persons, into.Denied = desk.WebhookStyle(f.Get("style")), f.Has("persons", "on"), f.Has("denied", "on")
	return nil
}

// writeHeaders is the opposite of desk.ReadHeaders.
func writeHeaders(headers map[string]string) string {
	lines := []string{}
	for name, value := range headers {
		lines = append(lines, strings.TrimSpace(name+": "+value))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func (c *Console) addWebhook(r *http.Request, v *visit, f *form) (answer, error) {
	var form desk.WebhookForm
	if err := readWebhook(f, &form); err != nil {
		return answer{}, err
	}
	id, secret, err := c.desk.AddWebhook(r.Context(), v.Actor, form)
	return answer{to: "/webhooks", show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showWebhooks(w, r, v, http.StatusOK, &webhooksPage{Secret: secret, For: desk.TidyName(form.Name), ID: id})
	}}, err
}

// webhook shows a webhook with its deliveries.
func (c *Console) webhook(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showWebhook(w, r, v, http.StatusOK, &webhookPage{Ask: r.URL.Query().Get("ask")})
}

func (c *Console) showWebhook(w http.ResponseWriter, r *http.Request, v *visit, status int, p *webhookPage) (err error) {
	q := r.URL.Query()
	p.Tab, p.State = "webhooks", desk.DeliveryState(q.Get("state"))
	if !slices.Contains(desk.DeliveryStates(), p.State) {
		p.State = ""
	}
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64)
	p.First = before <= 0
	if p.DeliveryPage, err = c.desk.Deliveries(r.Context(), v.Actor, v.id, p.State, max(before, 0), 50); err != nil {
		return err
	}
	if p.Form == nil {
		is := p.Webhook
		p.Form = newForm("name", is.Name, "url", is.URL, "style", string(is.Style), "headers", writeHeaders(is.Headers), "revision", is.Revision)
		p.Form.Values["event"] = is.Events
		for name, on := range map[string]bool{"persons": is.Persons, "denied": is.Denied, "send": !is.Stop} {
			if on {
				p.Form.Values.Set(name, "on")
			}
		}
	}
	p.Form.warn("webhook", p.Webhook.Revision)
	c.show(w, r, status, "webhook", &view{visit: v, Title: language.Data(p.Webhook.Name), Section: "integrations", Page: p})
	return nil
}

func (c *Console) showWebhookEdit(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showWebhook(w, r, v, status, &webhookPage{Form: f, Ask: "edit"})
}

// showWebhookWrong shows why something was not done to a webhook.
func (c *Console) showWebhookWrong(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	wrong := cmp.Or(f.Wrong["delivery"], f.Wrong["test"])
	return c.showWebhook(w, r, v, status, &webhookPage{Wrong: wrong})
}

func (c *Console) editWebhook(r *http.Request, v *visit, f *form) (answer, error) {
	var form desk.WebhookForm
	if err := readWebhook(f, &form); err != nil {
		return answer{}, err
	}
	form.Stop = !f.Has("send", "on")
	err := c.desk.EditWebhook(r.Context(), v.Actor, v.id, f.Get("revision"), func(is *desk.WebhookForm) { *is = form })
	return answer{to: c.webhookPath(v), notice: language.Say("The webhook was changed.")}, err
}

func (c *Console) newWebhookSecret(r *http.Request, v *visit, _ *form) (answer, error) {
	secret, err := c.desk.NewWebhookSecret(r.Context(), v.Actor, v.id)
	return answer{to: c.webhookPath(v), show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showWebhook(w, r, v, http.StatusOK, &webhookPage{Secret: secret})
	}}, err
}

func (c *Console) showNewWebhookSecret(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showWebhook(w, r, v, status, &webhookPage{Form: f, Ask: "secret"})
}

func (c *Console) webhookPath(v *visit) string { return "/webhooks/" + strconv.FormatInt(v.id, 10) }

func (c *Console) removeWebhook(r *http.Request, v *visit, _ *form) (answer, error) {
	return removed(c.desk.RemoveWebhook(r.Context(), v.Actor, v.id), "/webhooks", language.Say("The webhook was removed: nothing more is sent there."), language.Say("This webhook was already removed."))
}

func (c *Console) testWebhook(r *http.Request, v *visit, _ *form) (answer, error) {
	return answer{to: c.webhookPath(v), notice: language.Say("A test is on its way; the list shows what became of it.")}, c.desk.TestWebhook(r.Context(), v.Actor, v.id)
}

func (c *Console) resendDelivery(r *http.Request, v *visit, f *form) (answer, error) {
	id, err := strconv.ParseInt(f.Get("delivery"), 10, 64)
	if err != nil {
		return answer{}, desk.ErrNotFound
	}
	return answer{to: c.webhookPath(v), notice: language.Say("The event is sent again.")}, c.desk.ResendDelivery(r.Context(), v.Actor, v.id, id)
}

func (c *Console) allowHost(r *http.Request, v *visit, f *form) (answer, error) {
	host, err := c.desk.AllowWebhookHost(r.Context(), v.Actor, f.Trim("host"))
	return answer{to: "/webhooks", notice: language.Say("Webhooks may send to %s.", host)}, err
}

func (c *Console) forbidHost(r *http.Request, v *visit, f *form) (answer, error) {
	return removed(c.desk.ForbidWebhookHost(r.Context(), v.Actor, f.Get("host")), "/webhooks", language.Say("Nothing more is sent to %s.", f.Get("host")), language.Say("This host was already removed."))
}

// deliveryTitle is the title of a state of deliveries.
func deliveryTitle(s desk.DeliveryState) *language.Sentence {
	switch s {
	case desk.DeliveryWaiting:
		return language.Say("Waiting¦of an event to send")
	case desk.DeliveryDelivered:
		return language.Say("Delivered")
	}
	return language.Say("Failed¦of a delivery")
}

// noDelivery says that no delivery is in a state.
func noDelivery(s desk.DeliveryState) *language.Sentence {
	switch s {
	case desk.DeliveryWaiting:
		return language.Say("None is waiting.")
	case desk.DeliveryDelivered:
		return language.Say("None is delivered.")
	}
	return language.Say("None is failed.")
}
