package link_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// order gives an order and returns what came of it.
func (w *world) order(o store.Order) link.OrderResult {
	w.t.Helper()
	o.Who = "Grace Hopper"
	outcome, err := w.link.Order(w.t.Context(), o, func([]byte) (string, bool) { return "no card was asked for", false })
	if err != nil {
		w.t.Fatal(err)
	}
	return outcome
}

// answers appends the record that a reader answers a command with.
func answers(r wire.Record) func(*model, *wire.Command) {
	return func(m *model, c *wire.Command) {
		r := r
		r.Command, r.Order, r.Who = c.ID, c.Order, c.By
		m.append(r)
		m.report()
	}
}

func TestAnOrderIsAnsweredByTheReadersRecord(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		m := w.reader("front-door")
		for _, test := range []struct {
			order store.Order
			with  wire.Record
			done  bool
			text  string
		}{
			{store.Order{Order: wire.Unlock}, wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5}, true, "opened for 5 s"},
			{store.Order{Order: wire.Unlock, InLockdown: true}, wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5}, true, "opened for 5 s"},
			{store.Order{Order: wire.Identify}, wire.Record{Kind: wire.CommandDone}, true, "the reader shows which one it is"},
			{store.Order{Order: wire.Unlock}, wire.Record{Kind: wire.CommandRefused, Reason: wire.ReasonLockdown}, false, "the reader refused: lockdown"},
		} {
			m.mu.Lock()
			m.obey = answers(test.with)
			m.mu.Unlock()
			test.order.Reader = "front-door"
			outcome := w.order(test.order)
			if outcome.Done != test.done || outcome.Text.String() != test.text || outcome.Record == nil {
				t.Errorf("%s: %+v", test.order.Order, outcome)
			}
			command := m.commands[len(m.commands)-1]
			if command.ID != outcome.ID || command.Order != test.order.Order || command.InLockdown != test.order.InLockdown || command.By != "Grace Hopper" || command.Nonce != m.nonces[len(m.nonces)-1] {
				t.Errorf("%+v", command)
			}
		}
		if len(m.commands) != 4 {
			t.Errorf("%d commands for 4 orders", len(m.commands))
		}
	})
}

func TestAStaleOrderIsSentAgainWithTheNextNonceAndTheSameID(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	m.mu.Lock()
	m.obey = func(m *model, c *wire.Command) {
		if len(m.commands) == 1 {
			answers(wire.Record{Kind: wire.CommandRefused, Reason: "stale"})(m, c)
			go m.say()
			return
		}
		answers(wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5})(m, c)
	}
	m.mu.Unlock()
	if outcome := w.order(store.Order{Reader: "front-door", Order: wire.Unlock}); !outcome.Done {
		t.Errorf("%+v", outcome)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.commands) != 2 || m.commands[0].ID != m.commands[1].ID || m.commands[0].Nonce == m.commands[1].Nonce {
		t.Errorf("%+v", m.commands)
	}
}

