package journal

import (
	"path/filepath"
	"testing"

	"latchkey/sync/wire"
)

// A whole attempt, from the finger to what became of it, is at most two
// fdatasyncs and 8 KB; between the finger and the strike there is one. On the
// disk that tests run on, not in memory.
func BenchmarkAttempt(b *testing.B) {
	j, _ := open(b, Options{Dir: filepath.Join(b.TempDir(), "journal"), Fresh: true})
	before := j.Stats()
	for seq := uint64(1); b.Loop(); seq++ {
		append1(b, j, charge(seq))
		append1(b, j, wire.Record{Kind: wire.AccessGranted, By: "pin", Seq: seq, Credential: seq, User: seq, Seconds: 5})
	}
	after := j.Stats()
	b.ReportMetric(float64(after.Syncs-before.Syncs)/float64(b.N), "syncs/attempt")
	b.ReportMetric(float64(after.Bytes-before.Bytes)/float64(b.N), "bytes/attempt")
}

// A start reads one segment, here a full one.
func BenchmarkOpen(b *testing.B) {
	o := Options{Dir: dir(b), Fresh: true}
	j, _ := open(b, o)
	seq := uint64(0)
	for ; j.end < 256<<10-1000; seq++ {
		append1(b, j, charge(seq))
	}
	j.Close()
	for b.Loop() {
		j, _ := open(b, o)
		if last, _ := j.Last(); j.Began() != "" || last != seq+1 {
			b.Fatal(last, j.Began())
		}
		j.Close()
	}
	b.ReportMetric(float64(seq), "records")
}

// Reading for publishing, in batches, of a backlog of several segments.
func BenchmarkRecords(b *testing.B) {
	j, _ := open(b, Options{Dir: dir(b), Fresh: true})
	for seq := uint64(0); len(j.segments) < 4; seq++ {
		append1(b, j, charge(seq))
	}
	last, _ := j.Last()
	next := uint64(1)
	for b.Loop() {
		n := 0
		for e, err := range j.Records(next) {
			if err != nil {
				b.Fatal(err)
			}
			next = e.Number + 1
			if n++; n == 200 {
				break
			}
		}
		if next > last {
			next = 1
		}
	}
	b.ReportMetric(200, "records/op")
}
