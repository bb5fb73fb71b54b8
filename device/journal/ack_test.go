package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

func TestOnlyAnAcknowledgementOfWhatIsHeldTrims(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 700}
	j, _ := long(t, o.Dir)
	all := read(t, j, 0)
	second := j.segments[1].first
	held := func() string { return fmt.Sprint(len(segments(t, o.Dir)), " segments from ", j.First()) }
	whole := held()

	last, hash := j.Last()
	other := j.ID()
	other[0] ^= 1
	for name, ack := range map[string]func() error{
		"another journal":         func() error { return j.Ack(other, last, hash) },
		"a record yet to come":    func() error { return j.Ack(j.ID(), last+1, hash) },
		"another hash":            func() error { return j.Ack(j.ID(), last, all[0].Hash) },
		"another hash of an old":  func() error { return j.Ack(j.ID(), second-1, all[0].Hash) },
		"another hash of a first": func() error { return j.Ack(j.ID(), second+1, all[0].Hash) },
		"number 0":                func() error { return j.Ack(j.ID(), 0, wire.Hash{}) },
	} {
		if err := ack(); !errors.Is(err, wire.ErrUnfit) {
			t.Errorf("%s: %v", name, err)
		}
		if held() != whole {
			t.Fatalf("%s: trimmed to %s", name, held())
		}
	}

	ack := func(number uint64) {
		t.Helper()
		if err := j.Ack(j.ID(), number, all[number-1].Hash); err != nil {
			t.Fatal(err)
		}
	}
	for number := uint64(1); number < second-1; number++ {
		ack(number)
	}
	if held() != whole {
		t.Fatal("a segment went before its last record was acknowledged")
	}
	ack(second - 1)
	if j.First() != second || len(segments(t, o.Dir)) != len(j.segments) {
		t.Fatalf("left: %s", held())
	}
	records := parse(t, read(t, j, 0))
	if records[0].Number != second || records[0].Before != all[second-2].Hash || len(records) != len(all)-int(second)+1 {
		t.Fatalf("left:\n%s", kinds(records))
	}
	ack(1) // once more, of what went
	ack(last)
	if len(segments(t, o.Dir)) != 1 {
		t.Fatalf("all is acknowledged, and left are %s", held())
	}
	j.Close()
	j, _ = open(t, o)
	if again, againHash := j.Last(); j.Began() != "" || again != last || againHash != hash {
		t.Errorf("the next start says %q", j.Began())
	}
}

func TestAnAcknowledgementFindsItsRecordWithoutItsHavingBeenRead(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 700}
	j, _ := long(t, o.Dir)
	all := read(t, j, 0)
	j.Close()
	j, _ = open(t, o)
	for _, number := range []uint64{j.segments[1].first + 1, j.segments[2].first - 1, j.segments[2].first} {
		if err := j.Ack(j.ID(), number, all[number-1].Hash); err != nil {
			t.Errorf("record %d: %v", number, err)
		}
	}
	if j.First() != all[0].Number && len(j.segments) != 2 {
		t.Errorf("%d segments are left", len(j.segments))
	}
}

// granted and refused are a happening that needs a right and one that does
// not.
func granted(seq uint64) wire.Record {
	return wire.Record{Kind: wire.AccessGranted, By: "card", Credential: seq, Seq: seq}
}

func refused(seq uint64) wire.Record {
	return wire.Record{Kind: wire.AccessDenied, By: "card", Reason: "unknown", Tag: make([]byte, 8), Seq: seq}
}