func TestAnOrderThatCannotReachItsReaderSaysSo(t *testing.T) {
	w := newWorld(t)
	w.embed()
	w.serve()
	m := w.reader("front-door")
	w.adopt("back-door", newBoard(t))
	until(t, "the controller knows the reader", func() bool { return (*w.serials.Load())["back-door"] != nil })
	for reader, want := range map[string]string{
		"nobody":    "there is no such reader",
		"back-door": "back-door has never reported",
	} {
		if outcome := w.order(store.Order{Reader: reader, Order: wire.Unlock}); outcome.Done || !strings.Contains(outcome.Text.String(), want) {
			t.Errorf("%+v", outcome)
		}
	}
	m.mu.Lock()
	m.publish(wire.OnState, m.sign(wire.KindState, &wire.State{Reader: "front-door", Connection: m.connection}))
	m.mu.Unlock()
	until(t, "the controller knows that it is away", func() bool {
		readers, err := w.link.Readers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return !readers[1].Online
	})
	if outcome := w.order(store.Order{Reader: "front-door", Order: wire.Unlock}); outcome.Done || !strings.Contains(outcome.Text.String(), "front-door is not connected; it last reported") {
		t.Errorf("%+v", outcome)
	}
	for _, o := range []store.Order{
		{Reader: "front-door", Order: "explode", Who: "x"},
		{Reader: "front-door", Order: "hold", Who: "x"},
		{Reader: "front-door", Order: wire.Identify, InLockdown: true, Who: "x"},
		{Reader: "front-door", Order: wire.Unlock, Who: "x\n"},
		{Reader: "FRONT", Order: wire.Unlock, Who: "x"},
	} {
		if _, err := w.link.Order(t.Context(), o, nil); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	if len(m.commands) != 0 {
		t.Errorf("%+v", m.commands)
	}
}

func TestAnOrderWithAMomentTellsTheReaderHowOldItsNonceMayBe(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	m.mu.Lock()
	m.level, m.obey = wire.Level, answers(wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5})
	m.mu.Unlock()
	m.say()
	until(t, "the controller knows that it is new", func() bool {
		return w.order(store.Order{Reader: "front-door", Order: wire.Unlock, By: time.Now().Add(4 * time.Second)}).Done
	})
	if c := m.commands[0]; c.MaxAge == 0 || c.MaxAge > uint32(wire.NonceLife.Milliseconds()) {
		t.Errorf("%+v", c)
	}
	if outcome := w.order(store.Order{Reader: "front-door", Order: wire.Unlock, By: time.Now()}); !outcome.Unsent || len(m.commands) != 1 {
		t.Errorf("too late: %+v", outcome)
	}
	m.mu.Lock()
	m.level = wire.LevelProofs
	m.mu.Unlock()
	m.say()
	until(t, "the controller knows that it is old", func() bool {
		outcome := w.order(store.Order{Reader: "front-door", Order: wire.Unlock, By: time.Now().Add(4 * time.Second)})
		return outcome.Unsent && strings.Contains(outcome.Text.String(), "too old")
	})
}

func TestAnOrderIsAnsweredWhenTheControllerEnds(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	l := w.link
	outcome := make(chan link.OrderResult)
	go func() {
		o, err := l.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Unlock, Who: "x"}, nil)
		if err != nil {
			t.Error(err)
		}
		outcome <- o
	}()
	m.until("has the command", func() bool { return len(m.commands) == 1 })
	w.end()
	if o := <-outcome; o.Done || !strings.Contains(o.Text.String(), "the controller ended before an answer came") {
		t.Errorf("%+v", o)
	}
}

func TestAnEnrolTakesTheCardOnceAndForNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.addUsers(1)
	w.serve()
	m, other := w.reader("front-door"), w.reader("back-door")
	uid := []byte{4, 9, 9, 9, 9, 9, 9}
	m.mu.Lock()
	m.obey = func(m *model, c *wire.Command) {
		card, err := wire.SealCard(c, uid)
		if err != nil {
			t.Error(err)
			return
		}
		m.card = card
		// Another reader has caught the sealed card and claims it.
		other.mu.Lock()
		other.card = card
		other.mu.Unlock()
		go func() {
			other.say()
			m.say()
		}()
	}
	m.mu.Unlock()
	taken := 0
	outcome, err := w.link.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Enrol, Who: "Grace"}, func(card []byte) (string, bool) {
		taken++
		err := w.site.Update(t.Context(), func(tx *store.Tx) error { return w.site.AddCard(tx, time.Now(), "Grace", 1, card) })
		return "added", err == nil
	})
	if err != nil || !outcome.Done || outcome.Text.String() != "added" {
		t.Errorf("%+v, %v", outcome, err)
	}
	w.settledStates(m) // the card is still in its states
	if taken != 1 {
		t.Errorf("taken %d times", taken)
	}
	w.inStep(m)
	if n := len(m.credentials()); n != 2 {
		t.Errorf("%d credentials", n)
	}
	w.elsewhere(func(s *site.Site, tx *store.Tx) error { return s.RemoveCardUID(tx, time.Now(), 1, uid) })
}

func TestADoorThatOpenedIsToldOfAsOpenedEvenIfThatCannotBeStored(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	m.mu.Lock()
	m.obey = answers(wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5})
	m.mu.Unlock()
	sitetest.Refuse(t, w.dir, "UPDATE", "orders")
	outcome, err := w.link.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Unlock, Who: "x"}, nil)
	if err != nil || !outcome.Done {
		t.Errorf("%+v, %v", outcome, err)
	}
}
