package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A measured is a site with its API, behind TLS on loopback, and one reader.
type measured struct {
	b      *testing.B
	site   *site.Site
	server *httptest.Server
	token  string
	number uint64 // of the reader's last record
}

const measuredReader = "front-door"

func newMeasured(b *testing.B) *measured {
	b.Helper()
	m := &measured{b: b}
	dir := filepath.Join(b.TempDir(), "site")
	newSite(b, dir)
	var err error
	m.site, err = site.Open(b.Context(), dir)
	m.must(err)
	d := desk.New(desk.Options{Site: m.site, Live: &readers{}, Clock: clock.Read})
	board := boardtest.New(b)
	_, err = d.Adopt(b.Context(), root, desk.AdoptForm{
		Reader: measuredReader, Request: board.Signed, Fingerprint: board.Fingerprint(), Door: "Front door", Place: "Main building", Access: []wire.Access{{Group: wire.Everyone}},
	}, func([]byte) error { return nil })
	m.must(err)
	_, m.token, err = d.MakeToken(b.Context(), root, desk.TokenForm{Name: "Program", Scopes: desk.Scopes(), Days: 30})
	m.must(err)
	api := New(Options{Desk: d, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- api.Run(ctx) }()
	m.server = httptest.NewTLSServer(api)
	b.Cleanup(func() {
		stop()
		<-ended
		m.server.CloseClientConnections()
		m.server.Close()
		m.site.Close()
	})
	return m
}

func (m *measured) must(err error) {
	m.b.Helper()
	if err != nil {
		m.b.Fatal(err)
	}
}

// users adds users without credentials.
func (m *measured) users(n int) {
	m.b.Helper()
	m.must(m.site.Update(m.b.Context(), func(tx *store.Tx) error {
		for i := range n {
			u := &store.User{First: "Ada", Last: fmt.Sprint("Lovelace ", i), Created: time.Now().Unix()}
			u.Name = u.First + " " + u.Last
			if err := tx.AddUser(u); err != nil {
				return err
			}
		}
		return nil
	}))
}

// events adds records of users who enter, doors that open, and attempts that fail.
func (m *measured) events(n, users int) {
	m.b.Helper()
	const batch = 5000
	now := time.Now().UnixMilli()
	for first := 0; first < n; first += batch {
		m.must(m.site.Update(m.b.Context(), func(tx *store.Tx) error {
			in, err := tx.Intake(0, nil)
			if err != nil {
				return err
			}
			for i := first; i < min(n, first+batch); i++ {
				m.number++
				at := now - int64(n-i)*2500
				r := wire.Record{Number: m.number, Time: at, Trusted: true, Kind: wire.AccessGranted, By: "pin", User: uint64(1 + i%users), Epoch: 1, Revision: 1}
				switch i % 10 {
				case 3, 6, 9:
					r.Kind, r.By, r.User = wire.DoorOpened, "", 0
				case 7:
					r.Kind, r.By, r.User, r.Reason = wire.AccessDenied, "card", 0, wire.ReasonGroup
				}
				row := &store.Record{Reader: measuredReader, Journal: wire.JournalID{1}, Number: r.Number, Encoded: wire.Marshal(&r), Kind: r.Kind, At: at, Received: at, Decoded: &r}
				row.Hash[0], row.Hash[1], row.Hash[2] = byte(i), byte(i>>8), byte(i>>16)
				if _, err := in.Add(row); err != nil {
					return err
				}
			}
			return in.Write()
		}))
	}
}

// get asks the API, and decodes what it answers.
func (m *measured) get(client *http.Client, path string, into any) {
	m.b.Helper()
	r, err := http.NewRequestWithContext(m.b.Context(), http.MethodGet, m.server.URL+path, nil)
	m.must(err)
	r.Header.Set("Authorization", "Bearer "+m.token)
	answer, err := client.Do(r)
	m.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	m.must(err)
	if answer.StatusCode != http.StatusOK {
		m.b.Fatalf("%s: %s: %.200s", path, answer.Status, body)
	}
	m.must(json.Unmarshal(body, into))
}

// heap returns the memory in use, in MB of 10^6 bytes.
func heap() float64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc) / 1e6
}

// BenchmarkFeed measures how fast a client that was away gets a backlog of a million events
// from its cursor on, over TLS, decoded; and how much more memory all of it takes in the
// end than in the beginning.
func BenchmarkFeed(b *testing.B) {
	const backlog, page = 1_000_000, 1000
	m := newMeasured(b)
	m.users(1000)
	m.events(backlog, 1000)
	var took time.Duration
	var early, late float64
	for b.Loop() {
		began, cursor, events := time.Now(), "", 0
		for more := true; more; {
			var feed struct {
				Events []struct{ Cursor, Kind, Text string }
				Next   string
				More   bool
			}
			m.get(m.server.Client(), fmt.Sprintf("/api/latchkey/v1/events?limit=%d&after=%s", page, url.QueryEscape(cursor)), &feed)
			cursor, more = feed.Next, feed.More
			events += len(feed.Events)
			switch {
			case events/page%20 != 0:
			case events <= backlog/10:
				early = max(early, heap())
			default:
				late = max(late, heap())
			}
		}
		if events < backlog {
			b.Fatalf("%d events", events)
		}
		took = time.Since(began)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(backlog/took.Seconds(), "events/s")
	b.ReportMetric(took.Seconds()*20_000/backlog, "s/20000")
	b.ReportMetric(late-early, "MB-rise")
}
