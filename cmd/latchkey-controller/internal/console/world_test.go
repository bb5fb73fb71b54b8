package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

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

// A world is a site with its console, behind TLS on loopback, and a link whose
// readers are as the test says.
type world struct {
	dir     string
	console *Console
	t       *testing.T
	site    *site.Site
	desk    *desk.Desk
	server  *httptest.Server
	live    *readers
	logged  *strings.Builder
	passed  atomic.Int64 // how far the desk's clocks are ahead, in nanoseconds
	put     atomic.Int64 // by how much its wall clock was put, in nanoseconds
}

// pass lets time pass at the desk.
func (w *world) pass(d time.Duration) { w.passed.Add(int64(d)) }

// readers are what the link knows of them, and answer orders.
type readers struct {
	brokers []link.BrokerStatus
	mu      sync.Mutex // guards states once pages are open
	states  []link.ReaderStatus
	card    []byte
	orders  []store.Order
	silent  error         // why nobody can be asked; nil: they can
	refuse  string        // why orders are not carried out; "": they are
	gate    chan struct{} // orders wait until it is closed; nil: for nothing

	shown []*boardtest.Card // cards to write keys to; each but the last is taken away after its first key
}

func (r *readers) Personalise(_ context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
	r.orders = append(r.orders, o)
	if r.gate != nil {
		<-r.gate
	}
	refused := func(why wire.Reason) (link.OrderResult, error) {
		return link.OrderResult{Text: language.Data("refused"), Record: &wire.Record{Kind: wire.CommandRefused, Reason: why}}, nil
	}
	if len(r.shown) == 0 {
		return refused(wire.ReasonNoCard)
	}
	card, last := r.shown[0], len(r.shown) == 1
	r.shown = r.shown[1:]
	sets, err := keys(card.Read())
	if err != nil {
		return link.OrderResult{Text: language.Data(err.Error())}, nil
	}
	if !last {
		card.Write(sets, 1)
		return refused(wire.ReasonCardGone)
	}
	if card.Write(sets, -1) != nil {
		return refused(wire.ReasonForeignKeys)
	}
	return link.OrderResult{Done: true, Text: language.Data("done"), Record: &wire.Record{Kind: wire.CommandDone}}, nil
}

func (r *readers) Order(_ context.Context, o store.Order, card func([]byte) (string, bool)) (link.OrderResult, error) {
	if r.silent != nil {
		return link.OrderResult{}, r.silent
	}
	r.orders = append(r.orders, o)
	if r.gate != nil {
		<-r.gate
	}
	if o.Order == wire.Enrol {
		if r.card == nil {
			return link.OrderResult{Text: language.Data("no card came")}, nil
		}
		text, ok := card(append([]byte{}, r.card...))
		return link.OrderResult{Done: ok, Text: language.Data(text)}, nil
	}
	if r.refuse != "" {
		return link.OrderResult{Text: language.Data(r.refuse)}, nil
	}
	return link.OrderResult{Done: true, Text: language.Data("opened for 5 s")}, nil
}

func (r *readers) Brokers(context.Context) ([]link.BrokerStatus, error) { return r.brokers, r.silent }

func (r *readers) Readers(context.Context) ([]link.ReaderStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if some := (*desk.UnheardError)(nil); r.silent != nil && !errors.As(r.silent, &some) {
		return nil, r.silent
	}
	return r.states, r.silent
}

// took says which revision of its policy the first reader has taken over.
func (r *readers) took(policy uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states = slices.Clone(r.states)
	state := *r.states[0].State
	state.PolicyRevision = policy
	r.states[0].State = &state
}

// enters says which mode a reader reports.
func (r *readers) enters(id string, mode wire.ModeState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states = slices.Clone(r.states)
	for i := range r.states {
		if r.states[i].ID == id {
			state := *r.states[i].State
			condition := *state.Condition
			condition.Mode, condition.Strike, state.Condition = &mode, wire.StrikeOff, &condition
			if mode.Mode.Holds() {
				condition.Strike = wire.StrikeHeld
			}
			r.states[i].State = &state
		}
	}
}

// clock is the machine's clocks, further on by what has passed, and the wall clock
// by what it was put by.
func (w *world) clock() clock.Reading {
	read := clock.Read()
	passed := time.Duration(w.passed.Load())
	read.Wall, read.Since = read.Wall.Add(passed+time.Duration(w.put.Load())), read.Since+passed
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
	w := &world{t: t, live: &readers{}, logged: &strings.Builder{}}
	w.dir = filepath.Join(t.TempDir(), "site")
	newSite(t, w.dir)
	return w.serve()
}

// serve has a console serve the site in w.dir.
func (w *world) serve() *world {
	t := w.t
	t.Helper()
	var err error
	if w.site, err = site.Open(t.Context(), w.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.site.Close() })
	w.desk = desk.New(desk.Options{Site: w.site, Live: w.live, Clock: w.clock, PasswordMemory: cheap})
	w.server = httptest.NewUnstartedServer(nil)
	w.must(w.desk.ServeAt(w.origin()))
	c, err := New(Options{Desk: w.desk, Log: slog.New(slog.NewTextHandler(w.logged, nil)), Broker: "ssl://:8883"})
	if err != nil {
		t.Fatal(err)
	}
	w.console = c
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	w.server.Config.Handler = withAxe(c)
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

