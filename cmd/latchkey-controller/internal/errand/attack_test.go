package errand

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func given(reader string) *message {
	return &message{Kind: giveOrder, Order: &order{ID: wire.CommandID(newID()), Reader: reader, Order: wire.Unlock, Who: "Grace", Start: 10_000}}
}

func TestAMessageThatIsRepeatedAlteredOrOutOfPlaceChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.limits.order = 10 * time.Second // it is waited for
	f := &fake{}
	w.leads(f)
	own := newID()
	h, tap := w.listens(toStandBy(own)), w.listens(toLeader(store.HomeCell))
	done := func(what string, want int64) {
		t.Helper()
		// What was posted before this was heard.
		last := h.asks(own)
		h.post(toLeader(store.HomeCell), last.seal(given("last"))...)
		if o := h.outcome(last); !o.Done {
			t.Errorf("%s: %+v", what, o)
		}
		if n := f.orders.Swap(0); n != want+1 {
			t.Errorf("%s: %d orders were carried out, not %d", what, n-1, want)
		}
	}

	e := h.asks(own)
	order := e.seal(given("front-door"))[0]
	for i := range order { // each byte, and all of the seal
		altered := slices.Clone(order)
		altered[i] ^= 1
		h.post(toLeader(store.HomeCell), altered)
	}
	h.post(toLeader(store.HomeCell), order[:len(order)-1], order[:headerSize], order[:1], append(slices.Clone(order), 0))
	done("altered", 0)

	e = h.asks(own)
	order = e.seal(given("front-door"))[0]
	h.post(toLeader(store.HomeCell), order, order)
	if o := h.outcome(e); !o.Done {
		t.Errorf("%+v", o)
	}
	h.post(toLeader(store.HomeCell), order)
	done("repeated", 1)

	// An order of an older conversation, in a new one: under the header of that, and the whole old
	// conversation again.
	other := h.asks(own)
	moved := slices.Clone(order)
	copy(moved, header{other.conversation, other.challenge, 1}.bytes())
	h.post(toLeader(store.HomeCell), moved)
	for range len(tap.heard) { // what is posted again is heard again, too
		h.post(toLeader(store.HomeCell), <-tap.heard)
	}
	done("of an older conversation", 0)

	// Out of order: what was said after it was heard first.
	e = h.asks(own)
	order = e.seal(given("front-door"))[0]
	e.say(t.Context(), &message{Kind: alive})
	h.post(toLeader(store.HomeCell), order)
	done("out of order", 0)

	// What the leader says, sent back to it.
	e = h.asks(own)
	h.post(toLeader(store.HomeCell), (&end{site: h.site, cell: store.HomeCell, them: standBy, conversation: e.conversation, challenge: e.challenge, said: 1}).seal(given("front-door"))...)
	done("of the other direction", 0)

	// A challenge that the leader never made.
	e = h.asks(own)
	e.challenge = newID()
	h.post(toLeader(store.HomeCell), e.seal(given("front-door"))...)
	done("with another challenge", 0)

	// A conversation that was: no challenge is made for it.
	asked := (&end{site: h.site, cell: store.HomeCell, them: leader, conversation: newID()}).seal(&message{Kind: askOrder, ReplyTo: own})[0]
	old, _, _ := parse(asked)
	h.post(toLeader(store.HomeCell), asked, asked)
	for n := 0; ; {
		head, _, _ := parse(h.next())
		if head.conversation == old.conversation {
			if n++; n > 2 { // the challenge, and that no order came
				t.Fatal("it began twice")
			}
			if n == 2 {
				break
			}
		}
	}
	h.post(toLeader(store.HomeCell), asked)
	e = h.asks(own)
	h.post(toLeader(store.HomeCell), e.seal(given("front-door"))...)
	for {
		head, sealed, _ := parse(h.next())
		if head.conversation == old.conversation {
			t.Error("it began again")
		}
		if m := e.take(head, sealed); m != nil && m.Kind == result {
			break
		}
	}
}

