package webhook

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/api"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/sync/wire"
)

// root is the command line.
var root = desk.AtCommandLine("root")

// A world is a site whose events are sent to receivers on loopback.
type world struct {
	t      *testing.T
	site   *site.Site
	desk   *desk.Desk
	roots  *x509.CertPool
	passed atomic.Int64 // how far the clocks are ahead, in nanoseconds
	n      int
	stop   func() // ends the engine
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
	t.Parallel()
	w := &world{t: t, roots: x509.NewCertPool(), stop: func() {}}
	dir := filepath.Join(t.TempDir(), "site")
	newSite(t, dir)
	var err error
	w.site, err = site.Open(t.Context(), dir)
	w.must(err)
	w.desk = desk.New(desk.Options{Site: w.site, Clock: w.clock})
	t.Cleanup(func() {
		w.stop()
		w.site.Close()
	})
	return w
}

func (w *world) clock() clock.Reading {
	read, passed := clock.Read(), time.Duration(w.passed.Load())
	read.Wall, read.Since = read.Wall.Add(passed), read.Since+passed
	return read
}

// pass lets time pass, and wakes the engine.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.passed.Add(int64(d))
	_, _, err := w.desk.AddUser(w.t.Context(), root, desk.UserForm{First: "Somebody"}, desk.PIN{}, nil)
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// run runs an engine, until the test ends or stop is called.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	e := New(Options{Desk: w.desk, Body: api.WebhookBody(w.site.ID), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Roots: w.roots})
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		w.stop = func() {}
	}
}

// reader adopts a new reader with a door of its own, and returns its id.
func (w *world) reader() string {
	w.t.Helper()
	w.n++
	id, b := fmt.Sprint("reader-", w.n), boardtest.New(w.t)
	_, err := w.desk.Adopt(w.t.Context(), root, desk.AdoptForm{
		Reader: id, Request: b.Signed, Fingerprint: b.Fingerprint(), Door: "Door of " + id, Place: "Main building", Access: []wire.Access{{Group: wire.Everyone}},
	}, func([]byte) error { return nil })
	w.must(err)
	return id
}

// happens stores records of a new journal of a reader.
func (w *world) happens(reader string, records ...*wire.Record) {
	w.t.Helper()
	w.n++
	m := &wire.Records{Reader: reader, Journal: wire.JournalID{byte(w.n)}, First: 1}
	var before wire.Hash
	for i, r := range records {
		r.Number, r.Before, r.Trusted, r.Time = uint64(i+1), before, true, w.clock().Wall.UnixMilli()
		encoded := wire.Marshal(r)
		before = wire.Sum(encoded)
		m.Records = append(m.Records, encoded)
	}
	_, err := w.site.StoreRecords(w.t.Context(), w.clock(), []*wire.Records{m})
	w.must(err)
}

// A request is what a receiver got.
type request struct {
	header http.Header
	body   string
	reader string
	status string // of a door contact
}

// A receiver gets events.
type receiver struct {
	w      *world
	server *httptest.Server
	hook   int64
	secret string
	mu     sync.Mutex
	got    []*request
}

// receiver adds a webhook of contacts and door.unlock to a new receiver, which answers as
// answer says, of the nth request from 1.
func (w *world) receiver(style desk.WebhookStyle, answer func(n int, got *request, to http.ResponseWriter, r *http.Request)) *receiver {
	w.t.Helper()
	rc := &receiver{w: w}
	rc.server = httptest.NewUnstartedServer(http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		got := &request{header: r.Header, body: string(b)}
		var frame struct {
			Data struct {
				Device struct{ ID string }
				Object struct{ Status string }
			}
		}
		if err := json.Unmarshal(b, &frame); err != nil {
			w.t.Errorf("%v: %s", err, b)
		}
		got.reader, got.status = frame.Data.Device.ID, frame.Data.Object.Status
		rc.mu.Lock()
		rc.got = append(rc.got, got)
		n := len(rc.got)
		rc.mu.Unlock()
		answer(n, got, to, r)
	}))
	rc.server.StartTLS()
	w.t.Cleanup(rc.server.Close)
	w.roots.AddCert(rc.server.Certificate())
	_, err := w.desk.AllowWebhookHost(w.t.Context(), root, rc.server.URL)
	w.must(err)
	w.n++
	rc.hook, rc.secret, err = w.desk.AddWebhook(w.t.Context(), root, desk.WebhookForm{
		Name: fmt.Sprint("Receiver ", w.n), URL: rc.server.URL + "/hook?key=1", Events: []string{"access.door.unlock", "access.device.dps_status"},
		Headers: map[string]string{"X-Api-Key": "hunter2"}, Style: style, Persons: true,
	})
	w.must(err)
	return rc
}

func fine(int, *request, http.ResponseWriter, *http.Request) {}

// await waits until so many requests have come and returns all.
func (rc *receiver) await(n int) []*request {
	rc.w.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		rc.mu.Lock()
		got := append([]*request{}, rc.got...)
		rc.mu.Unlock()
		if len(got) >= n {
			return got
		}
		if time.Now().After(end) {
			rc.w.t.Fatalf("%d of %d requests have come", len(got), n)
		}
	}
}

// settled waits until no delivery waits that was not tried, and returns all, newest first.
func (rc *receiver) settled(enough func([]*desk.Delivery) bool) []*desk.Delivery {
	rc.w.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		page, err := rc.w.desk.Deliveries(rc.w.t.Context(), root, rc.hook, "", 0, 1000)
		rc.w.must(err)
		if enough(page.Deliveries) {
			return page.Deliveries
		}
		if time.Now().After(end) {
			var says strings.Builder
			for _, d := range page.Deliveries {
				fmt.Fprintf(&says, "%+v\n", *d)
			}
			rc.w.t.Fatalf("the deliveries are\n%s", &says)
		}
	}
}

// all says whether all of at least n deliveries are in a state.
func all(n int, state desk.DeliveryState) func([]*desk.Delivery) bool {
	return func(deliveries []*desk.Delivery) bool {
		for _, d := range deliveries {
			if d.State != state {
				return false
			}
		}
		return len(deliveries) >= n
	}
}

func opened() *wire.Record { return &wire.Record{Kind: wire.DoorOpened} }
func closed() *wire.Record { return &wire.Record{Kind: wire.DoorClosed} }

// A stranger is a server that nobody should come to.
type stranger struct {
	*httptest.Server
	came atomic.Int32
}

func newStranger(t *testing.T) *stranger {
	s := new(stranger)
	s.Server = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.came.Add(1) }))
	t.Cleanup(s.Close)
	return s
}
