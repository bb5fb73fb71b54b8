package link_test

import (
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// want has the whole site work in a mode, as another process would.
func (w *world) want(mode wire.Mode) *store.Mode {
	w.t.Helper()
	m := &store.Mode{Mode: mode, Level: "site", Who: "Ada", At: time.Now().UnixMilli()}
	w.elsewhere(func(_ *site.Site, tx *store.Tx) error { return site.AddMode(tx, time.Now(), m) })
	return m
}

// confirmed says whether a reader has confirmed a mode.
func (w *world) confirmed(reader string, m *store.Mode) bool {
	w.t.Helper()
	var is bool
	err := w.site.View(w.t.Context(), func(tx *store.Tx) error {
		carried, err := tx.ModesCarried(reader)
		for _, c := range carried {
			is = is || c.Mode == m.ID && c.Confirmed != 0
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return is
}

// follows has a reader work in the modes of its policy and say so.
func (m *model) follows(mode wire.Mode) {
	m.t.Helper()
	m.until("works in the mode "+string(mode), func() bool { return m.mode().Mode == mode })
	m.say()
}

func TestAReaderThatWasAwayFollowsIntoALockdownWhenItIsBack(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		front, back := w.reader("front-door"), w.reader("back-door")
		for _, m := range []*model{front, back} {
			m.mu.Lock()
			m.level = wire.LevelModes
			m.mu.Unlock()
			m.say()
		}
		back.disconnect()
		lockdown := w.want(wire.ModeLockdown)
		front.follows(wire.ModeLockdown)
		until(t, "it is confirmed", func() bool { return w.confirmed("front-door", lockdown) })
		if w.confirmed("back-door", lockdown) {
			t.Error("a reader has confirmed it that is away")
		}
		w.end()
		w.serve() // a restart forgets nothing
		w.connect(back)
		back.follows(wire.ModeLockdown)
		until(t, "it is confirmed, too", func() bool { return w.confirmed("back-door", lockdown) })
		w.elsewhere(func(_ *site.Site, tx *store.Tx) error { return site.EndMode(tx, time.Now(), lockdown, "Grace") })
		front.follows(wire.ModeNormal)
		back.follows(wire.ModeNormal)
	})
}

func TestAnOlderReaderGetsTheModesWithItsUpdate(t *testing.T) {
	w := newWorld(t)
	w.embed()
	w.serve()
	m := w.reader("front-door")
	before := m.policy.Revision
	lockdown := w.want(wire.ModeLockdown)
	m.until("has a policy without the lockdown", func() bool { return m.policy.Revision > before && len(m.policy.Modes) == 0 })
	m.say()
	m.mu.Lock()
	m.level = wire.LevelModes
	m.mu.Unlock()
	if w.confirmed("front-door", lockdown) {
		t.Error("it takes part")
	}
	m.say()
	m.follows(wire.ModeLockdown)
	until(t, "it is confirmed", func() bool { return w.confirmed("front-door", lockdown) })
}