func TestAtTheBoundWhatNeedsNoRightGoesFirst(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 2000, MaxRecords: 200}
	j, state := fresh(t, o)
	hashes := map[uint64]wire.Hash{}
	note := func() {
		for _, e := range read(t, j, uint64(len(hashes))+1) {
			hashes[e.Number] = e.Hash
		}
	}
	seq := uint64(0)
	step := func(make func(uint64) wire.Record) {
		seq++
		append1(t, j, make(seq))
		note()
		if records, _ := j.held(); records > o.MaxRecords+20 {
			t.Fatalf("%d records are held", records)
		}
	}
	grants := 0
	for range 20 {
		for range 5 {
			step(granted)
			grants++
		}
		for range 30 {
			step(refused)
		}
	}
	have := map[wire.RecordKind]int{}
	var dropped []wire.Record
	for _, r := range parse(t, read(t, j, 0)) {
		have[r.Kind]++
		if r.Kind == wire.RecordsDropped {
			dropped = append(dropped, r)
		}
	}
	if have[wire.AccessGranted] != grants || len(dropped) == 0 {
		t.Fatalf("of %d grants, %d are left: %v", grants, have[wire.AccessGranted], have)
	}
	var count uint64
	for i, r := range dropped {
		if r.Reason != "full" || r.Hash != hashes[r.Last] || r.Count > r.Last-r.First+1 || r.Last >= r.Number || i > 0 && r.First <= dropped[i-1].Last {
			t.Fatalf("%+v", r)
		}
		count += r.Count
	}
	if int(count)+len(read(t, j, 0)) != len(hashes) {
		t.Errorf("%d records were made, %d dropped, %d are left", len(hashes), count, len(read(t, j, 0)))
	}

	// Then the oldest go, whatever they are.
	for range 400 {
		step(granted)
	}
	records := parse(t, read(t, j, 0))
	oldest := records[0]
	covered := false
	for _, r := range records {
		covered = covered || r.Kind == wire.RecordsDropped && r.Last == oldest.Number-1 && r.Hash == oldest.Before
	}
	if oldest.Number < 500 || !covered {
		t.Errorf("held from %d, and no record says what went before", oldest.Number)
	}
	was := *state
	j.Close()
	if j, state = open(t, o); j.Began() != "" || *state != was || kinds(parse(t, read(t, j, 0))) != kinds(records) {
		t.Errorf("the next start finds another journal (%q)", j.Began())
	}
	if held, _ := j.held(); int(held) != len(records) {
		t.Errorf("counts %d records, holds %d", held, len(records))
	}
}

func TestTheBoundInBytesHolds(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 1 << 20, MaxBytes: 20_000}
	j, _ := fresh(t, o)
	for seq := range uint64(1000) {
		append1(t, j, granted(seq))
		var size int64
		names, err := filepath.Glob(filepath.Join(o.Dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range names {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		if size > o.MaxBytes+j.allocated() { // a step above it, for a moment
			t.Fatalf("after %d records %d bytes", seq, size)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(o.Dir, "*"+newSuffix)); len(names) > 0 {
		t.Errorf("left over: %s", strings.Join(names, " "))
	}
}

func TestReadingGoesOnInASegmentThatWasThinnedMeanwhile(t *testing.T) {
	for stop := uint64(1); stop <= 9; stop++ {
		j, _ := fresh(t, Options{Dir: dir(t), SegmentBytes: 2000})
		for seq := uint64(1); len(j.segments) < 3; seq++ {
			append1(t, j, granted(seq), refused(seq))
		}
		readTo := func(number uint64) {
			for e, err := range j.Records(1) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Number >= number {
					return
				}
			}
		}
		readTo(stop)
		j.mu.Lock()
		j.thin(0, false)
		j.mu.Unlock()
		got := kinds(parse(t, read(t, j, stop+1)))
		readTo(stop) // in what is left
		again := kinds(parse(t, read(t, j, stop+1)))
		var want []wire.Record
		for _, r := range parse(t, read(t, j, 0)) {
			if r.Number > stop {
				want = append(want, r)
			}
			if r.Kind == wire.RecordsDropped && r.Reason != "full" {
				t.Fatalf("stopped at %d: %+v", stop, r)
			}
		}
		if got != kinds(want) || again != kinds(want) {
			t.Fatalf("stopped at %d, and went on with\n%s", stop, got)
		}
	}
}
