package journal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

// sumState is a state in which every record counts, and where it comes.
type sumState struct{ sum [32]byte }

func (f *sumState) Apply(r wire.Record) {
	if r.Kind == wire.Checkpoint {
		copy(f.sum[:], r.State)
		return
	}
	f.sum = sha256.Sum256(fmt.Appendf(f.sum[:], "%s %d", r.Kind, r.Seq))
}

func (f *sumState) Encode() []byte { return bytes.Clone(f.sum[:]) }

// dir returns a directory in memory if there is one: syncing it costs nothing.
func dir(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("/dev/shm", "journal")
	if err != nil {
		return filepath.Join(t.TempDir(), "journal")
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return filepath.Join(d, "journal")
}

func open(t testing.TB, o Options) (*Journal, *sumState) {
	t.Helper()
	state := new(sumState)
	o.State = state
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 16<<10) // quickly allocated
	j := Open(o)
	t.Cleanup(func() { j.Close() })
	return j, state
}

// fresh opens the journal of a new reader.
func fresh(t testing.TB, o Options) (*Journal, *sumState) {
	t.Helper()
	o.Fresh = true
	j, state := open(t, o)
	if j.Began() != "new" {
		t.Fatalf("a new journal began with %q", j.Began())
	}
	return j, state
}

func charge(seq uint64) wire.Record {
	return wire.Record{Kind: wire.AttemptStarted, Time: 1_700_000_000_000 + int64(seq), Running: seq, Seq: seq}
}

func append1(t testing.TB, j *Journal, records ...wire.Record) uint64 {
	t.Helper()
	first, err := j.Append(records...)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func read(t testing.TB, j *Journal, from uint64) (entries []wire.StoredRecord) {
	t.Helper()
	for e, err := range j.Records(from) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}

// parse checks entries as a controller would: numbers rise, neighbours are
// chained, and hashes are those of the bytes.
func parse(t testing.TB, entries []wire.StoredRecord) (records []wire.Record) {
	t.Helper()
	for i, e := range entries {
		r, err := wire.ParseRecord(e.Encoded)
		if err != nil {
			t.Fatal(err)
		}
		if r.Number != e.Number || wire.Sum(e.Encoded) != e.Hash {
			t.Fatalf("entry %d does not fit record %d", e.Number, r.Number)
		}
		if i > 0 && r.Number <= records[i-1].Number {
			t.Fatalf("record %d after %d", r.Number, records[i-1].Number)
		}
		if i > 0 && r.Number == records[i-1].Number+1 && r.Before != entries[i-1].Hash {
			t.Fatalf("record %d does not continue the chain", r.Number)
		}
		records = append(records, *r)
	}
	return records
}

func kinds(records []wire.Record) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%d %s\n", r.Number, r.Kind)
	}
	return b.String()
}

// segments returns the paths of the segments, oldest first.
func segments(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAStartFindsWhatWasStored(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 1000}
	j, state := fresh(t, o)
	var want []wire.Record
	for seq := uint64(1); seq <= 40; seq++ {
		first := append1(t, j, charge(seq), wire.Record{Kind: wire.AttemptUnknown, Seq: seq})
		if last, _ := j.Last(); last < first+1 {
			t.Fatalf("stored from %d, the last is %d", first, last)
		}
		want = append(want, charge(seq), wire.Record{Kind: wire.AttemptUnknown, Seq: seq})
		if seq%7 > 0 {
			continue
		}
		id := j.ID()
		last, hash := j.Last()
		j.Close()
		before := *state
		j, state = open(t, o)
		againLast, againHash := j.Last()
		if n := j.Stats().Syncs; n != 1 {
			t.Fatalf("what a start reads may be in memory only: %d syncs", n)
		}
		if j.Began() != "" || j.ID() != id || last != againLast || hash != againHash || *state != before {
			t.Fatalf("after %d attempts a start found another journal than was left (%q)", seq, j.Began())
		}
	}
	if len(segments(t, o.Dir)) < 5 {
		t.Fatalf("%d segments", len(segments(t, o.Dir)))
	}
	var got []wire.Record
	for _, r := range parse(t, read(t, j, 0)) {
		if r.Kind != wire.Checkpoint {
			r.Number, r.Before = 0, wire.Hash{}
			got = append(got, r)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %v\nwant %v", got, want)
	}
}

func TestRecordsBeginsWhereItIsAsked(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 1000}
	j, _ := fresh(t, o)
	for seq := uint64(1); seq <= 30; seq++ {
		append1(t, j, charge(seq))
	}
	all := read(t, j, 0)
	for from := uint64(1); from <= uint64(len(all))+2; from++ {
		want := all[min(from-1, uint64(len(all))):]
		if got := read(t, j, from); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("from %d: %d entries, want %d", from, len(got), len(want))
		}
	}
	// A reader that stops goes on where it stopped, past what came meanwhile.
	next := uint64(1)
	for next <= 60 {
		for e, err := range j.Records(next) {
			if err != nil || e.Number != next {
				t.Fatalf("entry %d, want %d (%v)", e.Number, next, err)
			}
			next++
			if next%4 == 0 {
				break
			}
		}
		append1(t, j, charge(next))
	}
}

func TestAnAttemptCostsTwoSyncsAndLittleWriting(t *testing.T) {
	j, _ := fresh(t, Options{Dir: dir(t)})
	append1(t, j, wire.Record{Kind: wire.JournalBegan, Reason: "new"})
	before := j.Stats()
	append1(t, j, charge(1))
	charged := j.Stats()
	append1(t, j, wire.Record{Kind: wire.AccessGranted, By: "pin", Seq: 1, Credential: 7, User: 9, Seconds: 5})
	after := j.Stats()
	if charged.Syncs-before.Syncs != 1 || after.Syncs-before.Syncs != 2 || after.DirSyncs != before.DirSyncs {
		t.Errorf("%d and %d syncs", charged.Syncs-before.Syncs, after.Syncs-charged.Syncs)
	}
	if written := after.Bytes - before.Bytes; written > 8<<10 || written < 100 {
		t.Errorf("%d bytes written", written)
	}
}

func TestRecordsThatCannotBeStoredAreRefusedAlone(t *testing.T) {
	j, state := fresh(t, Options{Dir: dir(t)})
	append1(t, j, charge(1))
	was, syncs := *state, j.Stats().Syncs
	for name, batch := range map[string][]wire.Record{
		"none":       nil,
		"too many":   make([]wire.Record, maxBatch+1),
		"no kind":    {{}},
		"checkpoint": {{Kind: wire.Checkpoint}},
		"too long":   {charge(2), {Kind: wire.HealthChanged, Text: strings.Repeat("x", wire.MaxRecord)}},
	} {
		if _, err := j.Append(batch...); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
	if *state != was || j.Stats().Syncs != syncs {
		t.Error("something was stored")
	}
	append1(t, j, charge(2))
	if got := kinds(parse(t, read(t, j, 0))); got != "1 checkpoint\n2 attempt.started\n3 attempt.started\n" {
		t.Error(got)
	}
}
