package link_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// smallDisk mounts a small file system in memory.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	postgrestest.SQLiteOnly(t) // PostgreSQL's disk is not the site's
	d := t.TempDir()
	if err := unix.Mount("tmpfs", d, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting needs rights: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(d, unix.MNT_DETACH) })
	return d
}

// fill writes to a disk until it is full, and returns what makes room again.
func fill(t *testing.T, disk string) (empty func()) {
	t.Helper()
	return fillAs(t, disk, "ballast")
}

// fillAs does that with a file of a name.
func fillAs(t *testing.T, disk, file string) (empty func()) {
	t.Helper()
	name := filepath.Join(disk, file)
	f, err := os.Create(name)
	for size := 64 << 10; size > 0; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	f.Close()
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskAcknowledgesNothingThatIsNotStored(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "32m")
	w := newWorldOn(t, disk)
	w.embed()
	w.serve()
	m := w.reader("front-door")
	for round := range 3 {
		before := w.errors.Load() // it may notice before it is told anything
		empty := fill(t, disk)
		// There is room in what the database has taken of the disk already.
		until(t, "the controller says that it cannot store", func() bool {
			for range 10 {
				m.happen(wire.Record{Kind: wire.AccessGranted, User: 1})
			}
			return w.errors.Load() > before
		})
		m.mu.Lock()
		acked := m.acked
		m.mu.Unlock()
		if records, _ := w.stored("front-door"); uint64(len(records)) < acked {
			t.Errorf("round %d: %d records are acknowledged, and %d stored", round, acked, len(records))
		}
		m.mu.Lock()
		if acked == uint64(len(m.records)) {
			t.Errorf("round %d: all are acknowledged", round)
		}
		m.mu.Unlock()
		empty()
		until(t, "all are acknowledged once there is room", func() bool {
			m.say() // and what is not acknowledged once more
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.acked == uint64(len(m.records))
		})
		w.holdsAll(m)
		w.addUsers(1)
		w.inStep(m)
	}
}

func TestAnOrderIsCarriedOutAndNotedThoughTheDiskWasFullFromTheStart(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "32m")
	w := newWorldOn(t, disk)
	if err := w.site.Close(); err != nil { // with it go the database's shared memory and its log
		t.Fatal(err)
	}
	empty := fill(t, disk)
	w.open(w.dir)
	full := (*store.FullError)(nil)
	if err := w.site.Full(); !errors.As(err, &full) || !strings.Contains(err.Error(), filepath.Join(w.dir, store.File)) {
		t.Errorf("a full disk: %v", err)
	}
	hog := fillAs(t, disk, "hog") // somebody else is quicker than whoever needs it
	w.embed()
	w.serve()
	m := w.reader("front-door")
	m.mu.Lock()
	m.obey = answers(wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5})
	m.mu.Unlock()
	for range 8 { // a reader sends the first of what is not acknowledged
		if outcome := w.order(store.Order{Reader: "front-door", Order: wire.Unlock}); !outcome.Done || outcome.Text.String() != "opened for 5 s" {
			t.Fatalf("%+v", outcome)
		}
	}
	if records, _ := w.stored("front-door"); len(records) != 0 {
		t.Errorf("%d records are in the space of orders", len(records))
	}
	empty()
	hog()
	until(t, "all is acknowledged once there is room", func() bool {
		m.say()
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.acked == uint64(len(m.records))
	})
	if err := w.site.Full(); err != nil {
		t.Error(err)
	}
	w.holdsAll(m)
}

func TestALostPartOfTheLogIsLookedIntoThoughTheDiskWasFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "32m")
	w := newWorldOn(t, disk)
	send := w.hostile()
	w.addUsers(1)
	w.serve()
	m := w.reader("front-door")
	w.inStep(m)
	before := w.errors.Load() // it may say so as soon as the disk is full
	empty := fill(t, disk)
	until(t, "the controller says that it cannot store", func() bool {
		for range 10 {
			m.happen(wire.Record{Kind: wire.AccessGranted, User: 1})
		}
		return w.errors.Load() > before
	})
	lost, err := w.site.Sign(wire.KindHead, &wire.Position{Epoch: m.bundle.Epoch, Revision: 1000, Hash: wire.Hash{1}})
	if err != nil {
		t.Fatal(err)
	}
	send(wire.OnHead, "", false, lost)
	w.settledStates(m)
	w.settledStates(m)
	empty()
	m.until("is in another epoch", func() bool { return m.held.Epoch != m.bundle.Epoch })
	w.inStep(m)
}

func TestAReaderWithANewDiskBeginsAJournalBesideTheOldOne(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.addUsers(3)
		w.serve()
		board := newBoard(t)
		old := w.adopt("front-door", board)
		w.connect(old)
		happen := func(m *model, n int) {
			t.Helper()
			for range n {
				m.happen(wire.Record{Kind: wire.ExitPressed})
			}
			m.until("all is acknowledged", func() bool { return m.acked == uint64(len(m.records)) })
		}
		happen(old, 7)
		old.disconnect()

		// The journal is lost, and nothing else.
		lost := newModel(t, board, old.bundle)
		lost.connection = old.connection
		t.Cleanup(lost.disconnect)
		w.connect(lost)
		happen(lost, 4)
		w.inStep(lost)
		lost.disconnect()

		// Everything is lost: the board makes new keys, and is adopted again.
		fresh := w.adopt("front-door", newBoard(t))
		w.expel()
		w.connect(fresh)
		happen(fresh, 5)
		w.inStep(fresh)

		records, alarms := w.stored("front-door")
		each := map[wire.JournalID]int{}
		for _, r := range records {
			each[r.Journal]++
		}
		if len(records) != 16 || each[old.journal] != 7 || each[lost.journal] != 4 || each[fresh.journal] != 5 {
			t.Errorf("%d records: %v", len(records), each)
		}
		if len(alarms) != 0 {
			t.Errorf("%+v", alarms[0])
		}
		if err := old.connect(w.broker); err == nil {
			t.Error("the lost disk's certificate is let in")
		}
	})
}
