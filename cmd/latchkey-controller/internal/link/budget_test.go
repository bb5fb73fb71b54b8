package link_test

import (
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// newestKeys returns a reader's newest keys of the epoch of its bundle, with the lock held.
func newestKeys(m *model) *wire.EpochKeys { return m.keys[m.bundle.Epoch] }

// tell has a reader report its TPM.
func (m *model) tell(t wire.TPMState) {
	m.mu.Lock()
	m.tpm = &t
	m.mu.Unlock()
	m.say()
}

// untilTold says what a reader has to say until something comes of it, twice a second: the
// controller takes only so many messages at a time, and the reader sends all its records.
func untilTold(m *model, what string, come func() bool) {
	m.t.Helper()
	var said time.Time
	m.until(what, func() bool {
		if !come() && time.Since(said) > 500*time.Millisecond {
			m.mu.Unlock()
			m.say()
			m.mu.Lock()
			said = time.Now()
		}
		return come()
	})
}

func TestAReaderGetsItsGrantsOverTheLinkAndAgainFromTheBroker(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		b := boardtest.NewWithTPM(t, wire.TPMNonce{1})
		m := w.adopt("front-door", boardOf(b))
		first := m.bundle.Keys.TPM
		w.connect(m)

		// The nonce of the adoption died: it has no index.
		m.tell(wire.TPMState{Ref: first.Ref, Nonce: wire.TPMNonce{2}})
		untilTold(m, "has a first grant", func() bool { return newestKeys(m).TPM.Ref != first.Ref })
		m.mu.Lock()
		given := newestKeys(m).TPM
		m.mu.Unlock()
		if !boardtest.Takes(given, wire.TPMNonce{2}) {
			t.Errorf("%+v", given.Grant)
		}

		m.mu.Lock()
		for range 260 {
			m.append(wire.Record{Kind: wire.AttemptStarted})
		}
		m.mu.Unlock()
		m.tell(wire.TPMState{Ref: given.Ref, Budget: wire.Budget{Spent: 260, Limit: 500}})
		untilTold(m, "has a refill", func() bool { return newestKeys(m).TPM.Grant.Limit == 760 })
		m.mu.Lock()
		refilled := newestKeys(m)
		if refilled.TPM.Ref != given.Ref || !boardtest.Takes(refilled.TPM, wire.TPMNonce{}) {
			t.Errorf("%+v", refilled.TPM.Grant)
		}
		m.mu.Unlock()
		if _, alarms := w.stored("front-door"); len(alarms) != 1 || alarms[0].Kind != store.BudgetAgain {
			t.Errorf("%+v", alarms)
		}

		// A reader that missed it gets it from the broker, though no controller runs.
		w.end()
		m.disconnect()
		m.mu.Lock()
		m.keys = map[uint64]*wire.EpochKeys{m.bundle.Epoch: &m.bundle.Keys}
		m.mu.Unlock()
		until(t, "it connects", func() bool { return m.connect(w.broker) == nil })
		m.until("has the refill again", func() bool { return newestKeys(m).Number == refilled.Number })
	})
}

func TestAReaderWithoutATPMGetsThePINKeyBackWhenItIsNoLongerWithheld(t *testing.T) {
	w := newWorld(t)
	w.embed()
	only := func(on bool) {
		w.elsewhere(func(s *site.Site, tx *store.Tx) error {
			_, err := s.SetPINsOnlyWithTPM(tx, time.Now(), on)
			return err
		})
	}
	w.serve()
	m := w.reader("front-door")
	only(true)
	m.until("is in the new epoch, without the PIN key", func() bool {
		keys := m.keys[m.held.Epoch]
		return m.held.Epoch > m.bundle.Epoch && len(keys.PIN) == 0 && len(keys.Card) == 32
	})
	only(false)
	m.until("has the PIN key", func() bool { return len(m.keys[m.held.Epoch].PIN) == 32 })
}