// hold has orders wait until done is called, or the test ends.
func (w *world) hold() (done func()) {
	gate := make(chan struct{})
	w.live.gate = gate
	done = sync.OnceFunc(func() { close(gate) })
	w.t.Cleanup(done)
	return done
}

// origin is where passkeys work: browsers take none at an address.
func (w *world) origin() string {
	return fmt.Sprint("https://localhost:", w.server.Listener.Addr().(*net.TCPAddr).Port)
}

// come returns what comes over a channel, and waits for much longer than a busy machine takes.
func come[T any](t testing.TB, from <-chan T, what string) (came T) {
	t.Helper()
	select {
	case came = <-from:
	case <-time.After(time.Minute / 2):
		t.Fatalf("this does not come: %s", what)
	}
	return came
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// setZone has the Owner choose the site's time zone, not that of doors.
func (w *world) setZone(name string) {
	w.t.Helper()
	_, err := w.desk.SetZone(w.t.Context(), owner, desk.ZoneForm{Zone: name})
	w.must(err)
}

const password = "a long way to the door"

// cheap is the memory for password derivation, in KiB: tests need no strength.
const cheap = 64

var owner = desk.Actor{Name: "Owner", Role: desk.Owner, FreshSignIn: true, Via: desk.Console}

// names of administrators, by role.
var names = map[desk.Role]string{desk.Owner: "Grace Hopper", desk.Super: "Edsger Dijkstra", desk.Editor: "Barbara Liskov", desk.Viewer: "Tony Hoare"}

// A browser is somebody who visits the console, without scripts.
type browser struct {
	host    string // by which the console is reached; "": the server's address
	w       *world
	client  *http.Client
	session string
	script  string // the id of the part that htmx asks for; "": a page
	trigger string // the id of what made it ask
	tag     string // of the language that was chosen; "": none
	accepts string // languages that the browser asks for (Accept-Language); "": none
}

// A page is an answer.
type page struct {
	status int
	body   string
	header http.Header
	url    *url.URL
}

// verifier is what the desk keeps of password.
var verifier = sync.OnceValue(func() []byte {
	salt := make([]byte, 16)
	return slices.Concat([]byte{2}, salt, argon2.IDKey([]byte(password), salt, 3, cheap, 4, 32))
})

// visitor returns a browser that is signed in as an administrator of a role;
// "": nobody. The first administrator of a site is an Owner.
func (w *world) visitor(role desk.Role) *browser {
	w.t.Helper()
	b := &browser{w: w, client: w.server.Client()}
	if role == "" {
		return b
	}
	for _, role := range []desk.Role{desk.Owner, role} {
		b.session = rand.Text()
		w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error {
			admin, err := tx.AdminNamed(names[role])
			if errors.Is(err, store.ErrNotFound) {
				admin = &store.Admin{Name: names[role], Role: string(role), Created: time.Now().Unix()}
				err = tx.AddAdmin(admin)
			}
			if err != nil {
				return err
			}
			mark, err := tx.Clock(w.clock())
			if err != nil {
				return err
			}
			now := mark.Time()
			return errors.Join(
				tx.SetPassword(admin.ID, w.site.Seal("password", admin.ID, verifier())),
				tx.AddSession(&store.Session{Hash: sha256.Sum256([]byte(b.session)), Admin: admin.ID, Began: now, Seen: now, Authenticated: now}, time.Now(), 20),
			)
		}))
	}
	return b
}

