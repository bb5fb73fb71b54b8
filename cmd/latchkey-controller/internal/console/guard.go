package console

import (
	"net/http"
	"runtime/debug"
	"strings"
)

// policy is the content security policy: pages load and contact only this server, and
// nothing inline runs.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"font-src 'self'",
	"img-src 'self'",
	"connect-src 'self'",
	"form-action 'self'",
	"base-uri 'none'",
	"frame-ancestors 'none'",
}, "; ")

// maxBody is the largest request body, in bytes, but for an import of users. The largest
// upload besides is an adoption request.
const maxBody = 1 << 20

// maxAnonymousBody is the largest body without a session: names, passwords, what proves a
// passkey, saved forms.
const maxAnonymousBody = 12 << 10

// logPanics logs where a page panicked, and cuts the connection.
func (c *Console) logPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch what := recover(); what {
			case nil:
			case http.ErrAbortHandler: // an interrupted download is logged already
				panic(what)
			default:
				c.log.Error("console: a page panicked", "method", r.Method, "page", r.Pattern, "panic", what, "stack", string(debug.Stack()))
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// guard sets every response's security headers, limits request bodies, and refuses
// cross-origin changes.
func (c *Console) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "This request came from a page of another website, so nothing was done. Open the console itself and try again.", http.StatusForbidden)
	}))
	next = c.logPanics(origin.Handler(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if c.trusted {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		limit := int64(maxBody)
		if r.Method == http.MethodPost && r.URL.Path == importPath {
			limit = maxImportBody
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}
