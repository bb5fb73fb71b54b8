package site

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A diary is a reader's journal as it would send it.
type diary struct {
	reader  string
	journal wire.JournalID
	records [][]byte
}

func (d *diary) add(r wire.Record) {
	r.Number = uint64(len(d.records)) + 1
	if n := len(d.records); n > 0 {
		r.Before = wire.Sum(d.records[n-1])
	}
	d.records = append(d.records, wire.Marshal(&r))
}

func (d *diary) fork(from int) *diary {
	return &diary{d.reader, d.journal, append([][]byte{}, d.records[:from]...)}
}

// message returns records [from, to] of it; first is the oldest still held.
func (d *diary) message(first, from, to uint64) *wire.Records {
	return &wire.Records{Reader: d.reader, Journal: d.journal, First: first, Records: d.records[from-1 : to]}
}

func newDiary(n int) *diary {
	d := &diary{reader: "front-door", journal: wire.JournalID{1}}
	for range n {
		d.add(wire.Record{Kind: wire.ExitPressed, Time: 1})
	}
	return d
}

// withReader returns a site with the reader front-door.
func withReader(t *testing.T) *Site {
	t.Helper()
	s, _ := newSite(t)
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	return s
}

func storeRecord(t *testing.T, s *Site, m *wire.Records) Stored {
	t.Helper()
	stored, err := s.StoreRecords(t.Context(), at(noon), []*wire.Records{m})
	if err != nil {
		t.Fatal(err)
	}
	return stored[0]
}

