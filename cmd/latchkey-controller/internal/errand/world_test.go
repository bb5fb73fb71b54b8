package errand

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/sync/wire"
)

// made is a site whose database nobody uses, to be copied.
var made = sync.OnceValues(func() (m struct {
	address string
	key     []byte
}, err error) {
	if m.address, err = postgrestest.Lasting(); err != nil {
		return m, err
	}
	dir, err := os.MkdirTemp("", "site")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	s, err := site.Create(context.Background(), filepath.Join(dir, "site"), m.address, "home", "UTC", clock.Read())
	if err != nil {
		return m, err
	}
	if m.key, err = os.ReadFile(filepath.Join(dir, "site", vault.KeyFile)); err != nil {
		return m, err
	}
	return m, errors.Join(s.Close(), unled(m.address))
})

// unled has a database be as if nobody ever led: term 0, which asks and leads of tests have that say nothing else.
func unled(address string) error {
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		return err
	}
	_, err = conn.Exec(context.Background(), `UPDATE lead SET term = 0, beat = 0`)
	return errors.Join(err, conn.Close(context.Background()))
}

// patience is how long both ends wait for what comes at once unless the machine is busy.
const patience = 20 * time.Second

// patient are limits of which none ends anything because the machine is busy. A status is kept as usual.
func patient() limits {
	return limits{answer: patience, alive: patience, status: patience, order: patience, card: patience, part: patience, keep: usual().keep}
}

// come returns what comes over a channel. It waits for longer than the patient do, who say themselves what they miss.
func come[T any](t *testing.T, from <-chan T, what string) (came T) {
	t.Helper()
	select {
	case came = <-from:
	case <-time.After(patience + patience/2):
		t.Fatalf("this does not come: %s", what)
	}
	return came
}

// gate returns what is to be waited at, and what lets pass.
func gate() (wait <-chan struct{}, open func()) {
	shut := make(chan struct{})
	return shut, sync.OnceFunc(func() { close(shut) })
}

// A world is one database, and the controllers that have it open.
type world struct {
	t       *testing.T
	address string
	key     []byte
	limits  limits        // of those who lead
	leading map[int64]int // how many controllers, by cell
	probe   *byHand       // asks whether they do
}

func newWorld(t *testing.T) *world {
	t.Parallel()
	m, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, address: postgrestest.Copy(t, m.address), key: m.key, limits: patient(), leading: map[int64]int{}}
}

// newOwnWorld has its database at a server of its own.
func newOwnWorld(t *testing.T, server *postgrestest.Own) *world {
	t.Helper()
	w := &world{t: t, address: server.New("site"), limits: patient(), leading: map[int64]int{}}
	dir := filepath.Join(t.TempDir(), "site")
	s, err := site.Create(context.Background(), dir, w.address, "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), unled(w.address)); err != nil {
		t.Fatal(err)
	}
	if w.key, err = os.ReadFile(filepath.Join(dir, vault.KeyFile)); err != nil {
		t.Fatal(err)
	}
	return w
}

// site opens the site as one more controller, over an address.
func (w *world) site(address string) *site.Site {
	w.t.Helper()
	dir := w.t.TempDir()
	os.Chmod(dir, 0o700)
	for name, content := range map[string][]byte{vault.KeyFile: w.key, store.AddressFile: []byte(address + "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	s, err := site.Open(context.Background(), dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	return s
}

// leads has one more controller lead, with a link, until stop is called, or the test ends.
func (w *world) leads(l *fake) (stop func()) { return w.leadsIn(store.HomeCell, l) }

func (w *world) leadsIn(cell int64, l *fake) (stop func()) {
	w.t.Helper()
	s := w.site(w.address)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	sv := newServer(s, cell, l, l.beat, slog.New(slog.DiscardHandler))
	sv.limits = w.limits
	go func() { ended <- sv.serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := come(w.t, ended, "the end of who leads"); err != nil {
			w.t.Error(err)
		}
		w.leading[cell]--
	})
	w.t.Cleanup(stop)
	w.leading[cell]++
	own := id{1}
	if w.probe == nil {
		w.probe = w.listens(toStandBy(own))
	}
	asked := map[id]map[id]bool{}
	for end := time.Now().Add(patience); !w.allLead(cell, own, asked); {
		if time.Now().After(end) {
			w.t.Fatal("who leads does not answer")
		}
	}
	return stop
}

// allLead asks once more whether all that are to lead answer, and waits a moment. asked has who answered each conversation so far,
// by their challenges: an answer may come late. What is asked is of another version, so nothing else is done.
func (w *world) allLead(cell int64, own id, asked map[id]map[id]bool) bool {
	w.t.Helper()
	e := &end{site: w.probe.site, cell: cell, me: standBy, them: leader, channel: toLeader(cell), conversation: newID()}
	w.probe.post(e.channel, w.probe.ofVersion(messages+1, e, own))
	asked[e.conversation] = map[id]bool{}
	for timer := time.After(300 * time.Millisecond); ; {
		select {
		case m := <-w.probe.heard:
			head, _, _ := parse(m)
			if answered := asked[head.conversation]; answered != nil {
				answered[head.challenge] = true
				if len(answered) == w.leading[cell] {
					return true
				}
			}
		case <-timer:
			return false
		}
	}
}

// standBy has one more controller stand by.
func (w *world) standBy() *Client { return w.standByAt(w.address) }

func (w *world) standByAt(address string) *Client {
	w.t.Helper()
	c := NewClient(w.site(address), store.HomeCell)
	c.limits = patient()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := come(w.t, ended, "the end of who stands by"); err != nil {
			w.t.Error(err)
		}
	})
	come(w.t, c.up, "who stands by listens")
	return c
}

