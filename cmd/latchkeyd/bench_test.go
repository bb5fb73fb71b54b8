package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"latchkey/board"
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
	dir := adaAndBob(b).adopt(b, "front-door").data()
	site, err := readSite(dir)
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
	instruments, err := openInstruments(simulated, c, log)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		defer instruments.halt()()
		instruments.close()
	}()

	var durable device.Durable
	events := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir), Fresh: true, Fold: &durable})
	defer events.Close()
	options := cache.Options{Dir: dir, Site: site.ID, Controller: site.controller()}
	held := openHeld(options)
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
		clock: newClock(time.Unix(0, 0)), instruments: instruments, journal: writer, storing: new(duty), recent: new(recent),
		workers: map[wire.CredentialKind]*worker{}, tally: new(tally),
		report: func(device.State) {},
	}
	for _, kind := range []wire.CredentialKind{wire.PIN, wire.Card} {
		l.workers[kind] = &worker{kind: kind, duty: new(duty), held: held, jobs: make(chan *job, jobsWaiting), tally: l.tally, answer: send}
	}
	group.Go(func() error { return writer.Run(ctx) })
	for _, worker := range l.workers {
		group.Go(func() error { return worker.run(ctx) })
	}
	var first []device.Action
	l.brain, first = device.New(durable, device.Start{Reader: "front-door", Site: site.ID, Policy: policy, Held: device.Held(held.cache.Held()), NewJournal: true}, l.clock.now())
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
		if _, err := pin.Material([]byte(adaPIN), held.epoch.KDF); err != nil {
			b.Fatal(err)
		}
	}
	open := func() {
		opened := instruments.latency.timing.now().Count
		instruments.present(wire.PIN, []byte(adaPIN))
		for instruments.latency.timing.now().Count == opened {
			time.Sleep(time.Millisecond)
		}
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
		before, begin := events.Stats(), time.Now()
		open()
		whole = append(whole, newestOf(&instruments.latency.timing))
		beyond = append(beyond, whole[len(whole)-1]-max(newestOf(&l.tally.derivation), sync[len(sync)-1]))
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

// newestOf returns the newest duration of a timing.
func newestOf(t *timing) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest[(t.n-1)%uint64(len(t.newest))]
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

// BenchmarkProcess measures the real binary: resident memory when idle and the
// most after ten PINs.
func BenchmarkProcess(b *testing.B) {
	var idle, most float64
	for b.Loop() {
		reader := adaAndBob(b).adopt(b, "front-door")
		reader.start()
		time.Sleep(3 * time.Second)
		idle = max(idle, reader.memory("VmRSS"))
		for range 10 {
			reader.typePIN(adaPIN)
			reader.opens("a PIN")
			reader.closed()
		}
		most = max(most, reader.memory("VmHWM"))
		reader.kill()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(idle, "MB-resident-idle")
	b.ReportMetric(most, "MB-resident-most")
}

// memory reads a figure of /proc/PID/status, in MB of 10^6 bytes.
func (r *testReader) memory(name string) float64 {
	r.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kb float64
		if _, err := fmt.Sscanf(line, name+": %f kB", &kb); err == nil {
			return kb * 1024 / 1e6
		}
	}
	r.t.Fatalf("no %s", name)
	return 0
}

// BenchmarkBinary measures the firmware's size.
func BenchmarkBinary(b *testing.B) {
	var size int64
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "latchkeyd")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", "firmware,nethttpomithttp2", "-o", path, "latchkey/cmd/latchkeyd")
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		size = info.Size()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(size)/1e6, "MB")
}
