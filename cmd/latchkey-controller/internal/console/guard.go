package console

import (
	"net/http"
	"runtime/debug"
	"strings"
)

// policy is the content security policy: nothing but what this program serves
// runs, shows or is talked to, and nothing that stands in a page itself.
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

// maxBody is the most bytes of a request: an adoption's request file is the
// largest thing that is sent here.
const maxBody = 1 << 20

// maxStrangersBody is that of one who is not signed in: names and passwords.
const maxAnonymousBody = 8 << 10

// caught has the log say where a page panicked: the server's own words about
// its connections are of no use there. The connection is cut.
func (c *Console) logPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch what := recover(); what {
			case nil:
			case http.ErrAbortHandler: // a download that was cut short says so itself
				panic(what)
			default:
				c.log.Error("console: a page panicked", "method", r.Method, "page", r.Pattern, "panic", what, "stack", string(debug.Stack()))
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// guard puts around a handler what each answer and each request needs:
// headers, a bound, and that nothing is changed on behalf of another page.
func (c *Console) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "This was asked for by another site's page, so nothing was done. Open the console itself and try again.", http.StatusForbidden)
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
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}
