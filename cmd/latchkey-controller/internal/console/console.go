// Package console is the controller's pages: what administrators see and do in
// a browser. Each page is made on the server, from what package desk says; htmx
// replaces parts of it, and a stream of events tells a page which of its parts
// have changed. Without scripts everything still works, but nothing is live.
//
// Nothing is decided here: who may do what, and what is wrong with an input, is
// the desk's to say.
package console

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// Options are what a console is made of.
type Options struct {
	Desk *desk.Desk
	Log  *slog.Logger
	// Trusted says that browsers know the certificate's authority: then they
	// are told to come by TLS only (RFC 6797). With an authority of the site's
	// own that would lock people out when it changes.
	Trusted bool
	// Broker is the URL at which readers meet the controller, to be proposed at
	// an adoption; without a host, "ssl://:8883", where the console itself was
	// found.
	Broker string
	// Known says whether a host, a name or an address without a port, is one
	// under which the console is found; nil: each is.
	Known func(host string) bool
	// Proxies are believed what they say about where a request comes from.
	Proxies []netip.Prefix
}

// A Console serves the pages.
type Console struct {
	desk        *desk.Desk
	log         *slog.Logger
	trusted     bool
	brokerURL   string
	known       func(string) bool
	proxies     []netip.Prefix
	site        string
	fingerprint string // fingerprint of the controller's key

	static      *static
	pages       atomic.Pointer[pages] // in the time zone that the site had last
	marker      []byte                // stands in a page where a secret is put in
	updates     *broadcaster
	downloads   downloads
	submissions submissions
	savedForms  *savedForms
	handler     http.Handler
}

// New returns a console. Run must run beside its handler.
func New(o Options) (*Console, error) {
	c := &Console{desk: o.Desk, log: o.Log, trusted: o.Trusted, brokerURL: o.Broker, known: o.Known, proxies: o.Proxies, updates: newBroadcaster()}
	c.site, c.fingerprint = o.Desk.Site()
	c.marker = []byte("secret-" + rand.Text())
	var err error
	if c.static, err = newStatic(); err != nil {
		return nil, err
	}
	if c.savedForms, err = newSavedForms(); err != nil {
		return nil, err
	}
	last, err := c.newPages(time.UTC)
	if err != nil {
		return nil, err
	}
	c.pages.Store(last)
	c.handler = c.from(c.guard(c.routes()))
	return c, nil
}

// ServeHTTP serves a request, which must have come by TLS: browsers send the
// session's cookie in no other way.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Run tells open pages what has changed, until ctx ends.
func (c *Console) Run(ctx context.Context) error {
	defer c.downloads.close()
	defer c.updates.close()
	return c.desk.Watch(ctx, c.updates.publish)
}

// routes are all addresses of the console.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", c.static)
	open := func(pattern string, handle func(http.ResponseWriter, *http.Request) error) {
		mux.Handle(pattern, c.open(handle))
	}
	open("GET /sign-in", c.signInPage)
	open("POST /sign-in", c.signIn)
	open("GET /link/{token}", c.linkPage)
	open("POST /link/{token}", c.useLink)

	page := func(pattern string, handle func(http.ResponseWriter, *http.Request, *visit) error) {
		mux.Handle(pattern, c.signedIn(handle))
	}
	page("POST /sign-out", c.signOut)
	page("GET /events", c.liveUpdates)
	page("GET /{$}", c.overview)
	c.userRoutes(page)
	c.placeRoutes(page)
	c.readerRoutes(page)
	c.activityRoutes(page)
	c.settingsRoutes(page)
	page("/", func(http.ResponseWriter, *http.Request, *visit) error { return desk.ErrNotFound })
	return mux
}

// A route adds a page for those who are signed in.
type route = func(pattern string, handle func(http.ResponseWriter, *http.Request, *visit) error)
