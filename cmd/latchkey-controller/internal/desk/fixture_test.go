package desk

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A world is a desk with its site, a clock that the test sets, and readers that answer
// as the test says.
type world struct {
	*Desk
	t       *testing.T
	dir     string
	time    time.Time     // the true time
	put     time.Duration // how far the wall clock is ahead
	started time.Time     // when the machine started
	boot    string        // boot id
	live    readers
	n       int      // makes names unique
	staff   []string // groups of new users
}

// readers answer orders.
type readers struct {
	brokers []link.BrokerStatus
	mu      sync.Mutex // of orders, while several are given at once
	orders  []store.Order
	card    []byte      // what a reader reads; nil: no card is shown
	refuse  string      // why orders are refused; "": they are not
	reason  wire.Reason // why the reader itself refuses them; "": it does not
	states  []link.ReaderStatus
	silent  error // why nobody can be asked; nil: they can
	// results are what comes of orders, by reader; nil: what the others say.
	results map[string]link.OrderResult

	personalise func(context.Context, store.Order, func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error)
}

func (r *readers) Order(_ context.Context, o store.Order, card func([]byte) (string, bool)) (link.OrderResult, error) {
	r.mu.Lock()
	r.orders = append(r.orders, o)
	r.mu.Unlock()
	if result, ok := r.results[o.Reader]; ok {
		return result, nil
	}
	if r.refuse != "" {
		return link.OrderResult{Text: language.Data(r.refuse)}, nil
	}
	if r.reason != "" {
		return link.OrderResult{Text: language.Data("the reader refused: " + string(r.reason)), Record: &wire.Record{Kind: wire.CommandRefused, Reason: r.reason}}, nil
	}
	if o.Order != wire.Enrol {
		return link.OrderResult{Done: true, Text: language.Data("done")}, nil
	}
	if r.card == nil {
		return link.OrderResult{Text: language.Data("no card came")}, nil
	}
	text, ok := card(append([]byte{}, r.card...))
	return link.OrderResult{Done: ok, Text: language.Data(text)}, nil
}

func (r *readers) Personalise(ctx context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
	return r.personalise(ctx, o, keys)
}

func (r *readers) Brokers(context.Context) ([]link.BrokerStatus, error) { return r.brokers, r.silent }

func (r *readers) Readers(context.Context) ([]link.ReaderStatus, error) { return r.states, r.silent }

// clock reads the machine's clocks. Only w.put sets the wall clock.
func (w *world) clock() clock.Reading {
	wall := w.time.Add(w.put)
	r := clock.Reading{Wall: wall, Boot: w.boot, Since: w.time.Sub(w.started)}
	if postgrestest.On() { // the server's clock is right
		r.Shared = w.time.UnixMilli()
	}
	return r
}

// pass lets time pass while the controller runs.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	_, err := w.site.KeepTime(w.t.Context(), w.clock())
	w.must(err)
	w.time = w.time.Add(d)
	_, err = w.site.KeepTime(w.t.Context(), w.clock())
	w.must(err)
}

const day = 24 * time.Hour

// newSite writes the files of a site that was made when a world begins.
var newSite = sitetest.Once(func(dir, database string) error {
	s, err := site.Create(context.Background(), dir, database, "home", "UTC", beginning().clock())
	if err != nil {
		return err
	}
	return s.Close()
})

// beginning is a world in which nothing has happened yet.
func beginning() *world {
	w := &world{time: time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC), boot: "first"}
	w.started = w.time.Add(-time.Hour)
	return w
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := beginning()
	w.t, w.dir = t, filepath.Join(t.TempDir(), "site")
	newSite(t, w.dir)
	s := w.open()
	t.Cleanup(func() { s.Close() })
	return w
}

// open opens the site in w.dir, which the caller closes, and begins a desk for it.
func (w *world) open() *site.Site {
	w.t.Helper()
	s, err := site.Open(w.t.Context(), w.dir)
	w.must(err)
	w.Desk = New(Options{Site: s, Live: &w.live, Clock: w.clock, Mail: func(context.Context, *MailSettings, []byte, Letter) error { return nil }})
	w.memory = cheap
	return s
}

