package desk

import (
	"context"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/outbound"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// An EventChoice is an event that webhooks may send.
type EventChoice struct {
	Name  string
	Title *language.Sentence // what happened
	Sent  bool               // otherwise it never happens here, and is only accepted
}

// WebhookEvents returns all events that webhooks may be asked for: those of the UniFi Access
// API, and ours.
func WebhookEvents() []EventChoice {
	return []EventChoice{
		{eventUnlock, language.Say("A door was opened by a person, or remotely"), true},
		{eventContact, language.Say("A door was opened or closed"), true},
		{eventEmergency, language.Say("A lockdown, an evacuation or a fire began or ended at a door"), true},
		{eventTemporaryStart, language.Say("A door was unlocked for a time"), true},
		{eventTemporaryEnd, language.Say("A door is no longer unlocked"), true},
		{eventScheduleStart, language.Say("A schedule unlocked a door"), true},
		{eventScheduleEnd, language.Say("A schedule no longer unlocks a door"), true},
		{eventVisitor, language.Say("A visitor was invited, or a visit ended"), true},
		{"access.doorbell.incoming", language.Say("A doorbell rang"), false},
		{"access.doorbell.completed", language.Say("A doorbell was answered"), false},
		{"access.doorbell.incoming.REN", language.Say("A doorbell rang"), false},
		{eventLockoutStart, language.Say("PIN entry was paused after wrong PINs"), true},
		{eventLockoutEnd, language.Say("PIN entry resumed"), true},
		{eventForced, language.Say("A door was forced open"), true},
		{eventHeld, language.Say("A door has been open for too long"), true},
		{eventTamperStart, language.Say("A reader was opened"), true},
		{eventTamperEnd, language.Say("A reader is closed again"), true},
		{eventOffline, language.Say("A reader has lost its connection"), true},
		{eventOnline, language.Say("A reader is connected again"), true},
	}
}

// hostOf returns the host and port of a URL that readWebhookURL takes.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return hostPort(u)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80"}[u.Scheme]
		if port == "" {
			port = "443"
		}
	}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	return name + ":" + port
}

// readWebhookURL checks a URL, and returns it as it is sent. hosts are those that are allowed
// inside the network.
func readWebhookURL(text string, hosts []*store.WebhookHost) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return text, wrong("url", "Enter a URL like https://example.com/hook")
	}
	return u.String(), checkWebhookURL(text, u, hosts)
}

func checkWebhookURL(text string, u *url.URL, hosts []*store.WebhookHost) error {
	const field = "url"
	if size := max(len(text), len(u.String())); size > maxWebhookURL {
		return wrong(field, "The URL has %d characters; at most %d are possible", size, maxWebhookURL)
	}
	switch {
	case u.Opaque != "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return wrong(field, "Enter a URL like https://example.com/hook")
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return wrong(field, "A URL has no spaces or control characters: write %%20 for a space")
	case !isPort(u):
		return wrong(field, "The port in the URL must be 1 to 65535")
	case u.User != nil:
		return wrong(field, "The URL holds a user name; send it in a header field instead")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return wrong(field, "Leave out of the URL what is after #: it is never sent")
	case strings.Contains(u.Hostname(), "%"):
		return wrong(field, "Enter a host without %%")
	}
	host := hostPort(u)
	for _, h := range hosts {
		if h.Host == host {
			return nil
		}
	}
	if u.Scheme == "http" {
		return wrong(field, "The URL must begin with https://. Without it, everybody on the way reads the events: only hosts inside the network that an Owner has allowed (latchkey-controller webhook allow) take http://, and %s is none", host)
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && !outbound.Public(address) {
		return wrong(field, "%s is inside the network or the machine: first an Owner must allow it, on the page Webhooks or with: latchkey-controller webhook allow %s", host, host)
	}
	return nil
}

// isPort says whether the port of a URL can be one, or is left out.
func isPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port != 0
}

