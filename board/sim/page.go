package sim

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// Page is what the page shows of the program. The functions may be nil. They are
// called often, from any goroutine, and must return at once.
type Page struct {
	Name     func() string   // of the door
	Cards    []PageCard      // cards to choose from
	Controls func() any      // what can be touched now: marshalled, the answer of GET /api/controls
	Records  func() []string // the newest records, one a line, oldest first
}

// PageCard is a card with what is printed on it.
type PageCard struct {
	Name string
	Card Card
}

//go:embed page
var assets embed.FS

// maxBody bounds what a call may send.
const maxBody = 4096

// maxStreams bounds how many browsers follow the board at a time.
const maxStreams = 16

// page serves one board.
type page struct {
	Page
	board   *Board
	streams chan struct{} // one element for each stream
}

// call carries out one request. What it returns is sent as JSON, or as it is if it
// is a file; nil is 204.
type call func(r *http.Request) (any, error)

// file is an answer that is not JSON.
type file struct {
	mime string
	data []byte
}

// Handler serves the board's page and its calls. It answers only requests to a
// loopback name, and calls only from this page or from something that is no
// browser: another site that is open in the same browser reaches nothing here.
//
//	GET  /                 the page
//	GET  /api/screen.png   what a viewer sees
//	GET  /api/controls     what can be touched
//	POST /api/touch        {"x":120,"y":300,"down":true}; x, y not needed to lift
//	PUT  /api/card         {"uid":"04a1b2c3d4e580"}; "kind", as "desfire-ev3", and "tear" are optional
//	DELETE /api/card
//	GET  /api/lines        {"strike":false,…}
//	PUT  /api/lines/NAME   {"active":true}
//	GET  /api/faults       [{"name":"nfc-noise","active":false,"amount":0.001,…}]
//	PUT  /api/faults/NAME  {"active":true}; "amount", "after" and "seconds" are optional
//	GET  /api/stream       WebSocket, see stream
//
// Errors are {"error":"…"} with a status of 4xx or 503.
func (b *Board) Handler(p Page) http.Handler { return newPage(b, p).handler() }

func newPage(b *Board, p Page) *page {
	return &page{Page: p, board: b, streams: make(chan struct{}, maxStreams)}
}

func (h *page) handler() http.Handler {
	mux := http.NewServeMux()
	for path, calls := range map[string]map[string]call{
		"/api/screen.png":    {"GET": h.screen},
		"/api/controls":      {"GET": h.controls},
		"/api/touch":         {"POST": h.touch},
		"/api/card":          {"PUT": h.putCard, "DELETE": h.deleteCard},
		"/api/lines":         {"GET": h.lines},
		"/api/lines/{name}":  {"PUT": h.putLine},
		"/api/faults":        {"GET": h.faults},
		"/api/faults/{name}": {"PUT": h.putFault},
		"/":                  {"GET": h.asset},
	} {
		mux.Handle(path, answer(calls))
	}
	mux.HandleFunc("GET /api/stream", h.stream)
	return guard(mux)
}

// guard refuses requests from elsewhere, bounds their bodies and sets the security
// headers.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Cache-Control", "no-store")
		head.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("X-Content-Type-Options", "nosniff")
		// DNS rebinding: a name of an attacker may resolve to this address.
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !loopback(strings.Trim(host, "[]")) {
			refuse(w, http.StatusMisdirectedRequest, fmt.Errorf("host %.80q is not this machine", r.Host))
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") && foreign(r) {
			refuse(w, http.StatusForbidden, errors.New("another site's page may not use this board"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a browser sent the request for a page of another origin.
// A client that sends neither header is no browser.
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	origin := r.Header.Get("Origin")
	return site != "" && site != "same-origin" && site != "none" ||
		origin != "" && origin != "http://"+r.Host
}

// answer picks the call for the method and sends its result.
func answer(calls map[string]call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		c := calls[method]
		if c == nil {
			for _, m := range []string{"GET", "POST", "PUT", "DELETE"} {
				if calls[m] != nil {
					w.Header().Add("Allow", m)
				}
			}
			refuse(w, http.StatusMethodNotAllowed, fmt.Errorf("%s does not go with %s", r.Method, r.URL.Path))
			return
		}
		reply, err := c(r)
		var wrong badRequest
		var long *http.MaxBytesError
		switch {
		case err == nil:
			answerWith(w, reply)
		case errors.As(err, &long):
			refuse(w, http.StatusRequestEntityTooLarge, err)
		case errors.As(err, &wrong):
			refuse(w, http.StatusBadRequest, err)
		case errors.Is(err, fs.ErrNotExist): // ENOENT is one too
			refuse(w, http.StatusNotFound, err)
		case errors.Is(err, syscall.EPERM):
			refuse(w, http.StatusForbidden, err)
		default:
			refuse(w, http.StatusServiceUnavailable, err)
		}
	})
}

// answerWith sends what a call returned. A failed write is a browser that waits no
// longer.
func answerWith(w http.ResponseWriter, reply any) {
	switch reply := reply.(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
	case file:
		w.Header().Set("Content-Type", reply.mime)
		w.Write(reply.data)
	default:
		w.Header().Set("Content-Type", "application/json")
		b, err := json.Marshal(reply)
		if err != nil {
			refuse(w, http.StatusServiceUnavailable, err)
			return
		}
		w.Write(b)
	}
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}
