package site

import (
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// untilRefused stores messages until one is refused, and says how many were
// taken.
func untilRefused(t *testing.T, s *Site, now time.Time, message func(i int) *wire.Records) int {
	t.Helper()
	for i := range 2000 {
		stored, err := s.StoreRecords(t.Context(), at(now), []*wire.Records{message(i)})
		if err != nil {
			t.Fatal(err)
		}
		if stored[0].Refused {
			if stored[0].Ack.Number != 0 || len(stored[0].New) != 0 {
				t.Errorf("%+v", stored[0])
			}
			return i
		}
	}
	t.Fatal("nothing is refused")
	return 0
}

// journals is message i of a reader that begins a journal with each.
func journals(i int) *wire.Records {
	d := newDiary(1)
	d.journal = wire.JournalID{2, byte(i), byte(i >> 8)}
	return d.message(1, 1, 1)
}

func TestABoardThatTakesThePlaceOfAThiefsIsNotRefused(t *testing.T) {
	s := withReader(t)
	n := untilRefused(t, s, noon, journals)
	if err := s.Update(t.Context(), func(tx *store.Tx) error { _, err := s.RemoveReader(tx, noon, "front-door", true); return err }); err != nil {
		t.Fatal(err)
	}
	adopt(t, s, noon.Add(time.Hour), "front-door", newBoard(t), noEdit)
	stored, err := s.StoreRecords(t.Context(), at(noon.Add(time.Hour)), []*wire.Records{journals(n)})
	if err != nil || stored[0].Refused || len(stored[0].New) != 1 {
		t.Errorf("%+v, %v", stored, err)
	}
}

func TestAReaderThatReportsWithoutEndIsRefusedUntilTomorrow(t *testing.T) {
	gaps := func(i int) *wire.Records {
		d := newDiary(1)
		d.records[0] = wire.Marshal(&wire.Record{Number: uint64(2*i + 2), Kind: wire.ExitPressed, Before: wire.Hash{1}})
		return d.message(1, 1, 1)
	}
	forks := func(i int) *wire.Records {
		d := newDiary(1)
		d.records[0] = wire.Marshal(&wire.Record{Number: 1, Kind: wire.ExitPressed, Time: int64(i)})
		return d.message(1, 1, 1)
	}
	for name, message := range map[string]func(int) *wire.Records{"journals": journals, "gaps": gaps, "forks": forks} {
		t.Run(name, func(t *testing.T) {
			s := withReader(t)
			adopt(t, s, noon, "back-door", newBoard(t), noEdit)
			n := untilRefused(t, s, noon, message)
			if n < 20 || n > 600 {
				t.Errorf("%d were taken", n)
			}
			again, err := s.StoreRecords(t.Context(), at(noon.Add(time.Hour)), []*wire.Records{message(n), message(n)})
			if err != nil || !again[0].Refused || !again[1].Refused {
				t.Errorf("%+v, %v", again, err)
			}
			_, alarms := kept(t, s)
			if said := slices.DeleteFunc(alarms, func(kind string) bool { return kind != store.RecordsRefused }); len(said) != 1 {
				t.Errorf("said %d times", len(said))
			}
			other := newDiary(1)
			other.reader = "back-door"
			if stored := storeRecord(t, s, other.message(1, 1, 1)); stored.Refused || stored.Ack.Number != 1 {
				t.Error("another reader is refused, too")
			}
			tomorrow, err := s.StoreRecords(t.Context(), at(noon.Add(24*time.Hour)), []*wire.Records{message(n)})
			if err != nil || tomorrow[0].Refused || len(tomorrow[0].New) != 1 {
				t.Errorf("the day after: %+v, %v", tomorrow, err)
			}
		})
	}
}

func TestAReaderThatWasOfflineForYearsGetsRidOfItAllInDays(t *testing.T) {
	s := withReader(t)
	d := newDiary(256)
	storeRecord(t, s, d.message(1, 1, 256))
	spent := func() (bytes int64) {
		if err := s.View(t.Context(), func(tx *store.Tx) error {
			a, err := tx.Allowance(d.reader, noon.Unix()/daySeconds)
			bytes = a.Used
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	first := spent()
	storeRecord(t, s, d.message(1, 1, 256))
	if spent() != first {
		t.Error("what is here already costs something")
	}
	const held = 1_000_000 // that a journal holds at most
	if days := (first - breakCost) * held / 256 / dailyAllowance; days > 3 {
		t.Errorf("a journal of %d takes %d days more", held, days)
	}
}
