package link_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// personaliseSlowly begins a personalisation at front-door whose keys take until go on is called, and
// returns when they are asked for.
func (w *world) personaliseSlowly(keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (goOn func(), outcome chan link.OrderResult) {
	asked, release := make(chan struct{}), make(chan struct{})
	goOn = sync.OnceFunc(func() { close(release) })
	w.t.Cleanup(goOn) // before the end of the link
	outcome = make(chan link.OrderResult, 1)
	l := w.link
	go func() {
		result, err := l.Personalise(w.t.Context(), store.Order{Reader: "front-door", Who: "Grace"}, func(card *wire.CardToKey) (*wire.CardKeySets, error) {
			close(asked) // a second time panics
			<-release
			return keys(card)
		})
		if err != nil {
			w.t.Error(err)
		}
		outcome <- result
	}()
	select {
	case <-asked:
	case <-time.After(30 * time.Second):
		w.t.Fatal("no keys are asked for")
	}
	return goOn, outcome
}

func TestReadersAreServedWhileSomebodyIsAskedAboutACard(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m, other := w.reader("front-door"), w.reader("back-door")
	card := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9})
	other.mu.Lock()
	other.obey = answers(wire.Record{Kind: wire.AccessGranted, Seconds: 5})
	other.mu.Unlock()
	m.mu.Lock()
	m.obey = func(m *model, c *wire.Command) { shows(m, c, card) }
	m.write = func(m *model, keys *wire.CardKeys) {
		if sets := m.unseals(keys); sets == nil || card.Write(sets, -1) != nil {
			t.Errorf("%+v", keys)
		}
		m.wrote(keys)
	}
	m.mu.Unlock()
	goOn, ended := w.personaliseSlowly(keysOf)
	before := m.answeredStates()
	m.say() // with the same card: it is not asked about again
	m.until("its states are answered", func() bool { return m.answered > before })
	if outcome := w.order(store.Order{Reader: "back-door", Order: wire.Unlock}); !outcome.Done {
		t.Errorf("%+v", outcome)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if readers, err := w.link.Readers(ctx); err != nil || len(readers) != 2 {
		t.Errorf("%+v, %v", readers, err)
	}
	m.mu.Lock()
	if len(m.cardKeys) != 0 {
		t.Error("keys came before they were given")
	}
	m.mu.Unlock()
	goOn()
	if outcome := come(t, ended, "what came of the order"); !outcome.Done || outcome.Record == nil || card.Keyed() != 3 {
		t.Errorf("%+v, %d keys", outcome, card.Keyed())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.cardKeys) != 1 {
		t.Errorf("keys came %d times", len(m.cardKeys))
	}
}

func TestWhatHappensWhileSomebodyIsAskedAboutACardIsTheOutcome(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m, other := w.reader("front-door"), w.reader("back-door")
	card, second := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9}), boardtest.NewCard([]byte{4, 8, 8, 8, 8, 8, 8})
	for _, test := range []struct {
		what      string
		meanwhile func(command *wire.Command)
		want      string
		keys      int // messages about keys that the reader gets
	}{
		{"another card", func(c *wire.Command) {
			m.mu.Lock()
			shows(m, c, second)
			m.mu.Unlock()
			m.until("is told that it gets none", func() bool { return len(m.cardKeys) > 0 })
		}, "another card was shown", 1},
		{"the reader gives up", func(c *wire.Command) {
			m.mu.Lock()
			m.append(wire.Record{Kind: wire.CommandRefused, Reason: wire.ReasonNoAnswer, Command: c.ID, Order: c.Order, Who: c.By})
			m.report()
			n := uint64(len(m.records))
			m.mu.Unlock()
			m.until("its record is there", func() bool { return m.acked == n })
			w.settledStates(m)
		}, "the reader refused: no answer", 0},
		{"the reader is removed", func(*wire.Command) {
			w.elsewhere(func(s *site.Site, tx *store.Tx) error {
				_, err := s.RemoveReader(tx, time.Now(), "front-door", false)
				return err
			})
			until(t, "it is known", func() bool {
				readers, err := w.link.Readers(t.Context())
				return err == nil && len(readers) == 1
			})
		}, "the reader was removed", 0},
	} {
		var command *wire.Command
		m.mu.Lock()
		m.cardKeys = nil
		m.obey = func(m *model, c *wire.Command) { command = c; shows(m, c, card) }
		m.mu.Unlock()
		goOn, ended := w.personaliseSlowly(keysOf)
		test.meanwhile(command)
		select {
		case outcome := <-ended:
			t.Errorf("%s: answered while its keys are made: %+v", test.what, outcome)
		default:
		}
		goOn()
		if outcome := come(t, ended, "what came of the order"); outcome.Done || !strings.Contains(outcome.Text.String(), test.want) {
			t.Errorf("%s: %+v", test.what, outcome)
		}
		w.settledStates(other) // what was sent before that has come
		m.mu.Lock()
		if m.card = nil; len(m.cardKeys) != test.keys || test.keys == 1 && len(m.cardKeys[0].Sealed) != 0 {
			t.Errorf("%s: %+v", test.what, m.cardKeys)
		}
		m.mu.Unlock()
	}
}