func TestAnAskIsGoodForItsTermAndSomeBeats(t *testing.T) {
	w := newWorld(t)
	f := &fake{}
	w.leads(f)
	own := newID()
	h := w.listens(toStandBy(own))
	ask := func(term, beat uint64) []byte {
		return (&end{site: h.site, cell: store.HomeCell, them: leader, conversation: newID()}).seal(&message{Kind: askStatus, ReplyTo: own, Term: term, Beat: beat})[0]
	}
	answered := func(what string, term, beat uint64, kept ...[]byte) { // of all, the last only
		t.Helper()
		last := ask(term, beat)
		h.post(toLeader(store.HomeCell), append(kept, last)...)
		want, _, _ := parse(last)
		if got, _, _ := parse(h.next()); got.conversation != want.conversation {
			t.Errorf("%s: it is answered", what)
			h.next()
		}
	}
	f.term.Store(7)
	f.beats.Store(20)
	answered("of another term", 7, 20, ask(6, 20), ask(8, 20), ask(0, 0))
	answered("older", 7, 20-askBeats, ask(7, 20-askBeats-1), ask(7, 0))
	answered("what the leader has not heard itself that it is in the database", 7, 21)
}

func TestAnAskNamesTheBeatThatIsInTheDatabase(t *testing.T) {
	w := newWorld(t)
	c, s := w.standBy(), w.site(w.address)
	lead, err := s.Lead(t.Context(), store.HomeCell, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lead.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	sv := newServer(s, store.HomeCell, &fake{}, lead.Beat, slog.New(slog.DiscardHandler))
	sv.limits = w.limits
	go func() { ended <- sv.serve(ctx) }()
	for end := time.Now().Add(patience); lead.Beat().Count < askBeats+4; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", lead.Beat())
		}
	}
	c.limits.answer = 5 * time.Second // on a busy machine the beat that an ask names may be too old when it is heard
	for end := time.Now().Add(patience); ; {
		r, err := c.Order(t.Context(), unlock, nil)
		if err == error(errNobody) && time.Now().Before(end) {
			continue
		}
		if err != nil || !r.Done {
			t.Errorf("%+v, %v", r, err)
		}
		break
	}
	stop()
	if err := come(t, ended, "the end of who leads"); err != nil {
		t.Error(err)
	}
}

func TestAnOrderThatIsHeldBackIsNotCarriedOut(t *testing.T) {
	w := newWorld(t)
	w.limits.order = 10 * time.Second // it is waited for
	f := &fake{}
	w.leads(f)
	own := newID()
	h := w.listens(toStandBy(own))
	e := h.asks(own)
	m := given("front-door")
	m.Order.Start = 300
	held := e.seal(m)
	time.Sleep(300 * time.Millisecond)
	h.post(toLeader(store.HomeCell), held...)
	if o := h.outcome(e); o.Failed != late {
		t.Errorf("%+v", o)
	}
	// None comes at all, and then it does.
	e = h.asks(own)
	held = e.seal(given("front-door"))
	if o := h.outcome(e); o.Failed != late {
		t.Errorf("%+v", o)
	}
	h.post(toLeader(store.HomeCell), held...)
	// One that says that it may be begun at any time.
	e = h.asks(own)
	m = given("front-door")
	m.Order.Start = uint64(time.Hour.Milliseconds())
	h.post(toLeader(store.HomeCell), e.seal(m)...)
	if o := h.outcome(e); o.Failed != late {
		t.Errorf("%+v", o)
	}
	e = h.asks(own)
	h.post(toLeader(store.HomeCell), e.seal(given("front-door"))...)
	if o := h.outcome(e); !o.Done || f.orders.Load() != 1 {
		t.Errorf("%+v, %d orders", o, f.orders.Load())
	}
}