// ask sends a request and returns the answer, following redirects.
func (b *browser) ask(method, path, kind string, body io.Reader) *page {
	b.w.t.Helper()
	client := *b.client
	jar := map[string]string{}
	if b.session != "" {
		jar[sessionCookie] = b.session
	}
	if b.tag != "" {
		jar[languageCookie] = b.tag
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	address, err := url.Parse(b.w.server.URL)
	b.w.must(err)
	for range 5 {
		to, err := address.Parse(path)
		b.w.must(err)
		r, err := http.NewRequestWithContext(b.w.t.Context(), method, to.String(), body)
		b.w.must(err)
		r.Host = cmp.Or(b.host, r.Host)
		for name, value := range jar {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		if kind != "" && body != nil {
			r.Header.Set("Content-Type", kind)
		}
		if b.accepts != "" {
			r.Header.Set("Accept-Language", b.accepts)
		}
		if b.script != "" {
			r.Header.Set("HX-Request", "true")
			r.Header.Set("HX-Target", b.script)
			r.Header.Set("HX-Trigger", b.trigger)
		}
		response, err := client.Do(r)
		b.w.must(err)
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		b.w.must(err)
		for _, cookie := range response.Cookies() {
			jar[cookie.Name] = cookie.Value
			if cookie.MaxAge < 0 {
				delete(jar, cookie.Name)
			}
			if cookie.Name == sessionCookie {
				b.session = jar[sessionCookie]
			}
		}
		if response.StatusCode != http.StatusSeeOther {
			return &page{response.StatusCode, string(content), response.Header, to}
		}
		method, body, path = http.MethodGet, nil, response.Header.Get("Location")
	}
	b.w.t.Fatal("redirects without an end")
	return nil
}

func (b *browser) get(path string) *page { b.w.t.Helper(); return b.ask("GET", path, "", nil) }

func (b *browser) post(path string, fields ...string) *page {
	b.w.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	return b.ask("POST", path, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

// as returns the same visitor with a script that asks for a part.
func (b *browser) part(id string) *browser {
	other := *b
	other.script = id
	return &other
}

// in returns the same visitor, who has chosen a language.
func (b *browser) in(tag string) *browser {
	other := *b
	other.tag = tag
	return &other
}

// at returns the same visitor who has come to another of the console's names.
func (b *browser) at(host string) *browser {
	other := *b
	other.host = host
	return &other
}

// shows fails the test unless the page has a status and all of some texts.
func (p *page) shows(t *testing.T, status int, texts ...string) {
	t.Helper()
	if p.status != status {
		t.Errorf("%s: status %d, not %d: %s", p.url.Path, p.status, status, text(p.body))
	}
	read := html.UnescapeString(text(p.body))
	for _, want := range texts {
		if !strings.Contains(p.body, want) && !strings.Contains(read, html.UnescapeString(want)) {
			t.Errorf("%s does not show %q: %s", p.url.Path, want, text(p.body))
		}
	}
}

// text is what stands in a page besides its tags.
func text(body string) string {
	var b strings.Builder
	for _, part := range strings.Split(body, "<") {
		_, notice, _ := strings.Cut(part, ">")
		b.WriteString(notice)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// request makes a board's request and its fingerprint.
func (w *world) request() (signed []byte, fingerprint string) {
	w.t.Helper()
	b := boardtest.New(w.t)
	return b.Signed, b.Fingerprint()
}

// adopt adopts a reader, which is connected then and all is well with it.
func (w *world) adopt(id, door, place string) {
	w.t.Helper()
	signed, fingerprint := w.request()
	_, err := w.desk.Adopt(w.t.Context(), owner, desk.AdoptForm{Reader: id, Request: signed, Fingerprint: fingerprint, Door: door, Place: place, Access: []wire.Access{{Group: wire.Everyone}}}, func([]byte) error { return nil })
	w.must(err)
	w.live.states = append(w.live.states, link.ReaderStatus{ID: id, Door: door, Online: true, Heard: time.Now(), Current: true, State: &wire.State{
		Reader: id, Connection: 1, Counter: 1, Version: "1.0.0", Held: &wire.Position{Epoch: 1, Revision: 1}, PolicyRevision: 1 << 40, First: 2, Last: 1,
		Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, ClockTrusted: true, Mode: &wire.ModeState{Mode: wire.ModeNormal}}, Level: wire.Level,
	}})
}

// newCard gives a user a card that proves itself.
func (w *world) newCard(user uint64, uid ...byte) *boardtest.Card {
	w.t.Helper()
	card := boardtest.NewCard(uid)
	w.live.shown = []*boardtest.Card{card}
	waits, err := w.desk.NewCard(w.t.Context(), owner, user, "front-door")
	w.must(err)
	_, err = w.desk.ConfirmCard(w.t.Context(), owner, waits.Enrolment.ID, waits.Enrolment.LastFour)
	w.must(err)
	return card
}

// user adds a user and returns their number.
func (w *world) user(first, last string, pin bool, card string, groups ...string) uint64 {
	w.t.Helper()
	choice, cards := desk.PIN{}, []string(nil)
	if pin {
		choice.Choice = desk.Auto
	}
	if card != "" {
		cards = []string{card}
	}
	id, _, err := w.desk.AddUser(w.t.Context(), owner, desk.UserForm{First: first, Last: last, Groups: groups, Zone: time.UTC}, choice, cards)
	w.must(err)
	return id
}

// A journal is what a reader reports.
type journal struct {
	w      *world
	reader string
	id     wire.JournalID
	number uint64
	before wire.Hash
}

func (w *world) journal(reader string) *journal {
	return &journal{w: w, reader: reader, id: wire.JournalID([]byte(fmt.Sprintf("%-16.16s", reader)))}
}

// report stores a record that happened at a time.
func (j *journal) report(at time.Time, record wire.Record) {
	j.w.t.Helper()
	j.number++
	record.Number, record.Before, record.Time, record.Trusted = j.number, j.before, at.UnixMilli(), true
	encoded := wire.Marshal(&record)
	j.before = wire.Sum(encoded)
	received := j.w.clock()
	received.Wall = at
	_, err := j.w.site.StoreRecords(j.w.t.Context(), received, []*wire.Records{{Reader: j.reader, Journal: j.id, First: 1, Records: [][]byte{encoded}}})
	j.w.must(err)
}
