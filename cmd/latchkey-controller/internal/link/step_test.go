package link_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAChangeElsewhereReachesAllReadersInOneMessage(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		front, back := w.reader("front-door"), w.reader("back-door")
		w.addUsers(1)
		w.inStep(front)
		w.inStep(back)
		for _, m := range []*model{front, back} {
			m.until("one delta", func() bool { return m.deltas == 1 })
		}
		w.elsewhere(func(s *site.Site, tx *store.Tx) error { return site.RemoveUser(tx, time.Now(), 1) })
		w.inStep(front)
		w.inStep(back)
	})
}

func TestAReaderThatWasAwayCatchesUp(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		m := w.reader("front-door")
		m.disconnect()
		w.addUsers(12)
		w.connect(m)
		w.inStep(m)
		if m.pending != nil {
			t.Error("it fetched a snapshot for a few changes")
		}
	})
}

func TestANewEpochLeadsReadersOverWithItsKeyAndSnapshot(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.addUsers(300)
		w.serve()
		m, away := w.reader("front-door"), w.reader("back-door")
		away.disconnect()
		before := m.credentials()
		w.elsewhere(func(s *site.Site, tx *store.Tx) error {
			_, err := s.NewEpoch(tx, time.Now(), 0)
			return err
		})
		w.inStep(m)
		w.connect(away)
		w.inStep(away)
		if n := len(before); n != 300 {
			t.Fatalf("%d credentials", n)
		}
		for tag := range m.credentials() {
			if before[tag] != nil {
				t.Fatal("a tag of the old epoch")
			}
		}
		w.addUsers(1)
		w.inStep(m)
		w.inStep(away)
	})
}

func TestAPolicyReachesItsReaderAndNoOther(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		front, back := w.reader("front-door"), w.reader("back-door")
		w.editPolicy(time.Now(), func(p *wire.Policy) { p.Limit = 3 })
		front.until("has the policy", func() bool { return front.policy.Limit == 3 })
		back.say()
		back.until("was answered again", func() bool { return back.answered > 1 })
		if back.policy.Limit != 10 {
			t.Error("another reader has it")
		}
		// A reader that comes later finds it retained.
		front.disconnect()
		front.policy.Revision, front.policy.Limit = 1, 10
		w.connect(front)
		front.until("finds the policy", func() bool { return front.policy.Limit == 3 })
	})
}

func TestASiteRestoredFromAnOlderBackupLeadsReadersBack(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.addUsers(3)
		w.serve()
		m := w.reader("front-door")
		for range 5 {
			m.happen(wire.Record{Kind: wire.ExitPressed})
		}
		m.until("five are acknowledged", func() bool { return m.acked == 5 })
		path := filepath.Join(t.TempDir(), "backup")
		with := w.backUp(path)
		w.addUsers(2)
		w.editPolicy(time.Now(), func(p *wire.Policy) { p.Limit = 3 })
		w.inStep(m)
		for range 5 {
			m.happen(wire.Record{Kind: wire.ExitPressed})
		}
		m.until("ten are acknowledged, and the policy is there", func() bool { return m.acked == 10 && m.policy.Limit == 3 })

		w.end()
		w.site.Close()
		restored := filepath.Join(t.TempDir(), "restored")
		later := clock.Read()
		later.Wall = later.Wall.Add(time.Minute)
		if _, err := site.Restore(t.Context(), later, path, with, restored, ""); err != nil {
			t.Fatal(err)
		}
		w.open(restored)
		w.serve()
		w.connect(m)
		w.inStep(m)
		m.until("has the policy of the backup", func() bool { return m.policy.Limit == 10 })
		// The reader goes back to what the controller has not.
		m.happen(wire.Record{Kind: wire.ExitPressed})
		m.until("all are acknowledged", func() bool { return m.acked == 11 })
		w.holdsAll(m)
		w.addUsers(1)
		w.inStep(m)
		var users []*store.User
		if err := w.site.View(t.Context(), func(tx *store.Tx) (err error) { users, err = tx.Users(); return err }); err != nil {
			t.Fatal(err)
		}
		if last := users[len(users)-1]; last.ID < 1000 {
			t.Errorf("number %d may have been somebody else's", last.ID)
		}
	})
}