func TestOfTwoControllersThatThinkTheyLeadOneCarriesAnOrderOut(t *testing.T) {
	w := newWorld(t)
	c, one, other := w.standBy(), &fake{}, &fake{}
	w.leads(one)
	w.leads(other)
	const n = 50
	for i := range n {
		if r, err := c.Order(t.Context(), unlock, nil); err != nil || !r.Done {
			t.Fatalf("%+v, %v", r, err)
		}
		if i%10 == 0 {
			if _, err := c.Readers(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if a, b := one.orders.Load(), other.orders.Load(); a+b != n {
		t.Errorf("%d and %d orders were carried out", a, b)
	}
}

func TestConversationsAreBounded(t *testing.T) {
	w := newWorld(t)
	c, second := w.standBy(), w.standBy()
	release, open := gate()
	var running atomic.Int64
	w.leads(&fake{order: func(context.Context, store.Order, func([]byte) (string, bool)) (link.OrderResult, error) {
		running.Add(1)
		<-release
		return link.OrderResult{Done: true}, nil
	}})
	t.Cleanup(open) // before the end of who leads
	done := make(chan error, maxConversations)
	for range maxConversations {
		go func() {
			_, err := c.Order(t.Context(), unlock, nil)
			done <- err
		}()
	}
	for end := time.Now().Add(patience); running.Load() < maxConversations; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d run", running.Load())
		}
	}
	if _, err := c.Order(t.Context(), unlock, nil); err != error(errBusyHere) {
		t.Errorf("%v", err)
	}
	if _, err := second.Order(t.Context(), unlock, nil); err != error(errBusy) {
		t.Errorf("%v", err)
	}
	if running.Load() != maxConversations {
		t.Errorf("%d run", running.Load())
	}
	open()
	for range maxConversations {
		if err := come(t, done, "the end of an order"); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []*Client{c, second} {
		if r, err := c.Order(t.Context(), unlock, nil); err != nil || !r.Done {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

func TestAnOrderOutlivesAConnectionThatBreaks(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	w := newOwnWorld(t, server)
	cut := postgrestest.NewCut(t, server)
	c := w.standByAt(cut.Address("site"))
	begun := make(chan struct{}, 1)
	release, open := gate()
	w.leads(&fake{order: func(context.Context, store.Order, func([]byte) (string, bool)) (link.OrderResult, error) {
		begun <- struct{}{}
		<-release
		return link.OrderResult{Done: true, Text: language.Data("opened")}, nil
	}})
	t.Cleanup(open) // before the end of who leads
	done := make(chan link.OrderResult, 1)
	go func() {
		r, err := c.Order(t.Context(), unlock, nil)
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	come(t, begun, "the order at the link")
	server.Do("postgres", `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'site'`)
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if _, err := c.Readers(t.Context()); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	open()
	if r := come(t, done, "what came of the order"); !r.Done || r.Text.String() != "opened" {
		t.Errorf("%+v", r)
	}
}

// Whoever opens the same database without the site's key learns nothing and forges nothing.
func TestNothingIsToldToWhoHasNoKey(t *testing.T) {
	w := newWorld(t)
	c := w.standBy()
	w.leads(&fake{})
	tap := w.listens(toLeader(store.HomeCell))
	o := unlock
	o.Who = "Grace Hopper of the accounting department"
	if r, err := c.Order(t.Context(), o, nil); err != nil || !r.Done {
		t.Fatal(errors.Join(err, errors.New(r.Text.String())))
	}
	for range 2 {
		m := tap.next()
		for _, word := range []string{"Grace", "front-door"} {
			if bytes.Contains(m, []byte(word)) {
				t.Errorf("%q is in clear", word)
			}
		}
	}
}

// Their terms differ, unless the database was put back to an older state.
func TestWhatTheLeaderOfACellIsAskedIsNothingToThatOfAnother(t *testing.T) {
	w := newWorld(t)
	w.cells()
	w.leadsIn(north, &fake{})
	own := newID()
	h := w.listens(toStandBy(own))
	ask := func(cell int64) []byte {
		return (&end{site: h.site, cell: cell, them: leader, conversation: newID()}).seal(&message{Kind: askStatus, ReplyTo: own})[0]
	}
	h.post(toLeader(north), ask(store.HomeCell))
	for range 3 { // it would be answered before all of these
		theirs := ask(north)
		h.post(toLeader(north), theirs)
		want, _, _ := parse(theirs)
		if got, _, _ := parse(h.next()); got.conversation != want.conversation {
			t.Fatal("what another cell's was asked is answered")
		}
	}
}
