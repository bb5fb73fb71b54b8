package desk

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Webhook is where events are sent as they happen. Its secret is shown once, when it is
// added.
type Webhook struct {
	ID   int64
	Made time.Time
	WebhookForm
	Stopped  *language.Sentence // why nothing is sent, without a full stop; nil: it is
	Waiting  int                // deliveries that have not arrived yet
	Failed   int                // deliveries that are not tried any more
	Last     time.Time          // an event arrived; zero: none has
	Revision string             // of the fields, for a form that edits them
}

// A WebhookForm is a webhook as an administrator edits it. Its fields in errors are "name",
// "url", "events", "headers", "style".
type WebhookForm struct {
	Name    string
	URL     string
	Events  []string
	Headers map[string]string // sent with each event; their values are never shown
	Style   WebhookStyle
	Persons bool // names of persons are sent
	Denied  bool // attempts that opened nothing are sent as access.door.unlock
	Stop    bool // nothing is sent
}

// A WebhookStyle is how events are written. Both are signed in both ways.
type WebhookStyle string

// The styles.
const (
	StyleUniFi    WebhookStyle = store.StyleUniFi    // as receivers of the UniFi Access API read them
	StyleStandard WebhookStyle = store.StyleStandard // of standardwebhooks.com
)

// Limits of webhooks.
const (
	maxWebhooks      = 50
	maxWebhookURL    = 2048
	maxWebhookHosts  = 50
	maxHeaders       = 16
	maxHeadersLength = 8 << 10 // bytes, all together
)

// sealedPart is what of a webhook is sealed.
type sealedPart struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Former  string            `json:"former,omitempty"` // the secret before, which also signs
	Until   clock.Steady      `json:"until,omitempty"`  // when Former ends
}

// unsealWebhook returns the sealed part of a webhook.
func unsealWebhook(s *site.Site, w *store.Webhook) (part sealedPart, err error) {
	b, err := s.Unseal(site.SealedWebhook, w.ID, w.Sealed)
	if err != nil {
		return part, err
	}
	defer clear(b)
	if err := json.Unmarshal(b, &part); err != nil {
		return part, fmt.Errorf("webhook %d: its secret is damaged", w.ID) // an error of json may quote it
	}
	return part, nil
}

func (p sealedPart) seal(s *site.Site, id int64) []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // impossible: texts only
	}
	defer clear(b)
	return s.Seal(site.SealedWebhook, id, b)
}

// form returns a stored webhook as it is edited, without the values of header fields.
func (part sealedPart) form(w *store.Webhook) WebhookForm {
	f := WebhookForm{Name: w.Name, URL: w.URL, Events: slices.Clone(w.Events), Headers: map[string]string{}, Style: WebhookStyle(w.Style), Persons: w.Persons, Denied: w.Denied, Stop: w.Stopped != ""}
	for name := range part.Headers {
		f.Headers[name] = ""
	}
	return f
}

// keep fills in the values of header fields that are left empty: of a webhook as it was. They
// are for that URL alone: a host may be shared, and another path somebody else's.
func (part sealedPart) keep(f *WebhookForm, url string) error {
	for name, value := range f.Headers {
		was, ok := part.Headers[name]
		switch {
		case value != "" || !ok || was == "":
		case f.URL != url:
			return wrong("headers", "Enter the value of %s again: it was for another URL", cut(name, 40))
		default:
			f.Headers[name] = was
		}
	}
	return nil
}