// parseHost returns name:port of a host that is given like that, or by a URL.
func parseHost(text string) (string, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || len(u.Host) > 260 || strings.ContainsAny(u.Hostname(), "%*") || !isPort(u) || u.Scheme != "http" && u.Scheme != "https" {
		return "", wrong("host", "Enter a host and its port like n8n.home:5678, or the URL of a webhook there")
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && outbound.Never(address) {
		return "", wrong("host", "Nothing is ever sent to %s: it is not a single host, or it is one where clouds hand out this machine's own keys. Enter another host", address)
	}
	return hostPort(u), nil
}

// ReadHeaders reads header fields that are typed, one a line like X-Api-Key: value. Field:
// "headers".
func ReadHeaders(text string) (map[string]string, error) {
	const field = "headers"
	headers, seen := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !found || name == "" {
			return nil, wrong(field, "Write one header field a line, like X-Api-Key: value")
		}
		if lower := strings.ToLower(name); seen[lower] {
			return nil, wrong(field, "The header field %s is there twice: leave one out", cut(Clean(name), 40))
		} else {
			seen[lower] = true
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

// checkHeaders checks header fields that are sent with each event.
func checkHeaders(headers map[string]string) error {
	const field = "headers"
	if len(headers) > maxHeaders {
		return wrong(field, "At most %d header fields are possible", maxHeaders)
	}
	size := 0
	for name, value := range headers {
		size += len(name) + len(value)
		lower := strings.ToLower(name)
		switch {
		case name == "" || strings.Trim(lower, headerLetters) != "":
			return wrong(field, "%s cannot be the name of a header field", language.Quoted(Clean(name), 40))
		case strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }):
			return wrong(field, "The header field %s has characters that cannot be sent", cut(name, 40))
		case strings.HasPrefix(lower, "webhook-"), strings.HasPrefix(lower, "proxy-"), ownHeaders[lower]:
			return wrong(field, "The header field %s is the controller's own; choose another name", cut(name, 40))
		}
	}
	if size > maxHeadersLength {
		return wrong(field, "The header fields have %d bytes; at most %d are possible", size, maxHeadersLength)
	}
	return nil
}

// headerLetters are the characters of the name of a header field, in lower case (RFC 9110,
// section 5.6.2).
const headerLetters = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"

// ownHeaders are those that say what is sent and how, in lower case.
var ownHeaders = map[string]bool{
	"host": true, "content-length": true, "content-type": true, "content-encoding": true, "transfer-encoding": true, "connection": true, "keep-alive": true,
	"upgrade": true, "te": true, "trailer": true, "expect": true, "signature": true, "accept-encoding": true, "user-agent": true,
}

// A WebhookHost is a host inside the network to which webhooks may send.
type WebhookHost struct {
	Host string // name:port
	Who  string // allowed it
	At   time.Time
}

// WebhookHosts returns the hosts inside the network to which webhooks may send.
func (d *Desk) WebhookHosts(ctx context.Context, a Actor) (hosts []*WebhookHost, err error) {
	err = d.view(ctx, a, ViewWebhooks, func(tx *store.Tx) error {
		rows, err := tx.WebhookHosts()
		for _, row := range rows {
			hosts = append(hosts, &WebhookHost{row.Host, row.Who, moment(row.Created)})
		}
		return err
	})
	return hosts, err
}

// AllowWebhookHost lets webhooks send to a host inside the network, given as name:port or by
// a URL, and returns name:port. Field: "host".
func (d *Desk) AllowWebhookHost(ctx context.Context, a Actor, text string) (host string, err error) {
	target := &auditTarget{subject: cut(text, maxAuditSubject)}
	err = d.act(ctx, a, AllowWebhookHost, target, func(tx *store.Tx, now time.Time) error {
		if host, err = parseHost(text); err != nil {
			return err
		}
		target.subject = host
		hosts, err := tx.WebhookHosts()
		if err != nil {
			return err
		}
		if len(hosts) >= maxWebhookHosts {
			return wrong("host", "At most %d hosts are possible: remove those that are not needed", maxWebhookHosts)
		}
		return tx.AllowWebhookHost(&store.WebhookHost{Host: host, Who: a.Name, Created: now.Unix()})
	})
	return host, err
}

// ForbidWebhookHost no longer lets webhooks send to a host inside the network. What waits to
// be sent there is refused from then on.
func (d *Desk) ForbidWebhookHost(ctx context.Context, a Actor, host string) error {
	target := &auditTarget{subject: cut(host, maxAuditSubject)}
	return d.act(ctx, a, ForbidWebhookHost, target, func(tx *store.Tx, _ time.Time) error {
		hosts, err := tx.WebhookHosts()
		if err != nil {
			return err
		}
		for _, h := range hosts {
			if h.Host == host {
				return tx.ForbidWebhookHost(host)
			}
		}
		return ErrNotFound
	})
}