// open opens another directory as the site.
func (w *world) open(dir string) {
	s, err := site.Open(w.t.Context(), dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.site, w.dir = s, dir
}

// copied returns the directory of a copy of the site as it is now.
func (w *world) copied() string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "older")
	w.site.Close() // the files are whole now
	sitetest.Copy(w.t, w.dir, dir)
	w.t.Cleanup(func() { // before the copy is dropped
		w.end()
		w.site.Close()
	})
	w.open(w.dir)
	return dir
}

func TestASiteThatWasPutBackByHandFindsOutByItsOwnSignature(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.addUsers(3)
		w.serve()
		m := w.reader("front-door")
		w.end()
		older := w.copied()
		w.serve()
		w.addUsers(2)
		w.connect(m)
		w.inStep(m)
		m.until("has seen the head", func() bool {
			head, err := wire.OpenHead(m.bundle.Site, m.head, m.bundle.Controller[:])
			return err == nil && head.Position() == m.held
		})
		epoch := m.held.Epoch
		w.end()
		w.site.Close()
		w.open(older)
		w.serve()
		w.connect(m)
		m.until("is in another epoch", func() bool { return m.held.Epoch > epoch })
		w.inStep(m)
		if n := len(m.credentials()); n != 3 {
			t.Errorf("%d credentials", n)
		}
		until(t, "the alarm", func() bool {
			var alarms []*store.Alarm
			err := w.site.View(t.Context(), func(tx *store.Tx) (err error) { alarms, err = tx.Alarms(store.Filter{}); return err })
			return err == nil && len(alarms) == 1 && alarms[0].Kind == store.LogForeign
		})
		// Once is enough: what readers have seen of the lost log begins no more epochs.
		epoch = m.held.Epoch
		m.say()
		m.until("was answered again", func() bool { return m.answered > 1 })
		w.addUsers(1)
		w.inStep(m)
		if m.held.Epoch != epoch {
			t.Error("another epoch")
		}
	})
}

func TestARemovedReaderIsToldNothingMore(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		m, other := w.reader("front-door"), w.reader("back-door")
		w.elsewhere(func(s *site.Site, tx *store.Tx) error {
			_, err := s.RemoveReader(tx, time.Now(), "front-door", false)
			return err
		})
		until(t, "the controller knows", func() bool { return (*w.serials.Load())["front-door"] == nil })
		w.expel()
		until(t, "it is not let in", func() bool { return !m.client.IsConnected() && m.connect(w.broker) != nil })
		if other.client.IsConnected() != true {
			w.connect(other)
		}
	})
}

func TestRecordsAreStoredOnceHoweverOftenTheyCome(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		m := w.reader("front-door")
		for range 35 {
			m.happen(wire.Record{Kind: wire.AccessGranted, User: 1})
		}
		m.until("all are acknowledged", func() bool { return m.acked == 35 })
		w.holdsAll(m)
		// The controller ends after it has stored and before it acknowledges.
		w.end()
		m.happen(wire.Record{Kind: wire.ExitPressed})
		if _, err := w.site.StoreRecords(t.Context(), clock.Read(), []*wire.Records{{Reader: "front-door", Journal: m.journal, First: 1, Records: m.records[30:36]}}); err != nil {
			t.Fatal(err)
		}
		w.serve()
		m.mu.Lock()
		m.acked = 0 // the reader, too, has forgotten
		m.mu.Unlock()
		w.connect(m)
		m.until("all are acknowledged", func() bool { return m.acked == 36 })
		w.holdsAll(m)
		if _, alarms := w.stored("front-door"); len(alarms) != 0 {
			t.Errorf("%+v", alarms[0])
		}
		if !bytes.Equal(m.records[35], last(w.stored("front-door")).Encoded) {
			t.Error("another record")
		}
	})
}

func last(records []*store.Record, _ []*store.Alarm) *store.Record { return records[len(records)-1] }