// store writes the form to a row, or returns the errors in its fields. hosts are those that
// are allowed inside the network.
func (f *WebhookForm) store(w *store.Webhook, hosts []*store.WebhookHost) error {
	var wrongs FieldErrors
	f.Name = TidyName(f.Name)
	switch {
	case store.Fold(f.Name) == "":
		wrongs.add(wrong("name", "Enter a name with letters or digits"))
	case len(f.Name) > wire.MaxName:
		wrongs.add(wrong("name", "The name is too long (%d bytes): at most %d fit", len(f.Name), wire.MaxName))
	default:
		wrongs.add(wrongField("name", wire.CheckLabel(f.Name)))
	}
	u, err := readWebhookURL(f.URL, hosts)
	if f.URL = u; err != nil {
		wrongs.add(err)
	}
	var events []string
	for _, event := range WebhookEvents() {
		if slices.Contains(f.Events, event.Name) {
			events = append(events, event.Name)
		}
	}
	for _, name := range f.Events {
		if !slices.Contains(events, name) {
			wrongs.add(wrong("events", "There is no event %s: choose some of those that are listed", language.Quoted(Clean(name), 60)))
			break
		}
	}
	if len(f.Events) == 0 {
		wrongs.add(wrong("events", "Choose which events are sent"))
	}
	headers := map[string]string{}
	for name, value := range f.Headers {
		headers[textproto.CanonicalMIMEHeaderKey(name)] = strings.TrimSpace(value)
	}
	f.Headers = headers
	wrongs.add(checkHeaders(f.Headers))
	if f.Style != StyleUniFi && f.Style != StyleStandard {
		wrongs.add(wrong("style", "Choose how events are written: %s or %s", StyleUniFi, StyleStandard))
	}
	w.Name, w.URL, w.Events, w.Style, w.Persons, w.Denied = f.Name, f.URL, events, string(f.Style), f.Persons, f.Denied
	return wrongs.err()
}

// Webhooks returns all webhooks, by name.
func (d *Desk) Webhooks(ctx context.Context, a Actor) (webhooks []*Webhook, err error) {
	err = d.view(ctx, a, ViewWebhooks, func(tx *store.Tx) error {
		rows, err := tx.Webhooks()
		for _, row := range rows {
			w, err := d.webhook(row)
			if err != nil {
				return err
			}
			webhooks = append(webhooks, w)
		}
		return err
	})
	return webhooks, err
}

func (d *Desk) webhook(row *store.Webhook) (*Webhook, error) {
	part, err := unsealWebhook(d.site, row)
	if err != nil {
		return nil, err
	}
	w := &Webhook{ID: row.ID, Made: moment(row.Created), WebhookForm: part.form(row), Stopped: whyStopped(row.Stopped), Waiting: row.Waiting, Failed: row.Failed, Last: moment(row.Last)}
	w.Revision = revision(w.WebhookForm)
	return w, nil
}

// AddWebhook adds a webhook for what happens from then on, and returns the secret that signs
// what it sends, for the caller to show once.
func (d *Desk) AddWebhook(ctx context.Context, a Actor, form WebhookForm) (id int64, secret string, err error) {
	target := &auditTarget{subject: cut(TidyName(form.Name), wire.MaxName)}
	err = d.act(ctx, a, AddWebhook, target, func(tx *store.Tx, now time.Time) error {
		hosts, err := tx.WebhookHosts()
		if err != nil {
			return err
		}
		w := &store.Webhook{Created: now.Unix()}
		if form.Stop {
			w.Stopped = stoppedBy + a.Name
		}
		if err := form.store(w, hosts); err != nil {
			return err
		}
		if w.Persons {
			if err := a.leadsNames(); err != nil {
				return err
			}
		}
		target.text = language.Say("to %s, of %s¦a host, kinds of events", hostOf(w.URL), strings.Join(w.Events, ", "))
		before, err := tx.Webhooks()
		if err != nil {
			return err
		}
		if len(before) >= maxWebhooks {
			return wrong("name", "A site has at most %d webhooks: remove those that nobody uses", maxWebhooks)
		}
		if w.Cursor, _, err = tx.Newest(); err != nil {
			return err
		}
		if err := urlTaken(tx.AddWebhook(w)); err != nil {
			return err
		}
		secret = newWebhookSecret()
		id, w.Sealed = w.ID, sealedPart{Secret: secret, Headers: form.Headers}.seal(d.site, w.ID)
		return tx.SetWebhook(w)
	})
	return id, secret, err
}

func newWebhookSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}

// ErrSameURL is a FieldError's cause: another webhook sends to the URL.
var ErrSameURL = store.ErrURLTaken

func urlTaken(err error) error {
	if errors.Is(err, store.ErrURLTaken) {
		return &FieldError{Field: "url", Sentence: language.Say("Another webhook sends to this URL already; change that one, or enter another URL"), err: err}
	}
	return err
}