func TestTheLinkEndsWhenWhoIsAskedAboutACardHasAnswered(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	card := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9})
	m.mu.Lock()
	m.obey = func(m *model, c *wire.Command) { shows(m, c, card) }
	m.mu.Unlock()
	goOn, ended := w.personaliseSlowly(func(*wire.CardToKey) (*wire.CardKeySets, error) { return nil, errors.New("it is Bob's") })
	stopped := make(chan struct{})
	go func() {
		w.end()
		close(stopped)
	}()
	select {
	case outcome := <-ended:
		t.Errorf("answered while somebody is asked: %+v", outcome)
	case <-time.After(200 * time.Millisecond):
	}
	goOn()
	if outcome := come(t, ended, "what came of the order"); outcome.Done || !strings.Contains(outcome.Text.String(), "the controller ended") {
		t.Errorf("%+v", outcome)
	}
	come(t, stopped, "the end of the link")
}

// A stand-by names the order, so that it knows which one it was whatever happens.
func TestAnOrderIsGivenOnceUnderItsOwnID(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	m.mu.Lock()
	m.obey = answers(wire.Record{Kind: wire.AccessGranted, Seconds: 5})
	m.mu.Unlock()
	o := store.Order{ID: wire.CommandID{1, 2, 3}, Reader: "front-door", Order: wire.Unlock, Who: "Grace"}
	if outcome, err := w.link.Order(t.Context(), o, nil); err != nil || !outcome.Done || outcome.ID != o.ID {
		t.Errorf("%+v, %v", outcome, err)
	}
	if outcome, err := w.link.Order(t.Context(), o, nil); err == nil {
		t.Errorf("twice: %+v", outcome)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.commands) != 1 {
		t.Errorf("%d commands", len(m.commands))
	}
}

func TestACardGetsKeysAtOneReaderAtATime(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m, other := w.reader("front-door"), w.reader("back-door")
	card := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9})
	for _, m := range []*model{m, other} {
		m.mu.Lock()
		m.obey = func(m *model, c *wire.Command) { shows(m, c, card) }
		m.write = func(m *model, keys *wire.CardKeys) {
			if len(keys.Sealed) > 0 {
				m.wrote(keys)
			}
		}
		m.mu.Unlock()
	}
	elsewhere := func() link.OrderResult {
		r, err := w.link.Personalise(t.Context(), store.Order{Reader: "back-door", Who: "Bob"}, keysOf)
		if err != nil {
			t.Error(err)
		}
		return r
	}
	goOn, ended := w.personaliseSlowly(keysOf)
	if r := elsewhere(); r.Done || !strings.Contains(r.Text.String(), "at another reader at this moment") {
		t.Errorf("%+v", r)
	}
	goOn()
	if r := come(t, ended, "what came of the order"); !r.Done {
		t.Errorf("%+v", r)
	}
	if r := elsewhere(); !r.Done {
		t.Errorf("afterwards: %+v", r)
	}
}