// kept returns the numbers of records that are kept, in the order of arrival,
// and the kinds of alarms.
func kept(t *testing.T, s *Site) (numbers []uint64, alarms []string) {
	t.Helper()
	var records []*store.Record
	var raised []*store.Alarm
	err := s.View(t.Context(), func(tx *store.Tx) (err error) {
		if records, err = tx.Records(store.Filter{}); err == nil {
			raised, err = tx.Alarms(store.Filter{})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		numbers = append(numbers, r.Number)
	}
	for _, a := range raised {
		alarms = append(alarms, a.Kind)
	}
	return numbers, alarms
}

func TestRecordsAreKeptOnceAndAcknowledgedAsFarAsTheyAreHere(t *testing.T) {
	s := withReader(t)
	d := newDiary(30)
	for i, test := range []struct {
		m     *wire.Records
		fresh int
		acked uint64
	}{
		{d.message(1, 1, 10), 10, 10},
		{d.message(1, 1, 10), 0, 10},
		{d.message(1, 11, 20), 10, 20},
		{d.message(1, 1, 5), 0, 20}, // leads straight to what is missing
		{d.message(1, 15, 25), 5, 25},
		{d.message(20, 26, 30), 5, 30},
	} {
		stored := storeRecord(t, s, test.m)
		if len(stored.New) != test.fresh || stored.Ack.Number != test.acked || stored.Ack.Hash != wire.Sum(d.records[test.acked-1]) || stored.Ack.Reader != "front-door" || stored.Ack.Journal != d.journal {
			t.Errorf("step %d: %d new, %+v", i, len(stored.New), stored.Ack)
		}
	}
	if numbers, alarms := kept(t, s); len(numbers) != 30 || len(alarms) != 0 {
		t.Errorf("%v, %v", numbers, alarms)
	}
}

func TestANumberThatComesWithAnotherHashIsKeptBesideAndAlarmedOnce(t *testing.T) {
	s := withReader(t)
	d := newDiary(20)
	storeRecord(t, s, d.message(1, 1, 20))
	fork := d.fork(12)
	for range 4 {
		fork.add(wire.Record{Kind: wire.DoorForced, Time: 2})
	}
	for range 2 {
		stored := storeRecord(t, s, fork.message(1, 10, 16))
		if stored.Ack.Number != 16 || stored.Ack.Hash != wire.Sum(fork.records[15]) {
			t.Errorf("%+v", stored.Ack)
		}
	}
	// It goes on beyond the other one.
	for range 9 {
		fork.add(wire.Record{Kind: wire.DoorForced, Time: 2})
	}
	if stored := storeRecord(t, s, fork.message(1, 17, 25)); stored.Ack.Number != 25 || stored.Ack.Hash != wire.Sum(fork.records[24]) {
		t.Errorf("%+v", stored.Ack)
	}
	numbers, alarms := kept(t, s)
	if len(numbers) != 20+13 || len(alarms) != 1 || alarms[0] != store.JournalForked {
		t.Errorf("%d records, %v", len(numbers), alarms)
	}
}

func TestAJournalThatGoesOnFromAnotherRecordThanIsHereIsAlarmed(t *testing.T) {
	s := withReader(t)
	d, other := newDiary(10), newDiary(9)
	other.add(wire.Record{Kind: wire.DoorForced, Time: 2})
	for range 5 {
		d.add(wire.Record{Kind: wire.ExitPressed, Time: 1})
		other.add(wire.Record{Kind: wire.ExitPressed, Time: 1})
	}
	storeRecord(t, s, d.message(1, 1, 10))
	if stored := storeRecord(t, s, other.message(1, 11, 15)); stored.Ack.Number != 15 || stored.Ack.Hash != wire.Sum(other.records[14]) {
		t.Errorf("%+v", stored.Ack)
	}
	if _, alarms := kept(t, s); len(alarms) != 1 || alarms[0] != store.JournalForked {
		t.Errorf("%v", alarms)
	}
}

func TestAGapIsAlarmedUnlessTheJournalExplainsIt(t *testing.T) {
	later := noon.Add(11 * time.Minute)
	for name, test := range map[string]struct {
		explain wire.Record
		fill    bool
		alarms  int
	}{
		"never explained":        {wire.Record{Kind: wire.ExitPressed}, false, 1},
		"dropped":                {wire.Record{Kind: wire.RecordsDropped, First: 6, Last: 15}, false, 0},
		"dropped with others":    {wire.Record{Kind: wire.RecordsDropped, First: 1, Last: 18}, false, 0},
		"only some were dropped": {wire.Record{Kind: wire.RecordsDropped, First: 6, Last: 14}, false, 1},
		"came after all":         {wire.Record{Kind: wire.ExitPressed}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := withReader(t)
			d := newDiary(20)
			d.add(test.explain)
			storeRecord(t, s, d.message(1, 1, 5))
			if stored := storeRecord(t, s, d.message(1, 16, 21)); stored.Ack.Number != 21 {
				t.Errorf("%+v", stored.Ack)
			}
			if test.fill {
				storeRecord(t, s, d.message(1, 6, 15))
			}
			for _, now := range []time.Time{noon.Add(time.Minute), later, later} {
				if err := s.AlarmGaps(t.Context(), at(now)); err != nil {
					t.Fatal(err)
				}
				if _, alarms := kept(t, s); now == noon.Add(time.Minute) && len(alarms) > 0 {
					t.Error("at once")
				}
			}
			if _, alarms := kept(t, s); len(alarms) != test.alarms || test.alarms > 0 && alarms[0] != store.JournalGap {
				t.Errorf("%v", alarms)
			}
		})
	}
}

func TestAGapIsCoveredByRangesInAnyOrderWhateverTheySay(t *testing.T) {
	gap := store.Gap{First: 6, Last: 15}
	for name, test := range map[string]struct {
		ranges [][2]uint64
		want   bool
	}{
		"none":                    {nil, false},
		"two, the last one first": {[][2]uint64{{10, 15}, {1, 9}}, true},
		"two with a hole":         {[][2]uint64{{11, 15}, {1, 9}}, false},
		"all numbers":             {[][2]uint64{{0, math.MaxUint64}}, true},
		"backwards":               {[][2]uint64{{15, 6}}, false},
	} {
		if got := covered(gap, test.ranges); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// What one reader says, whoever has its key, keeps no other's records away.
func TestNoRecordKeepsOthersFromBeingKept(t *testing.T) {
	s := withReader(t)
	adopt(t, s, noon, "back-door", newBoard(t), noEdit)
	evil := &diary{reader: "back-door", journal: wire.JournalID{2}}
	evil.add(wire.Record{Kind: wire.AccessGranted, User: wire.MaxNumber, Time: 253402300799999})
	evil.add(wire.Record{Kind: wire.RecordsDropped, First: 1, Last: wire.MaxNumber, Time: -62167219200000})
	evil.records = append(evil.records, wire.Marshal(&wire.Record{Number: wire.MaxNumber, Kind: wire.ExitPressed}))
	m := &wire.Records{Reader: evil.reader, Journal: evil.journal, First: 1, Records: evil.records}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	d := newDiary(3)
	stored, err := s.StoreRecords(t.Context(), at(noon), []*wire.Records{m, d.message(1, 1, 3)})
	if err != nil || stored[1].Ack.Number != 3 || stored[0].Ack.Number != wire.MaxNumber {
		t.Errorf("%+v, %v", stored, err)
	}
	if err := s.AlarmGaps(t.Context(), at(noon.Add(time.Hour))); err != nil {
		t.Error(err)
	}
	if err := s.SetStates(t.Context(), []*store.State{{Reader: "back-door", Connection: wire.MaxNumber, Counter: wire.MaxNumber}}); err != nil {
		t.Error(err)
	}
}

func TestHoweverRecordsComeEachIsKeptOnce(t *testing.T) {
	s := withReader(t)
	journal := byte(1)
	rapid.Check(t, func(r *rapid.T) {
		journal++
		d := newDiary(rapid.IntRange(1, 12).Draw(r, "records"))
		d.journal = wire.JournalID{journal, byte(len(d.records)), 7}
		n := uint64(len(d.records))
		var messages []*wire.Records
		for range rapid.IntRange(1, 8).Draw(r, "messages") {
			from := rapid.Uint64Range(1, n).Draw(r, "from")
			messages = append(messages, d.message(1, from, rapid.Uint64Range(from, n).Draw(r, "to")))
		}
		messages = append(messages, d.message(1, 1, n))
		day := noon.AddDate(0, 0, int(journal)) // of one day so many journals are refused
		stored, err := s.StoreRecords(t.Context(), at(day), messages)
		if err != nil {
			r.Fatal(err)
		}
		fresh := 0
		for _, one := range stored {
			fresh += len(one.New)
		}
		if last := stored[len(stored)-1].Ack; fresh != int(n) || last.Number != n || last.Hash != wire.Sum(d.records[n-1]) {
			r.Errorf("%d new of %d, %+v", fresh, n, last)
		}
	})
	if _, alarms := kept(t, s); len(alarms) != 0 {
		t.Errorf("%v", alarms)
	}
}

// restored returns a site that has ten records of a reader's thirty, and was
// restored since.
func restored(t *testing.T) (*Site, *diary) {
	t.Helper()
	s := withReader(t)
	d := newDiary(30)
	storeRecord(t, s, d.message(1, 1, 10))
	if _, err := s.Reissue(t.Context(), noon.Add(time.Hour), wire.Position{Epoch: 1 << 32}, "front-door"); err != nil {
		t.Fatal(err)
	}
	return s, d
}

func TestAfterARestoreAReaderIsToldHowFarItsJournalIsHereUntilItGoesBack(t *testing.T) {
	s, d := restored(t)
	for i, test := range []struct {
		m     *wire.Records
		acked uint64
	}{
		{d.message(5, 21, 25), 10},
		{d.message(5, 21, 25), 10}, // the first answer was lost
		{d.message(5, 11, 15), 15},
		{d.message(5, 21, 25), 15}, // late, and doubled
		{d.message(5, 16, 20), 20},
		{d.message(5, 21, 25), 25},
		{d.message(5, 28, 30), 30}, // what is lost from now on is another matter
	} {
		stored := storeRecord(t, s, test.m)
		if stored.Ack.Number != test.acked || stored.Ack.Hash != wire.Sum(d.records[test.acked-1]) {
			t.Errorf("message %d: %+v", i, stored.Ack)
		}
	}
	if numbers, _ := kept(t, s); len(numbers) != 28 {
		t.Errorf("%v", numbers)
	}
}

func TestAReaderThatLetGoOfWhatARestoreTookIsNotLedBack(t *testing.T) {
	s, d := restored(t)
	if stored := storeRecord(t, s, d.message(21, 21, 25)); stored.Ack.Number != 25 {
		t.Errorf("%+v", stored.Ack)
	}
}

func TestAReaderThatCannotGoBackAfterARestoreGoesOnInTheEnd(t *testing.T) {
	for _, put := range []time.Duration{0, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		s, d := restored(t)
		for _, test := range []struct {
			after time.Duration
			acked uint64
		}{{0, 10}, {9 * time.Minute, 10}, {10 * time.Minute, 25}} {
			read := at(noon.Add(test.after))
			if test.after > 0 {
				read.Wall = read.Wall.Add(put)
			}
			stored, err := s.StoreRecords(t.Context(), read, []*wire.Records{d.message(5, 21, 25)})
			if err != nil {
				t.Fatal(err)
			}
			if stored[0].Ack.Number != test.acked {
				t.Errorf("after %v, the clock put by %v: %+v", test.after, put, stored[0].Ack)
			}
		}
		if err := s.AlarmGaps(t.Context(), at(noon.Add(time.Hour))); err != nil {
			t.Fatal(err)
		}
		if _, alarms := kept(t, s); !slices.Equal(alarms, []string{store.LogForeign, store.JournalGap}) {
			t.Errorf("%v", alarms)
		}
	}
}

func TestRecordsCanBeChosen(t *testing.T) {
	s := withReader(t)
	adopt(t, s, noon, "back-door", newBoard(t), noEdit)
	for i, reader := range []string{"front-door", "back-door"} {
		d := &diary{reader: reader, journal: wire.JournalID{byte(i + 1)}}
		for j, kind := range []wire.RecordKind{wire.AccessGranted, wire.AccessDenied, wire.DoorForced} {
			d.add(wire.Record{Kind: kind, Time: int64(1000 * (j + 1))})
		}
		storeRecord(t, s, d.message(1, 1, 3))
	}
	for name, test := range map[string]struct {
		f    store.Filter
		want string
	}{
		"all":             {store.Filter{}, "FgFdFf BgBdBf"},
		"of a reader":     {store.Filter{Reader: "back-door"}, "BgBdBf"},
		"of a kind":       {store.Filter{Kinds: []string{"door.forced"}}, "Ff Bf"},
		"of a family":     {store.Filter{Kinds: []string{"access."}}, "FgFd BgBd"},
		"of two kinds":    {store.Filter{Kinds: []string{"access.granted", "door."}}, "FgFf BgBf"},
		"by time":         {store.Filter{Since: 2000, Until: 3000}, "Fd Bd"},
		"the newest":      {store.Filter{Last: 2}, "BdBf"},
		"the first":       {store.Filter{First: 2}, "FgFd"},
		"after one":       {store.Filter{After: 4}, "BdBf"},
		"of none":         {store.Filter{Kinds: []string{"access"}}, ""},
		"newest of kinds": {store.Filter{Last: 1, Kinds: []string{"access."}, Reader: "front-door"}, "Fd"},
	} {
		var records []*store.Record
		if err := s.View(t.Context(), func(tx *store.Tx) (err error) { records, err = tx.Records(test.f); return err }); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		for _, r := range records {
			got.WriteString(map[string]string{"front-door": "F", "back-door": "B"}[r.Reader])
			got.WriteString(map[wire.RecordKind]string{wire.AccessGranted: "g", wire.AccessDenied: "d", wire.DoorForced: "f"}[r.Kind])
		}
		if want := bytes.ReplaceAll([]byte(test.want), []byte(" "), nil); !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %s, not %s", name, &got, want)
		}
	}
}