// A fake is a link of a test.
type fake struct {
	order       func(context.Context, store.Order, func([]byte) (string, bool)) (link.OrderResult, error)
	personalise func(context.Context, store.Order, func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error)
	readers     []link.ReaderStatus
	brokers     []link.BrokerStatus
	orders      atomic.Int64
	asked       atomic.Int64 // for readers
	term, beats atomic.Uint64
}

func (f *fake) beat() store.Beat { return store.Beat{Term: f.term.Load(), Count: f.beats.Load()} }

func (f *fake) Order(ctx context.Context, o store.Order, take func([]byte) (string, bool)) (link.OrderResult, error) {
	f.orders.Add(1)
	if f.order == nil {
		return link.OrderResult{ID: o.ID, Done: true, Text: language.Data("opened")}, nil
	}
	return f.order(ctx, o, take)
}

func (f *fake) Personalise(ctx context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
	return f.personalise(ctx, o, keys)
}

func (f *fake) Readers(context.Context) ([]link.ReaderStatus, error) {
	f.asked.Add(1)
	return f.readers, nil
}

func (f *fake) Brokers(context.Context) ([]link.BrokerStatus, error) { return f.brokers, nil }

// A byHand is a leader or a stand-by that the test plays.
type byHand struct {
	t     *testing.T
	site  *site.Site
	heard chan []byte
}

// listens has the test hear what is posted on a channel.
func (w *world) listens(channel string) *byHand {
	w.t.Helper()
	h := &byHand{w.t, w.site(w.address), make(chan []byte, 1024)}
	begun := make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- h.site.Listen(ctx, channel, func(m []byte) {
			if m == nil {
				begin()
				return
			}
			select {
			case h.heard <- m:
			case <-ctx.Done():
			}
		})
	}()
	w.t.Cleanup(func() {
		cancel()
		come(w.t, ended, "the end of the one who hears "+channel)
	})
	come(w.t, begun, "somebody hears "+channel)
	return h
}

// next returns what is posted next.
func (h *byHand) next() []byte {
	h.t.Helper()
	return come(h.t, h.heard, "a message")
}

func (h *byHand) post(channel string, parts ...[]byte) {
	h.t.Helper()
	if err := h.site.Post(h.t.Context(), channel, parts...); err != nil {
		h.t.Fatal(err)
	}
}

// answers has a leader that the test plays begin a conversation with whoever asks next, and say something.
func (h *byHand) answers(m *message) *end {
	h.t.Helper()
	head, sealed, _ := parse(h.next())
	e := &end{site: h.site, cell: store.HomeCell, me: leader, them: standBy, limit: maxMessage, conversation: head.conversation}
	asked := e.take(head, sealed)
	if asked == nil {
		h.t.Fatal("this is no ask")
	}
	e.channel, e.challenge = toStandBy(asked.ReplyTo), newID()
	if err := e.say(h.t.Context(), m); err != nil {
		h.t.Fatal(err)
	}
	return e
}

// asks has a stand-by that the test plays ask for an order, and returns its end with the challenge taken.
func (h *byHand) asks(own id) *end {
	h.t.Helper()
	e := &end{site: h.site, cell: store.HomeCell, me: standBy, them: leader, channel: toLeader(store.HomeCell), limit: maxMessage, conversation: newID()}
	if err := e.say(h.t.Context(), &message{Kind: askOrder, ReplyTo: own}); err != nil {
		h.t.Fatal(err)
	}
	if m := h.message(e); m.Kind != challenge {
		h.t.Fatalf("%+v", m)
	}
	return e
}

// message returns the next message to an end.
func (h *byHand) message(e *end) *message {
	h.t.Helper()
	for {
		head, sealed, _ := parse(h.next())
		if m := e.take(head, sealed); m != nil {
			return m
		}
	}
}

// outcome returns what came of an order of the test.
func (h *byHand) outcome(e *end) *outcome {
	h.t.Helper()
	for {
		if m := h.message(e); m.Kind == result {
			return m.Result
		}
	}
}

var unlock = store.Order{Reader: "front-door", Order: wire.Unlock, Who: "Grace"}
