package store

import (
	"errors"
	"strings"
)

// Styles of what webhooks send.
const (
	StyleUniFi    = "unifi"
	StyleStandard = "standard"
)

// A Webhook is where events are sent.
type Webhook struct {
	ID      int64
	Name    string
	URL     string
	Sealed  []byte // the secret that signs, and header fields to send
	Events  []string
	Style   string
	Persons bool   // names of persons are sent
	Denied  bool   // attempts that opened nothing are sent
	Stopped string // why nothing is sent; "": it is
	Created int64  // Unix seconds
	Cursor  int64  // the last event of the activity that is queued, or is not to be

	Waiting, Failed int   // deliveries; filled in by Webhooks
	Last            int64 // Unix seconds: the last delivery that arrived; 0: none
}

// ErrURLTaken says that another webhook sends to the same URL.
var ErrURLTaken = errors.New("the URL is taken")

// AddWebhook adds a webhook without its sealed column, which depends on the ID that it
// fills in. The error is ErrURLTaken if there is one with the same URL.
func (t *Tx) AddWebhook(w *Webhook) error {
	err := t.row(`INSERT INTO webhooks (name, url, sealed, events, style, persons, denied, stopped, created, cursor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (url) DO NOTHING RETURNING id`,
		[]any{w.Name, w.URL, []byte{}, strings.Join(w.Events, " "), w.Style, w.Persons, w.Denied, w.Stopped, w.Created, w.Cursor}, &w.ID)
	if errors.Is(err, ErrNotFound) {
		return ErrURLTaken
	}
	return err
}

// SetWebhook stores all of a webhook but when it was created. The error is ErrURLTaken if
// another has its URL.
func (t *Tx) SetWebhook(w *Webhook) error {
	var other int64
	if err := t.rowIfAny(`SELECT id FROM webhooks WHERE url = ? AND id <> ?`, []any{w.URL, w.ID}, &other); err != nil {
		return err
	}
	if other != 0 {
		return ErrURLTaken
	}
	return t.exec(`UPDATE webhooks SET name = ?, url = ?, sealed = ?, events = ?, style = ?, persons = ?, denied = ?, stopped = ?, cursor = ? WHERE id = ?`,
		w.Name, w.URL, w.Sealed, strings.Join(w.Events, " "), w.Style, w.Persons, w.Denied, w.Stopped, w.Cursor, w.ID)
}

// RemoveWebhook removes a webhook and its deliveries.
func (t *Tx) RemoveWebhook(id int64) error { return t.exec(`DELETE FROM webhooks WHERE id = ?`, id) }

// SetWebhookCursor notes up to which event of the activity a webhook's deliveries are queued.
func (t *Tx) SetWebhookCursor(id, cursor int64) error {
	return t.exec(`UPDATE webhooks SET cursor = ? WHERE id = ?`, cursor, id)
}

// Webhooks returns all webhooks, with what they have delivered, by name.
func (t *Tx) Webhooks() (webhooks []*Webhook, err error) {
	err = t.webhooks(`TRUE ORDER BY name, id`, nil, func(w *Webhook) { webhooks = append(webhooks, w) })
	if err != nil {
		return nil, err
	}
	for _, w := range webhooks {
		err := t.row(`SELECT (SELECT count(*) FROM deliveries WHERE webhook = ?1 AND state = 1), (SELECT count(*) FROM deliveries WHERE webhook = ?1 AND state = 3),
			coalesce((SELECT tried FROM deliveries WHERE webhook = ?1 AND state = 2 ORDER BY id DESC LIMIT 1), 0)`, []any{w.ID}, &w.Waiting, &w.Failed, &w.Last)
		if err != nil {
			return nil, err
		}
	}
	return webhooks, nil
}

// SendingWebhooks returns the webhooks that are not stopped.
func (t *Tx) SendingWebhooks() (webhooks []*Webhook, err error) {
	err = t.webhooks(`stopped = '' ORDER BY id`, nil, func(w *Webhook) { webhooks = append(webhooks, w) })
	return webhooks, err
}

// Webhook returns a webhook, or ErrNotFound.
func (t *Tx) Webhook(id int64) (found *Webhook, err error) {
	err = t.webhooks(`id = ?`, []any{id}, func(w *Webhook) { found = w })
	if err == nil && found == nil {
		err = ErrNotFound
	}
	return found, err
}

func (t *Tx) webhooks(where string, args []any, each func(*Webhook)) error {
	return t.rows(`SELECT id, name, url, sealed, events, style, persons, denied, stopped, created, cursor FROM webhooks WHERE `+where, args, func(r scanner) error {
		var w Webhook
		var events string
		err := r.Scan(&w.ID, &w.Name, &w.URL, &w.Sealed, &events, &w.Style, &w.Persons, &w.Denied, &w.Stopped, &w.Created, &w.Cursor)
		w.Events = strings.Fields(events)
		each(&w)
		return err
	})
}

// A WebhookHost is a host inside the network to which events may be sent.
type WebhookHost struct {
	Host    string // name:port
	Who     string // allowed it
	Created int64  // Unix seconds
}

// WebhookHosts returns the hosts inside the network to which events may be sent.
func (t *Tx) WebhookHosts() (hosts []*WebhookHost, err error) {
	err = t.rows(`SELECT host, who, created FROM webhook_hosts ORDER BY host`, nil, func(r scanner) error {
		var h WebhookHost
		hosts = append(hosts, &h)
		return r.Scan(&h.Host, &h.Who, &h.Created)
	})
	return hosts, err
}

// AllowWebhookHost adds a host, unless it is there.
func (t *Tx) AllowWebhookHost(h *WebhookHost) error {
	return t.exec(`INSERT INTO webhook_hosts (host, who, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, h.Host, h.Who, h.Created)
}

// ForbidWebhookHost removes a host.
func (t *Tx) ForbidWebhookHost(host string) error {
	return t.exec(`DELETE FROM webhook_hosts WHERE host = ?`, host)
}
