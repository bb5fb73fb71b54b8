package link_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// personalise has front-door write keys to a card.
func (w *world) personalise(keys func(*wire.CardToKey) (*wire.CardKeySets, error)) link.OrderResult {
	w.t.Helper()
	outcome, err := w.link.Personalise(w.t.Context(), store.Order{Reader: "front-door", Who: "Grace"}, keys)
	if err != nil {
		w.t.Fatal(err)
	}
	return outcome
}

// keysOf returns keys for a card, as the desk does.
func keysOf(card *wire.CardToKey) (*wire.CardKeySets, error) {
	return &wire.CardKeySets{UID: bytes.Clone(card.UID), Chip: wire.DESFireEV2, To: wire.KeySet{Generation: 1, Keys: make([]byte, 48)}, From: []wire.KeySet{{}}}, nil
}

// shows puts a card to the reader, for a command, and says so.
func shows(m *model, c *wire.Command, card *boardtest.Card) {
	read, err := wire.SealCardToKey(c, card.Read())
	if err != nil {
		m.t.Error(err)
		return
	}
	m.card = read
	go m.say()
}

// unseals returns the keys that a reader was sent.
func (m *model) unseals(keys *wire.CardKeys) *wire.CardKeySets {
	sets, err := keys.Unseal(m.board.sealing)
	if err != nil {
		m.t.Error(err)
		return nil
	}
	return sets
}

func (m *model) wrote(keys *wire.CardKeys) {
	m.card = nil
	m.append(wire.Record{Kind: wire.CommandDone, Command: keys.Command, Order: wire.Personalise, Who: "Grace"})
	m.report()
}

func TestTheKeysOfACardGoToItsReaderAndToNobodyElse(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		m, other := w.reader("front-door"), w.reader("back-door")
		card := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9})
		m.mu.Lock()
		m.obey = func(m *model, c *wire.Command) {
			if c.Order != wire.Personalise || c.By != "Grace" {
				t.Errorf("%+v", c)
			}
			shows(m, c, card)
			// Another reader has caught the sealed card and claims it.
			other.mu.Lock()
			other.card = m.card
			other.mu.Unlock()
			go other.say()
		}
		m.write = func(m *model, keys *wire.CardKeys) {
			if sets := m.unseals(keys); sets == nil || card.Write(sets, -1) != nil || keys.Reader != "front-door" {
				t.Errorf("%+v", keys)
			}
			if _, err := keys.Unseal(other.board.sealing); err == nil {
				t.Error("another reader can read the keys")
			}
			m.wrote(keys)
		}
		m.mu.Unlock()
		if outcome := w.personalise(keysOf); !outcome.Done || outcome.Record == nil {
			t.Errorf("%+v", outcome)
		}
		w.settledStates(other)
		other.mu.Lock()
		defer other.mu.Unlock()
		if len(other.cardKeys) != 0 || card.Keyed() != 3 {
			t.Errorf("the other reader got %d keys, and the card has %d", len(other.cardKeys), card.Keyed())
		}
	})
}

// A reader shows one card twice, as after it was taken away, and then another one: perhaps
// somebody controls it and wants the keys of all cards.
func TestOneOrderGetsTheKeysOfOneCard(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	card, second := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9}), boardtest.NewCard([]byte{4, 8, 8, 8, 8, 8, 8})
	var command *wire.Command
	m.mu.Lock()
	m.obey = func(m *model, c *wire.Command) {
		command = c
		shows(m, c, card)
	}
	m.write = func(m *model, keys *wire.CardKeys) {
		switch {
		case len(keys.Sealed) == 0:
		case len(m.cardKeys) == 1:
			if sets := m.unseals(keys); card.Write(sets, 1) == nil {
				t.Error("it was not taken away")
			}
			shows(m, command, card)
		default:
			if sets := m.unseals(keys); !bytes.Equal(sets.UID, card.UID) || card.Write(sets, -1) != nil {
				t.Errorf("%+v", sets)
			}
			shows(m, command, second)
		}
	}
	m.mu.Unlock()
	asked := 0
	outcome := w.personalise(func(c *wire.CardToKey) (*wire.CardKeySets, error) {
		asked++
		return keysOf(c)
	})
	if outcome.Done || !strings.Contains(outcome.Text.String(), "another card was shown") || asked != 1 {
		t.Errorf("%+v, asked %d times", outcome, asked)
	}
	m.until("is told that the second card gets none", func() bool { return len(m.cardKeys[len(m.cardKeys)-1].Sealed) == 0 })
	m.mu.Lock()
	sent := len(m.cardKeys)
	m.mu.Unlock()
	m.say() // the order is over, and the card still in its states
	w.settledStates(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.cardKeys) != sent || second.Keyed() != 0 {
		t.Errorf("%d keys were sent, and then %d", sent, len(m.cardKeys))
	}
}

