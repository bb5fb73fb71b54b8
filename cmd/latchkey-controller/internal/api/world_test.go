package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A world is a site with its API, behind TLS on loopback, and a link whose readers are as
// the test says.
type world struct {
	t      *testing.T
	site   *site.Site
	desk   *desk.Desk
	api    *API
	server *httptest.Server
	live   readers
	logged *lines
	passed atomic.Int64 // how far the desk's clocks are ahead, in nanoseconds
	n      int          // makes names unique
}

// lines are what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// readers are what the link knows of them, and answer orders.
type readers struct {
	brokers []link.BrokerStatus
	mu      sync.Mutex
	states  []link.ReaderStatus
	card    []byte // what a reader reads; nil: no card is shown
	orders  []store.Order
	results map[string]link.OrderResult // what comes of orders, by reader; nil: what else is said here
	refuse  string                      // why orders are not carried out; "": they are
	gate    chan struct{}               // orders wait until it is closed, or their context ends; nil: for nothing
}

func (r *readers) Order(ctx context.Context, o store.Order, card func([]byte) (string, bool)) (link.OrderResult, error) {
	r.mu.Lock()
	r.orders = append(r.orders, o)
	shown, refuse, gate := bytes.Clone(r.card), r.refuse, r.gate
	result, known := r.results[o.Reader]
	r.mu.Unlock()
	if known {
		return result, nil
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return link.OrderResult{}, ctx.Err()
		}
	}
	switch {
	case refuse != "":
		return link.OrderResult{Text: language.Data(refuse)}, nil
	case o.Order != wire.Enrol:
		return link.OrderResult{Done: true, Text: language.Data("opened for 5 s")}, nil
	case shown == nil:
		return link.OrderResult{Text: language.Data("no card came")}, nil
	}
	text, ok := card(shown)
	return link.OrderResult{Done: ok, Text: language.Data(text)}, nil
}

func (r *readers) Personalise(context.Context, store.Order, func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
	return link.OrderResult{Text: language.Data("no card came")}, nil
}

func (r *readers) Brokers(context.Context) ([]link.BrokerStatus, error) { return r.brokers, nil }

func (r *readers) Readers(context.Context) ([]link.ReaderStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.states), nil
}

// say has a reader that is connected report a condition.
func (r *readers) say(id string, c wire.Condition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states = slices.DeleteFunc(r.states, func(s link.ReaderStatus) bool { return s.ID == id })
	r.states = append(r.states, link.ReaderStatus{ID: id, Online: true, Heard: time.Now(), State: &wire.State{Reader: id, Condition: &c, Version: "1.4.0", Level: wire.LevelProofs}, Current: true})
}

// sound is the condition of a reader at which nothing happens.
var sound = wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, ClockTrusted: true, Mode: &wire.ModeState{Mode: wire.ModeNormal}}

// clock is the machine's clocks, further on by what has passed.
func (w *world) clock() clock.Reading {
	read := clock.Read()
	passed := time.Duration(w.passed.Load())
	read.Wall, read.Since = read.Wall.Add(passed), read.Since+passed
	return read
}

// newSite writes the files of a new site.
var newSite = sitetest.Once(func(dir, database string) error {
	s, err := site.Create(context.Background(), dir, database, "home", "UTC", clock.Read())
	if err != nil {
		return err
	}
	return s.Close()
})

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, logged: &lines{}}
	dir := filepath.Join(t.TempDir(), "site")
	newSite(t, dir)
	var err error
	w.site, err = site.Open(t.Context(), dir)
	w.must(err)
	t.Cleanup(func() { w.site.Close() })
	w.desk = desk.New(desk.Options{Site: w.site, Live: &w.live, Clock: w.clock})
	w.api = New(Options{Desk: w.desk, Log: slog.New(slog.NewTextHandler(w.logged, nil))})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.api.Run(ctx) }()
	w.server = httptest.NewUnstartedServer(w.api)
	w.server.EnableHTTP2 = true
	w.server.StartTLS()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		w.server.CloseClientConnections()
		w.server.Close()
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// root is the command line.
var root = desk.AtCommandLine("root")

// reader adopts a new reader with a door of its own, and returns both.
func (w *world) reader() (id string, door int64) {
	w.t.Helper()
	w.n++
	id = fmt.Sprint("reader-", w.n)
	b := boardtest.New(w.t)
	_, err := w.desk.Adopt(w.t.Context(), root, desk.AdoptForm{
		Reader: id, Request: b.Signed, Fingerprint: b.Fingerprint(), Door: "Door of " + id, Place: "Main building", Access: []wire.Access{{Group: wire.Everyone}},
	}, func([]byte) error { return nil })
	w.must(err)
	r, err := w.desk.Reader(w.t.Context(), root, id)
	w.must(err)
	return id, r.DoorID
}

// user adds a user without credentials.
func (w *world) user(first, last string) uint64 {
	w.t.Helper()
	id, _, err := w.desk.AddUser(w.t.Context(), root, desk.UserForm{First: first, Last: last}, desk.PIN{}, nil)
	w.must(err)
	return id
}

// A program sends requests with a token.
type program struct {
	w     *world
	token string // "": none
}

// program returns one whose token has scopes.
func (w *world) program(scopes ...desk.Scope) *program {
	w.t.Helper()
	w.n++
	_, text, err := w.desk.MakeToken(w.t.Context(), root, desk.TokenForm{Name: fmt.Sprint("Program ", w.n), Scopes: scopes, Days: 30})
	w.must(err)
	return &program{w, text}
}

// An answer is what comes back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request. body is nil, a string sent as it is, or what is sent as JSON.
func (p *program) ask(method, path string, body any) *answer {
	p.w.t.Helper()
	return p.askWith(nil, method, path, body)
}

// askWith sends a request with further header fields.
func (p *program) askWith(header map[string]string, method, path string, body any) *answer {
	p.w.t.Helper()
	var sent io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		sent = strings.NewReader(body)
	default:
		b, err := json.Marshal(body)
		p.w.must(err)
		sent = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(p.w.t.Context(), method, p.w.server.URL+path, sent)
	p.w.must(err)
	if sent != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := p.w.server.Client().Do(r)
	p.w.must(err)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	p.w.must(err)
	got := &answer{response.StatusCode, response.Header, string(b)}
	p.w.documented(r, got)
	return got
}

// unifi sends a request to the UniFi part.
func (p *program) unifi(method, path string, body any) *answer {
	p.w.t.Helper()
	return p.ask(method, unifiBase+path, body)
}

// own sends a request to the part that is ours alone.
func (p *program) own(method, path string, body any) *answer {
	p.w.t.Helper()
	return p.ask(method, ownBase+path, body)
}

// code returns the code of the envelope, after the status: "200 SUCCESS".
func (a *answer) code() string {
	var e struct{ Code string }
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		return fmt.Sprint(a.status, " ", a.body)
	}
	return fmt.Sprint(a.status, " ", e.Code)
}

// into decodes the data of an envelope that says success.
func (a *answer) into(t *testing.T, v any) {
	t.Helper()
	e := struct {
		Code string
		Data json.RawMessage
	}{}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.status != http.StatusOK || e.Code != codeSuccess {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	if err := json.Unmarshal(e.Data, v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}
