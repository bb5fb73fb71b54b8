// Package console serves the administrators' web pages. The server renders each page
// from package desk; htmx replaces parts of it, and a stream of server-sent events
// tells a page which parts have changed. Without scripts everything works except live
// updates.
//
// It decides nothing: package desk checks rights and input.
package console

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// Options configure a Console.
type Options struct {
	Desk *desk.Desk
	Log  *slog.Logger
	// Trusted says that browsers trust the certificate's authority: then the console
	// sends HSTS (RFC 6797). With the site's own authority, HSTS would lock people
	// out when that changes.
	Trusted bool
	// Certificate says which certificate browsers get; nil: that of the site's own authority.
	Certificate func() Certificate
	// Broker is the broker's URL to propose in an adoption; without a host, as in
	// "ssl://:8883", the console's host is filled in.
	Broker string
	// API is the port of the API for programs; "": there is none.
	API string
	// Known says whether a host, a name or an address without a port, is one of the
	// console's; nil: any is.
	Known func(host string) bool
	// Proxies are trusted to report where a request comes from.
	Proxies []netip.Prefix
}

// A Console serves the pages.
type Console struct {
	desk        *desk.Desk
	log         *slog.Logger
	trusted     bool
	certificate func() Certificate
	brokerURL   string
	apiPort     string
	known       func(string) bool
	proxies     []netip.Prefix
	site        string
	fingerprint string // fingerprint of the controller's key

	mux         *http.ServeMux
	static      string // URL of the static files, with a slash
	languages   *language.Languages
	pages       atomic.Pointer[pageSet] // in the site's last known time zone
	marker      []byte                  // placeholder for a secret in a page
	updates     *broadcaster
	bundles     bundles
	uploads     uploads
	submissions submissions
	savedForms  *savedForms
	handler     http.Handler
}

// New returns a console. Run must run while its handler serves.
func New(o Options) (*Console, error) {
	c := &Console{desk: o.Desk, log: o.Log, trusted: o.Trusted, certificate: o.Certificate, brokerURL: o.Broker, apiPort: o.API, known: o.Known, proxies: o.Proxies, mux: http.NewServeMux(), updates: newBroadcaster()}
	c.site, c.fingerprint = o.Desk.Site()
	c.marker = []byte("secret-" + rand.Text())
	var err error
	if c.static, err = staticURL(); err != nil {
		return nil, err
	}
	c.languages = language.New()
	if c.savedForms, err = newSavedForms(); err != nil {
		return nil, err
	}
	last, err := c.newPageSet(time.UTC)
	if err != nil {
		return nil, err
	}
	c.pages.Store(last)
	c.routes()
	c.handler = c.from(c.guard(c.mux))
	return c, nil
}

// ServeHTTP serves a request, which must have arrived over TLS: otherwise browsers do
// not send the session's cookie.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Run tells open pages what has changed, until ctx ends.
func (c *Console) Run(ctx context.Context) error {
	defer c.bundles.close()
	defer c.updates.close()
	var both sync.WaitGroup
	both.Go(func() { c.desk.WatchLead(ctx, c.updates.publishLead) })
	c.desk.Watch(ctx, c.updates.publish)
	both.Wait()
	return nil
}

// A handler answers a request of a signed-in administrator.
type handler = func(http.ResponseWriter, *http.Request, *visit) error