// as returns an administrator of a role, freshly signed in.
func as(role Role) Actor {
	for i, r := range Roles() {
		if r == role {
			return Actor{ID: int64(i + 1), Name: role.Title().String(), Role: role, FreshSignIn: true, Via: Console}
		}
	}
	panic("no such role")
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

// setZone has an Owner choose the site's time zone, not that of doors.
func (w *world) setZone(name string) {
	w.t.Helper()
	_, err := w.SetZone(w.t.Context(), as(Owner), ZoneForm{Zone: name})
	w.must(err)
}

// user adds a user without credentials.
func (w *world) user() uint64 {
	w.t.Helper()
	w.n++
	id, _, err := w.AddUser(w.t.Context(), as(Owner), UserForm{First: "User", Last: fmt.Sprint(w.n), Groups: w.staff}, PIN{}, nil)
	w.must(err)
	return id
}

// withPIN adds a user with a PIN.
func (w *world) withPIN() uint64 {
	w.t.Helper()
	id := w.user()
	_, err := w.SetPIN(w.t.Context(), as(Owner), id, PIN{Choice: Auto})
	w.must(err)
	return id
}

// underDuress adds a user with a PIN and one for duress.
func (w *world) underDuress() uint64 {
	w.t.Helper()
	id := w.withPIN()
	_, err := w.SetDuressPIN(w.t.Context(), as(Owner), id, PIN{Choice: Auto})
	w.must(err)
	return id
}

// visited returns the door of a new reader, to which visitors may be invited; nobody else may
// open it.
func (w *world) visited() int64 {
	w.t.Helper()
	id := w.reader()
	_, err := w.SetPolicy(w.t.Context(), as(Owner), id, 0, func(p *wire.Policy) { p.PIN, p.Access = true, nil })
	w.must(err)
	door := w.look(id).DoorID
	w.must(w.TakeVisitors(w.t.Context(), as(Owner), door, true))
	return door
}

// visit returns the form of a visit to a door, from now on.
func (w *world) visit(door int64, long time.Duration) VisitForm {
	w.n++
	return VisitForm{First: "Visitor", Last: fmt.Sprint(w.n), Until: w.time.Add(w.put + long).Format(time.RFC3339), Zone: time.UTC, Doors: []int64{door}}
}

// invite invites a visitor.
func (w *world) invite(form VisitForm) uint64 {
	w.t.Helper()
	id, _, err := w.Invite(w.t.Context(), as(Owner), form)
	w.must(err)
	return id
}

// uid returns the UID of a card that is not assigned.
func (w *world) uid() string {
	w.n++
	return fmt.Sprintf("04%012X", w.n)
}

// card adds a user with a card and returns both.
func (w *world) card() (user, credential uint64) {
	w.t.Helper()
	id := w.user()
	w.must(w.AddCard(w.t.Context(), as(Owner), id, w.uid()))
	u, err := w.User(w.t.Context(), as(Owner), id)
	w.must(err)
	return id, u.Credentials[0].ID
}

// board returns a new board's request and its fingerprint.
func (w *world) board() (signed []byte, fingerprint string) {
	w.t.Helper()
	b := boardtest.New(w.t)
	return b.Signed, b.Fingerprint()
}

// waiting returns a new board that has handed itself over.
func (w *world) waiting(ctx context.Context) *WaitingReader {
	w.t.Helper()
	signed, fingerprint := w.board()
	w.n++
	_, err := w.HandOver(ctx, netip.AddrFrom4([4]byte{192, 0, 2, byte(w.n)}), &wire.Handover{Request: signed})
	w.must(err)
	all, err := w.WaitingReaders(ctx, as(Owner))
	w.must(err)
	for _, waits := range all {
		if waits.Fingerprint == fingerprint {
			return waits
		}
	}
	w.t.Fatalf("%s does not wait", fingerprint)
	return nil
}

// form returns the second step of the adoption of a new board.
func (w *world) form(reader string) AdoptForm {
	w.t.Helper()
	signed, fingerprint := w.board()
	return AdoptForm{Reader: reader, Request: signed, Fingerprint: fingerprint, Door: "Door of " + reader, Place: "Main building", Access: []wire.Access{{Group: wire.Everyone}}}
}

// reader adopts a new reader.
func (w *world) reader() string {
	w.t.Helper()
	w.n++
	id := fmt.Sprint("reader-", w.n)
	_, err := w.Adopt(w.t.Context(), as(Owner), w.form(id), func([]byte) error { return nil })
	w.must(err)
	return id
}

// look returns a reader.
func (w *world) look(id string) *Reader {
	w.t.Helper()
	r, err := w.Reader(w.t.Context(), as(Owner), id)
	w.must(err)
	return r
}

// cheap is the memory for password derivation, in KiB: tests need no strength.
const cheap = 64

// newest returns the newest event.
func (w *world) newest() *Event {
	w.t.Helper()
	page, err := w.Activity(w.t.Context(), as(Owner), Query{Limit: 1})
	w.must(err)
	if len(page.Events) == 0 {
		w.t.Fatal("nothing has happened")
	}
	return page.Events[0]
}

// check checks the whole site.
func (w *world) check() site.Report {
	w.t.Helper()
	report, err := w.site.Check(w.t.Context())
	w.must(err)
	w.must(w.site.View(w.t.Context(), noHolidayIsLacking))
	return report
}

func chosen(digits string) PIN { return PIN{Choice: Chosen, Digits: []byte(digits)} }

// records stores records of a new journal of a reader, in order.
func (w *world) records(reader string, records ...*wire.Record) {
	w.t.Helper()
	w.n++
	m := &wire.Records{Reader: reader, Journal: wire.JournalID{byte(w.n)}, First: 1}
	var before wire.Hash
	for i, r := range records {
		r.Number, r.Before, r.Trusted = uint64(i+1), before, true
		if r.Time == 0 {
			r.Time = w.time.UnixMilli()
		}
		encoded := wire.Marshal(r)
		before = wire.Sum(encoded)
		m.Records = append(m.Records, encoded)
	}
	_, err := w.site.StoreRecords(w.t.Context(), w.clock(), []*wire.Records{m})
	w.must(err)
}

func renamed(name string) func(*PlaceForm) { return func(p *PlaceForm) { p.Name = name } }

func movedTo(in int64) func(*PlaceForm) { return func(p *PlaceForm) { p.In = in } }
