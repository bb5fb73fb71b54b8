package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

// small writes a journal of one segment, and returns its bytes and the states
// that it goes through: by the length of the file, the state.
func small(t *testing.T, d string) (content_ []byte, ends []int64, states []sumState) {
	j, state := fresh(t, Options{Dir: d})
	note := func() { ends, states = append(ends, j.end), append(states, *state) }
	note()
	append1(t, j, wire.Record{Kind: wire.JournalBegan, Reason: "new"})
	note()
	append1(t, j, charge(1))
	note()
	append1(t, j, wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 10},
		wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts}, wire.Record{Kind: wire.PINRefused})
	note()
	j.Close()
	return content(t, segments(t, d)[0])[:ends[len(ends)-1]], ends, states
}

func TestOnlyAnIncompleteAppendAtTheEndIsCut(t *testing.T) {
	d := dir(t)
	whole, ends, states := small(t, d)
	path := segments(t, d)[0]
	for length := range len(whole) + 1 {
		os.RemoveAll(d)
		os.Mkdir(d, 0o700)
		if err := os.WriteFile(path, whole[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		j, state := open(t, Options{Dir: d})
		at := -1
		for i, end := range ends {
			if int64(length) >= end {
				at = i
			}
		}
		if at < 0 {
			if j.Began() == "" || *state != (sumState{}) {
				t.Fatalf("%d bytes without a checkpoint were taken for a journal", length)
			}
			j.Close()
			continue
		}
		if j.Began() != "" || *state != states[at] {
			t.Fatalf("cut to %d bytes: %q, or another state than after append %d", length, j.Began(), at)
		}
		first := append1(t, j, charge(99))
		records := parse(t, read(t, j, 0))
		if last := records[len(records)-1]; last.Number != first || last.Seq != 99 || int(first) != len(records) {
			t.Fatalf("cut to %d bytes: goes on with\n%s", length, kinds(records))
		}
		was := *state
		j.Close()
		if j, state = open(t, Options{Dir: d}); j.Began() != "" || *state != was {
			t.Fatalf("cut to %d bytes and gone on: the next start says %q", length, j.Began())
		}
		j.Close()
	}
}

func TestEachFlippedBitBeginsANewJournal(t *testing.T) {
	d := dir(t)
	whole, _, _ := small(t, d)
	path := segments(t, d)[0]
	id := wire.JournalID(whole[8:])
	for bit := range 8 * len(whole) {
		os.RemoveAll(d)
		os.Mkdir(d, 0o700)
		whole[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		j, state := open(t, Options{Dir: d})
		if j.Began() == "" || j.Began() == "new" || j.ID() == id || *state != (sumState{}) {
			t.Fatalf("bit %d of byte %d is flipped, and the journal goes on (%q)", bit%8, bit/8, j.Began())
		}
		if bit%64 == 0 {
			moved := filepath.Join(d, "damaged-1")
			if string(content(t, filepath.Join(moved, filepath.Base(path)))) != string(whole) {
				t.Fatal("the damaged segment was not quarantined as it was")
			}
			if !strings.Contains(string(content(t, filepath.Join(moved, "reason.txt"))), j.Began()) {
				t.Fatal("quarantined without a reason")
			}
			if got := kinds(parse(t, read(t, j, 0))); got != "1 checkpoint\n" {
				t.Fatal(got)
			}
		}
		j.Close()
		whole[bit/8] ^= 1 << (bit % 8)
	}
}

func TestALostJournalIsNotANewOne(t *testing.T) {
	d := dir(t)
	j, _ := open(t, Options{Dir: d})
	if j.Began() == "" || j.Began() == "new" {
		t.Fatalf("an adopted reader without a journal began one with %q", j.Began())
	}
	append1(t, j, charge(1))
	j.Close()
	if j, _ = open(t, Options{Dir: d}); j.Began() != "" {
		t.Fatalf("the next start says %q", j.Began())
	}
}

func TestAJournalInWhichChainOrNumbersBreakBeginsAnew(t *testing.T) {
	for name, spoil := range map[string]func(records []wire.Record){
		"a number is left out": func(r []wire.Record) { r[1].Number++ },
		"a number comes twice": func(r []wire.Record) { r[1].Number-- },
		"another hash":         func(r []wire.Record) { r[2].Before[31] ^= 1 },
		"no checkpoint":        func(r []wire.Record) { r[0].Kind = wire.ReaderStarted },
		"two checkpoints":      func(r []wire.Record) { r[2].Kind = wire.Checkpoint },
	} {
		t.Run(name, func(t *testing.T) {
			d := dir(t)
			os.MkdirAll(d, 0o700)
			records := []wire.Record{{Kind: wire.Checkpoint}, charge(1), charge(2)}
			var before wire.Hash
			for i := range records {
				records[i].Number, records[i].Before = uint64(i+1), before
				before = wire.Sum(wire.Marshal(&records[i]))
			}
			write := func() {
				h := header{first: 1}
				b := h.encode()
				for _, r := range records {
					b = appendFrame(b, wire.Marshal(&r), 0)
				}
				if err := os.WriteFile(filepath.Join(d, segmentName(1)), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write()
			j, _ := open(t, Options{Dir: d})
			if j.Began() != "" {
				t.Fatalf("the whole one says %q", j.Began())
			}
			j.Close()
			spoil(records)
			write()
			if j, _ = open(t, Options{Dir: d}); j.Began() == "" {
				t.Error("the journal goes on")
			}
		})
	}
}

// long writes a journal of several segments that is still open.
func long(t *testing.T, d string) (*Journal, *sumState) {
	j, state := fresh(t, Options{Dir: d, SegmentBytes: 700})
	for seq := uint64(1); len(j.segments) < 4; seq++ {
		append1(t, j, charge(seq))
	}
	return j, state
}

func TestDamageInAnOlderSegmentIsPutOnRecord(t *testing.T) {
	d := dir(t)
	j, _ := long(t, d)
	all := read(t, j, 0)
	j.Close()
	files := map[string][]byte{}
	for _, path := range segments(t, d) {
		files[path] = content(t, path)
	}
	path := segments(t, d)[1]
	firsts, _ := j.list()
	var previous []byte
	for bit := range 8 * len(files[path]) {
		os.RemoveAll(d)
		os.Mkdir(d, 0o700)
		for path, b := range files {
			os.WriteFile(path, b, 0o600)
		}
		spoilt := append(previous[:0], files[path]...)
		previous = spoilt
		spoilt[bit/8] ^= 1 << (bit % 8)
		os.WriteFile(path, spoilt, 0o600)

		j, state := open(t, Options{Dir: d})
		if j.Began() != "" {
			t.Fatalf("bit %d: a start reads more than one segment: %s", bit, j.Began())
		}
		got := read(t, j, 0)
		records := parse(t, got)
		dropped := records[len(records)-1]
		if dropped.Kind != wire.RecordsDropped || dropped.Reason != "damaged" || dropped.Last != firsts[2]-1 || dropped.Hash != all[dropped.Last-1].Hash || dropped.First < firsts[1] {
			t.Fatalf("bit %d: %+v", bit, dropped)
		}
		if dropped.Count != dropped.Last-dropped.First+1 || uint64(len(got)) != uint64(len(all))-dropped.Count+1 {
			t.Fatalf("bit %d: %d of %d records are left, dropped %d to %d", bit, len(got), len(all), dropped.First, dropped.Last)
		}
		for _, e := range got[:len(got)-1] {
			if e.Number >= dropped.First && e.Number <= dropped.Last || e.Hash != all[e.Number-1].Hash {
				t.Fatalf("bit %d: record %d", bit, e.Number)
			}
		}
		if bit%32 == 0 {
			if again := read(t, j, 0); len(again) != len(got) {
				t.Fatalf("bit %d: read again there are %d records, not %d", bit, len(again), len(got))
			}
			was := *state
			j.Close()
			j, state = open(t, Options{Dir: d})
			if j.Began() != "" || *state != was || len(read(t, j, 0)) != len(got) {
				t.Fatalf("bit %d: the next start finds another journal (%q)", bit, j.Began())
			}
		}
		j.Close()
	}
}

func TestDamageInTheNewestSegmentWhileRunningCostsNoState(t *testing.T) {
	d := dir(t)
	j, state := long(t, d)
	was := *state
	paths := segments(t, d)
	newest := paths[len(paths)-1]
	b := content(t, newest)
	b[len(bytes.TrimRight(b, "\x00"))-1] ^= 1
	if err := os.WriteFile(newest, b, 0o600); err != nil {
		t.Fatal(err)
	}
	records := parse(t, read(t, j, 0))
	if last := records[len(records)-1]; last.Kind != wire.RecordsDropped || last.Count != 1 {
		t.Fatal(kinds(records))
	}
	was.Apply(wire.Record{Kind: wire.RecordsDropped})
	if *state != was {
		t.Error("the state has changed")
	}
	j.Close()
	if j, state = open(t, Options{Dir: d}); j.Began() != "" || *state != was {
		t.Errorf("the next start says %q", j.Began())
	}
}

func TestASegmentThatIsGoneIsPutOnRecord(t *testing.T) {
	d := dir(t)
	j, _ := long(t, d)
	all := read(t, j, 0)
	for _, restart := range []bool{false, true} {
		victim := 1
		if restart {
			victim = 0
		}
		os.Remove(segments(t, d)[victim])
		if restart {
			j.Close()
			j, _ = open(t, Options{Dir: d})
		}
		records := parse(t, read(t, j, 0))
		if restart {
			// The oldest may have gone: what is left is whole.
			if records[0].Kind != wire.Checkpoint || len(segments(t, d)) != len(j.segments) {
				t.Fatal(kinds(records))
			}
			continue
		}
		if last := records[len(records)-1]; last.Kind != wire.RecordsDropped || last.Hash != all[last.Last-1].Hash {
			t.Fatal(kinds(records))
		}
	}
}

func TestASegmentThatDoesNotLeadToTheNextIsPutOnRecord(t *testing.T) {
	d := dir(t)
	j, _ := long(t, d)
	first, last := j.segments[1].first, j.segments[2].first-1
	s, err := j.scan(first, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	b := s.header.encode()
	for s.number <= last {
		e, r, _, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		if r.Number == last {
			r.Seq += 100
			e.Encoded = wire.Marshal(r)
		}
		b = appendFrame(b, e.Encoded, 0)
	}
	if err := os.WriteFile(segments(t, d)[1], b, 0o600); err != nil {
		t.Fatal(err)
	}
	read(t, j, 0)
	records := parse(t, read(t, j, 0))
	if r := records[len(records)-1]; r.Kind != wire.RecordsDropped || r.First != first || r.Last != last {
		t.Error(kinds(records))
	}
}

func TestQuarantinedFilesDoNotFillTheDisk(t *testing.T) {
	d := dir(t)
	for range 2 * maxQuarantined {
		j, _ := open(t, Options{Dir: d})
		append1(t, j, charge(1))
		j.Close()
		if err := os.WriteFile(segments(t, d)[0], []byte("no segment"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j, _ := open(t, Options{Dir: d})
	numbers, err := j.quarantined()
	if err != nil || len(numbers) != maxQuarantined || numbers[maxQuarantined-1] != 2*maxQuarantined {
		t.Errorf("kept %v (%v)", numbers, err)
	}
}

func FuzzOpen(f *testing.F) {
	h := header{first: 1}
	checkpoint := wire.Marshal(&wire.Record{Number: 1, Kind: wire.Checkpoint, State: make([]byte, 32)})
	f.Add(h.encode())
	f.Add(appendFrame(h.encode(), checkpoint, 0))
	f.Add(appendFrame(h.encode(), checkpoint, moreFollows))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := dir(t)
		os.MkdirAll(d, 0o700)
		if err := os.WriteFile(filepath.Join(d, segmentName(1)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, _ := open(t, Options{Dir: d})
		defer j.Close()
		append1(t, j, charge(1))
		parse(t, read(t, j, 0))
	})
}

// FuzzReplay feeds records in frames that are whole.
func FuzzReplay(f *testing.F) {
	checkpoint := wire.Marshal(&wire.Record{Number: 1, Kind: wire.Checkpoint, State: make([]byte, 32)})
	second := charge(1)
	second.Number, second.Before = 2, wire.Sum(checkpoint)
	f.Add(checkpoint, wire.Marshal(&second), uint8(0), uint64(0))
	f.Add(checkpoint, checkpoint, uint8(1), uint64(0))
	f.Add(checkpoint, []byte{0xa0}, uint8(2), uint64(3))
	f.Fuzz(func(t *testing.T, first, second []byte, more uint8, kept uint64) {
		d := dir(t)
		os.MkdirAll(d, 0o700)
		h := header{first: 1, kept: kept}
		b := appendFrame(appendFrame(h.encode(), first, uint32(more&1)<<31), second, uint32(more&2)<<30)
		if err := os.WriteFile(filepath.Join(d, segmentName(1)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, _ := open(t, Options{Dir: d})
		defer j.Close()
		append1(t, j, charge(7))
		records := parse(t, read(t, j, 0))
		if j.Began() == "" && (records[0].Kind != wire.Checkpoint || records[len(records)-1].Seq != 7) {
			t.Fatal(kinds(records))
		}
		// The next one is found damaged while it is read, behind a newer one.
		j.retire()
		append1(t, j, charge(8))
		if err := os.WriteFile(segments(t, d)[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		parse(t, read(t, j, 0))
	})
}

func TestASegmentOfAnotherJournalIsNotTakenForOurs(t *testing.T) {
	other := dir(t)
	j, _ := long(t, other)
	j.Close()
	d := dir(t)
	j, _ = long(t, d)
	first, last := j.segments[1].first, j.segments[2].first-1
	// But for the journal's id, the two are the same.
	if err := os.WriteFile(segments(t, d)[1], content(t, segments(t, other)[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	records := parse(t, read(t, j, 0))
	if r := records[len(records)-1]; r.Kind != wire.RecordsDropped || r.First != first || r.Last != last {
		t.Error(kinds(records))
	}
}
