package main

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/journal"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// BenchmarkAttempt measures a PIN from Presented to the strike in a whole
// reader but for the screen, and what of it is neither its own Argon2id nor one
// fdatasync beside it: what else the machine does lengthens both alike. What an
// attempt makes Argon2id wait for, or takes away from it, shows in the processor
// time, to that of Argon2id alone: of attempts of their own that use one
// processor, as two that share a core take longer for the same work the more of
// it they do at once.
func BenchmarkAttempt(b *testing.B) {
	dir := adoptedData(b)
	site, err := adoption.ReadSite(dir)
	if err != nil {
		b.Fatal(err)
	}
	c := &config{Reader: readerConfig{ID: "front-door", Data: dir}, Board: board.Config{Kind: "sim", Sim: board.SimConfig{Listen: "127.0.0.1:0"}}}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	simulated, err := board.Open(c.Board, log)
	if err != nil {
		b.Fatal(err)
	}
	defer simulated.Close()
	metrics := status.NewMetrics()
	instruments, err := openInstruments(simulated, c, &metrics.Strike, log)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		defer instruments.halt()()
		instruments.close()
	}()

	var durable device.Durable
	events := journal.Open(journal.Options{Dir: filepath.Join(dir, datadir.Journal), Fresh: true, State: &durable})
	defer events.Close()
	options := cache.Options{Dir: dir, Site: site.ID, Controller: site.ControllerKey()}
	held := openHeld(b.Context(), options, nil)
	defer held.cache.Close()
	loaded, err := cache.LoadPolicy(options, "front-door")
	if err != nil {
		b.Fatal(err)
	}
	policy, err := device.LoadPolicy(loaded)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	group, ctx := errgroup.WithContext(ctx)
	defer group.Wait()
	defer cancel()
	send := func(event device.Event) { instruments.events <- event }
	batches := make(chan time.Time, 16) // when they were stored, each with one fdatasync
	writer := journal.NewWriter(events, func(stored journal.Stored) {
		select {
		case batches <- time.Now():
		default: // nobody counts
		}
		send(answer(stored))
	})
	l := &loop{
		clock: newClock(time.Unix(0, 0)), instruments: instruments, journal: writer, storing: new(supervision.Task), recent: new(recent),
		workers: map[wire.CredentialKind]*worker{}, lookups: &metrics.Lookups,
		report: func(device.State) {},
	}
	for _, kind := range []wire.CredentialKind{wire.PIN, wire.Card} {
		l.workers[kind] = &worker{kind: kind, task: new(supervision.Task), held: held, jobs: make(chan *job, jobsWaiting), lookups: l.lookups, answer: send}
	}
	group.Go(func() error { return writer.Run(ctx) })
	for _, worker := range l.workers {
		group.Go(func() error { return worker.run(ctx) })
	}
	var first []device.Action
	l.brain, first = device.New(durable, device.Start{Reader: "front-door", Site: site.ID, Policy: policy, Held: held.cache.Held(), NewJournal: true}, l.clock.now())
	l.waiting = held.health()
	group.Go(func() error { return l.run(ctx, first) })
	quiet := func() {
		for records := uint64(0); ; time.Sleep(20 * time.Millisecond) {
			if now := events.Stats().Records; now == records && now > 0 {
				return
			} else {
				records = now
			}
		}
	}
	energised := func() bool {
		on, err := instruments.strike.State()
		if err != nil {
			b.Fatal(err)
		}
		return on
	}

	var whole, argon, sync, beyond []time.Duration
	var syncsBefore []int
	var syncsAfter, bytesAfter uint64
	closed := func() {
		instruments.strike.Strike(0)
		for energised() {
			time.Sleep(time.Millisecond)
		}
		quiet()
		time.Sleep(2 * releaseAfter) // the worker gives its memory back: not in the middle of what is measured
	}
	argon2id := func() {
		pin.Release() // as the worker has: the memory is got anew each time
		if _, err := pin.Material([]byte(adaPIN), held.current().epoch.KDF); err != nil {
			b.Fatal(err)
		}
	}
	open := func() {
		opened := metrics.Strike.PIN.Times().Count
		instruments.presentPIN([]byte(adaPIN))
		for metrics.Strike.PIN.Times().Count == opened {
			time.Sleep(time.Millisecond)
		}
	}
	// since returns how long the one took that was added between two moments.
	since := func(before, after status.Times) time.Duration {
		return time.Duration((after.Seconds - before.Seconds) * float64(time.Second))
	}
	attempt := func() {
		alone := func() {
			argon = append(argon, timed(argon2id))
			sync = append(sync, timed(func() { oneSync(b, dir) }))
			pin.Release()
		}
		closed()
		alone()
		for len(batches) > 0 {
			<-batches
		}
		before, figures, begin := events.Stats(), metrics.Figures(nil), time.Now()
		open()
		now := metrics.Figures(nil)
		whole = append(whole, since(figures.Strike, now.Strike))
		beyond = append(beyond, whole[len(whole)-1]-max(since(figures.Derivation, now.Derivation), sync[len(sync)-1]))
		quiet()
		stored := 0
		for len(batches) > 0 {
			if when := <-batches; when.Before(begin.Add(whole[len(whole)-1])) {
				stored++
			}
		}
		syncsBefore = append(syncsBefore, stored)
		after := events.Stats()
		syncsAfter += after.Syncs - before.Syncs
		bytesAfter += after.Bytes - before.Bytes
		alone()
	}
	var shares []float64
	share := func() {
		closed()
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		before := processorTime(b, argon2id)
		pin.Release()
		attempt := processorTime(b, open)
		quiet()
		time.Sleep(2 * releaseAfter)
		after := processorTime(b, argon2id)
		pin.Release()
		shares = append(shares, float64(2*attempt)/float64(before+after))
	}
	quiet()
	for b.Loop() {
		attempt()
		share()
	}
	n := float64(len(whole))
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(beyond).Microseconds())/1000, "ms-beyond-argon2id-or-fdatasync")
	b.ReportMetric(median(shares), "x-argon2id-cpu")
	b.ReportMetric(float64((median(whole)-max(median(argon), median(sync))).Microseconds())/1000, "ms-beyond-of-medians")
	b.ReportMetric(float64(median(argon).Microseconds())/1000, "ms-argon2id")
	b.ReportMetric(float64(median(sync).Microseconds())/1000, "ms-fdatasync")
	b.ReportMetric(float64(median(syncsBefore)), "fdatasyncs-before-strike")
	b.ReportMetric(float64(syncsAfter)/n, "fdatasyncs-per-attempt")
	b.ReportMetric(float64(bytesAfter)/n, "bytes-per-attempt")
}

// processorTime returns what this process had of it meanwhile.
func processorTime(b *testing.B, do func()) time.Duration {
	now := func() time.Duration {
		var used unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
			b.Fatal(err)
		}
		return time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	before := now()
	do()
	return now() - before
}

func timed(do func()) time.Duration {
	begin := time.Now()
	do()
	return time.Since(begin)
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// oneSync appends as many bytes as a record has and brings them to the disk.
func oneSync(b *testing.B, dir string) {
	f, err := os.OpenFile(filepath.Join(dir, "beside"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 160)); err != nil {
		b.Fatal(err)
	}
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		b.Fatal(err)
	}
}