// EditWebhook changes a webhook; revision is that of the form, "": any. Its secret stays. One
// that is stopped has failed to send what waits, and when it goes on, sends what happens from
// then on. Fields: those of the form, "webhook".
func (d *Desk) EditWebhook(ctx context.Context, a Actor, id int64, revision string, edit func(*WebhookForm)) error {
	target := new(auditTarget)
	return d.act(ctx, a, EditWebhook, target, func(tx *store.Tx, _ time.Time) error {
		row, err := tx.Webhook(id)
		if err != nil {
			return err
		}
		target.subject = row.Name
		was, err := d.webhook(row)
		if err != nil {
			return err
		}
		if revision != "" && revision != was.Revision {
			return changedMeanwhile("webhook")
		}
		hosts, err := tx.WebhookHosts()
		if err != nil {
			return err
		}
		part, err := unsealWebhook(d.site, row)
		if err != nil {
			return err
		}
		form := part.form(row)
		edit(&form)
		url := row.URL
		if err := form.store(row, hosts); err != nil {
			return err
		}
		if err := part.keep(&form, url); err != nil {
			return err
		}
		// What waits has the names in it already.
		if was.Persons && form.URL != url || form.Persons && !was.Persons {
			if err := a.leadsNames(); err != nil {
				return err
			}
		}
		target.text = webhookChanges(was, &form, part.Headers)
		part.Headers = form.Headers
		row.Sealed = part.seal(d.site, id)
		switch {
		case form.Stop && row.Stopped == "":
			row.Stopped = stoppedBy + a.Name
			if err := tx.StopDeliveries(id, sendingStopped); err != nil {
				return err
			}
		case !form.Stop && row.Stopped != "":
			row.Stopped = ""
			if row.Cursor, _, err = tx.Newest(); err != nil {
				return err
			}
		}
		return urlTaken(tx.SetWebhook(row))
	})
}

// leadsNames returns why an actor may not choose where names of persons are sent; nil: they may.
func (a Actor) leadsNames() error {
	if err := a.Refusal(ViewActivity); err != nil {
		return language.Say("this webhook sends the names of persons: %s", err)
	}
	return nil
}

// What is stored of why a webhook is stopped: stoppedBy begins that of one that an administrator has stopped, whose name
// follows.
const (
	stoppedBy   = "stopped by "
	stoppedGone = "its receiver answered that it is gone (410)"
)

// whyStopped says why a webhook is stopped; nil: it is not.
func whyStopped(stored string) *language.Sentence {
	if name, is := strings.CutPrefix(stored, stoppedBy); is {
		return language.Say("stopped by %s", name)
	}
	switch stored {
	case "":
		return nil
	case stoppedGone:
		return language.Say("its receiver answered that it is gone (410)")
	}
	return language.Data(stored)
}

// webhookChanges says what an edit changes, for the audit: no values of header fields.
func webhookChanges(was *Webhook, is *WebhookForm, headers map[string]string) *language.Sentence {
	var all []*language.Sentence
	note := func(changed bool, says *language.Sentence) {
		if changed {
			all = append(all, says)
		}
	}
	either := func(on bool, says, otherwise *language.Sentence) *language.Sentence {
		if on {
			return says
		}
		return otherwise
	}
	note(was.Name != is.Name, language.Say("it is called %s now", is.Name))
	note(was.URL != is.URL, language.Say("to %s¦a host", hostOf(is.URL)))
	note(!slices.Equal(was.Events, is.Events), language.Say("of %s¦kinds of events", strings.Join(is.Events, ", ")))
	note(!maps.Equal(headers, is.Headers), language.Say("other header fields"))
	note(was.Style != is.Style, language.Say("in the style %s", is.Style))
	note(was.Persons != is.Persons, either(is.Persons, language.Say("names of persons on"), language.Say("names of persons off")))
	note(was.Denied != is.Denied, either(is.Denied, language.Say("denied attempts on"), language.Say("denied attempts off")))
	note(was.Stop != is.Stop, either(!is.Stop, language.Say("sending on"), language.Say("sending off")))
	return joined(all...)
}

// RemoveWebhook removes a webhook with its deliveries. An attempt that is under way may still
// arrive.
func (d *Desk) RemoveWebhook(ctx context.Context, a Actor, id int64) error {
	target := new(auditTarget)
	return d.act(ctx, a, RemoveWebhook, target, func(tx *store.Tx, _ time.Time) error {
		w, err := tx.Webhook(id)
		if err != nil {
			return err
		}
		target.subject = w.Name
		return tx.RemoveWebhook(id)
	})
}
