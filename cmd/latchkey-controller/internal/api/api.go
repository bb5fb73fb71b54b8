// Package api serves programs: with the paths, shapes and codes of the UniFi Access
// developer API, for clients that were written for that, and with paths of its own.
//
// It decides nothing: package desk checks rights and input.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// Options configure an API.
type Options struct {
	Desk *desk.Desk
	Log  *slog.Logger
}

// An API answers requests that carry a token.
type API struct {
	desk  *desk.Desk
	log   *slog.Logger
	ids   ids
	limit *limits
	mux   *http.ServeMux

	followers *followers
	news      *news
	streams   openStreams
	once      *once
	metrics   *metrics
	sessions  *sessions // of cards being read
}

// New returns an API. Run must run while it serves.
func New(o Options) *API {
	a := &API{desk: o.Desk, log: o.Log, ids: idsOf(o.Desk.SiteID()), limit: newLimits(), followers: newFollowers(), news: newNews(), once: newOnce(), sessions: newSessions(), metrics: newMetrics(), mux: http.NewServeMux()}
	a.routes()
	return a
}

// Run does what goes on between requests, until ctx ends.
func (a *API) Run(ctx context.Context) error {
	defer a.sessions.end()
	a.follow(ctx)
	return nil
}

// ServeHTTP answers a request, which must have arrived over TLS: it carries a token.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer a.logPanic(r)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	cleanPath(r)
	a.mux.ServeHTTP(w, r)
}

// cleanPath has the path of a request without empty parts and dots, as clients build it that put
// a slash too much between two parts. The mux would redirect them, in HTML.
func cleanPath(r *http.Request) {
	escaped := r.URL.EscapedPath()
	clean := path.Clean("/" + escaped)
	if strings.HasSuffix(escaped, "/") && clean != "/" {
		clean += "/"
	}
	if clean == escaped {
		return
	}
	if plain, err := url.PathUnescape(clean); err == nil {
		u := *r.URL
		u.Path, u.RawPath = plain, clean
		r.URL = &u
	}
}
