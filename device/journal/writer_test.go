package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"latchkey/sync/wire"
)

func TestWhatWaitsIsStoredWithOneSyncAndAnsweredInOrder(t *testing.T) {
	j, _ := fresh(t, Options{Dir: dir(t)})
	var answers []Stored
	done := make(chan struct{})
	w := NewWriter(j, func(s Stored) {
		if answers = append(answers, s); len(answers) == 5 {
			close(done)
		}
	})
	syncs := j.Stats().Syncs
	w.Append(1, []wire.Record{charge(1)})
	w.Append(2, []wire.Record{charge(2), {Kind: wire.AttemptUnknown, Seq: 2}})
	w.Append(3, []wire.Record{{}})
	w.Append(4, nil)
	w.Append(5, []wire.Record{charge(3)})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	<-done
	cancel()
	running.Wait()
	var got []string
	for _, a := range answers {
		got = append(got, fmt.Sprint(a.Batch, a.First, errors.Is(a.Err, ErrRecord)))
	}
	if want := []string{"1 2 false", "2 3 false", "3 0 true", "4 0 true", "5 5 false"}; !slices.Equal(got, want) {
		t.Errorf("answers %q", got)
	}
	if n := j.Stats().Syncs - syncs; n != 1 {
		t.Errorf("%d syncs", n)
	}
}

func TestARecordThatCouldNotBeReadBackIsNotAppended(t *testing.T) {
	at := dir(t)
	j, _ := fresh(t, Options{Dir: at})
	for name, r := range map[string]wire.Record{
		"a number above all":       {Kind: wire.AttemptStarted, Seq: wire.MaxNumber + 1},
		"a time of the year 10000": {Kind: wire.ExitPressed, Time: (wire.MaxTime + 1) * 1000},
		"what is no text":          {Kind: wire.HealthChanged, Text: "\xff"},
		"too much":                 {Kind: wire.HealthChanged, Text: string(make([]byte, wire.MaxRecord))},
	} {
		if _, err := j.Append(r); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := j.Append(charge(1)); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if again, _ := open(t, Options{Dir: at}); again.Began() != "" {
		t.Errorf("a new journal began: %s", again.Began())
	}
}

func TestADiskThatDoesNotAnswerHoldsUpNobody(t *testing.T) {
	j, _ := fresh(t, Options{Dir: dir(t), SegmentBytes: 256 << 10})
	var answers []Stored
	w := NewWriter(j, func(s Stored) { answers = append(answers, s) })
	const n = maxQueued + 10
	for batch := uint64(1); batch <= n; batch++ {
		w.Append(batch, []wire.Record{charge(batch)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Run(ctx) // stores what is queued before it returns
	for i, a := range answers {
		if a.Batch != uint64(i+1) || (a.Err == nil) != (i < maxQueued) || i >= maxQueued && a.Err != ErrBusy {
			t.Fatalf("answer %d: %+v", i, a)
		}
	}
	if last, _ := j.Last(); len(answers) != n || last != maxQueued+1 {
		t.Errorf("%d answers, the last record is %d", len(answers), last)
	}
}

func TestNobodyWaitsForTheTidyingUp(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 500}
	j, _ := fresh(t, o)
	var before, answered Stats
	w := NewWriter(j, func(Stored) { answered = j.Stats() })
	for batch := range uint64(20) {
		before = j.Stats()
		w.Append(batch, []wire.Record{charge(batch)})
		w.drain()
		if answered.Syncs != before.Syncs+1 || answered.DirSyncs != before.DirSyncs {
			t.Fatalf("batch %d was answered after %d syncs", batch, answered.Syncs-before.Syncs)
		}
	}
	if n := len(segments(t, o.Dir)); n < 4 {
		t.Errorf("%d segments", n)
	}
}

func TestReadingGoesOnWhileOthersAppendTrimAndAcknowledge(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 2000, MaxRecords: 300}
	j, _ := fresh(t, o)
	w := NewWriter(j, func(Stored) {})
	ctx, cancel := context.WithCancel(t.Context())
	var running, appending sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	for i := range uint64(2) {
		appending.Go(func() {
			for seq := range uint64(1000) {
				if i == 0 {
					w.Append(seq, []wire.Record{granted(seq)})
				} else if _, err := j.Append(refused(seq)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	appending.Go(func() {
		next := uint64(1)
		for range 200 {
			n := 0
			for e, err := range j.Records(next) {
				if err != nil || e.Number < next {
					t.Error(e.Number, next, err)
					return
				}
				next = e.Number + 1
				if n++; n == 20 {
					break
				}
			}
			if last, hash := j.Last(); next%3 == 0 {
				if err := j.Ack(j.ID(), last, hash); err != nil && !errors.Is(err, wire.ErrUnfit) {
					t.Error(err)
				}
			}
		}
	})
	appending.Wait()
	cancel()
	running.Wait()
	for _, r := range parse(t, read(t, j, 0)) {
		if r.Kind == wire.RecordsDropped && r.Reason != "full" {
			t.Errorf("%+v", r)
		}
	}
	j.Close()
	if j, _ = open(t, o); j.Began() != "" {
		t.Error(j.Began())
	}
}