// A reader asks for the keys of one card again and again.
func TestOneOrderIsAnsweredSoOftenAndNotMore(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	card := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9})
	var command *wire.Command
	answers := 0
	m.mu.Lock()
	m.obey = func(m *model, c *wire.Command) {
		command = c
		shows(m, c, card)
	}
	m.write = func(m *model, keys *wire.CardKeys) {
		if answers++; answers < 100 {
			shows(m, command, card)
		}
	}
	m.mu.Unlock()
	if outcome := w.personalise(keysOf); outcome.Done || !strings.Contains(outcome.Text.String(), "too often") {
		t.Errorf("%+v", outcome)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if answers < 30 || answers > 33 { // the last one declines
		t.Errorf("%d answers", answers)
	}
}

func TestACardThatIsDeclinedGetsNoKeysAndThePersonIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	card := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9})
	for what, test := range map[string]struct {
		shows func(*model, *wire.Command)
		keys  func(*wire.CardToKey) (*wire.CardKeySets, error)
		want  string
	}{
		"refused": {func(m *model, c *wire.Command) { shows(m, c, card) }, func(*wire.CardToKey) (*wire.CardKeySets, error) { return nil, errors.New("it is Bob's") }, "it is Bob's"},
		"no version": {func(m *model, c *wire.Command) {
			m.card, _ = wire.SealCard(c, card.UID)
			go m.say()
		}, keysOf, "the card cannot be read"},
		"impossible": {func(m *model, c *wire.Command) { shows(m, c, card) }, func(*wire.CardToKey) (*wire.CardKeySets, error) { return new(wire.CardKeySets), nil }, "seal card keys"},
	} {
		m.mu.Lock()
		m.obey, m.cardKeys = test.shows, nil
		m.mu.Unlock()
		if outcome := w.personalise(test.keys); outcome.Done || !strings.Contains(outcome.Text.String(), test.want) {
			t.Errorf("%s: %+v", what, outcome)
		}
		m.until("is told", func() bool { return len(m.cardKeys) > 0 })
		m.mu.Lock()
		if keys := m.cardKeys[0]; len(m.cardKeys) != 1 || len(keys.Sealed) != 0 || keys.Reader != "front-door" || keys.Command != m.commands[len(m.commands)-1].ID {
			t.Errorf("%s: %+v", what, m.cardKeys)
		}
		m.mu.Unlock()
	}
}

func TestKeysAreSentForNoOrderButAPersonalise(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m := w.reader("front-door")
	card := boardtest.NewCard([]byte{4, 9, 9, 9, 9, 9, 9})
	m.mu.Lock()
	m.obey = func(m *model, c *wire.Command) { shows(m, c, card) }
	m.mu.Unlock()
	outcome, err := w.link.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Enrol, Who: "Grace"}, func([]byte) (string, bool) {
		t.Error("it was taken")
		return "", true
	})
	if err != nil || outcome.Done || !strings.Contains(outcome.Text.String(), "cannot be read") {
		t.Errorf("%+v, %v", outcome, err)
	}
	m.mu.Lock()
	m.obey = answers(wire.Record{Kind: wire.CommandRefused, Reason: wire.ReasonNoCard})
	m.card = nil
	m.mu.Unlock()
	outcome = w.personalise(func(*wire.CardToKey) (*wire.CardKeySets, error) {
		t.Error("no card was shown")
		return nil, errors.New("none")
	})
	if outcome.Done || outcome.Record == nil || outcome.Record.Reason != wire.ReasonNoCard {
		t.Errorf("%+v", outcome)
	}
	// The controller ends while the reader waits for a card, and starts again.
	m.mu.Lock()
	var command *wire.Command
	m.obey = func(_ *model, c *wire.Command) { command = c }
	m.mu.Unlock()
	ended, l := make(chan link.OrderResult), w.link
	go func() {
		outcome, err := l.Personalise(t.Context(), store.Order{Reader: "front-door", Who: "Grace"}, keysOf)
		if err != nil {
			t.Error(err)
		}
		ended <- outcome
	}()
	m.until("has the command", func() bool { return command != nil })
	w.end()
	if outcome := <-ended; outcome.Done || !strings.Contains(outcome.Text.String(), "the controller ended") {
		t.Errorf("%+v", outcome)
	}
	w.serve()
	m.mu.Lock()
	shows(m, command, card)
	m.mu.Unlock()
	w.settledStates(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.cardKeys) != 0 {
		t.Errorf("%+v", m.cardKeys)
	}
}
