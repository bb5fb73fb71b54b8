//go:build !firmware

package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"latchkey/board"
	"latchkey/board/sim"
	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/device/journal"
	"latchkey/device/pin/tpm"
	"latchkey/relay"
	"latchkey/sync/wire"
)

var (
	soakFor  = flag.Duration("soak", 2*time.Hour, "how long the simulated soak lasts, in the reader's time")
	soakSeed = flag.Uint64("soak-seed", 1, "of what people and faults do in the soak")
)

// soaked is a reader whose time flies: the daemon's own brain, loop, workers,
// journal and drivers on a simulated board, in a synctest bubble.
type soaked struct {
	t      *testing.T
	rng    *rand.Rand
	config *config
	outer  *board.Board
	board  *sim.Board
	began  time.Time

	r    *reader
	stop func() error

	allowed     time.Time // until then the strike may become energised
	faultyUntil time.Time // a fault may show until then
	tally       soakTally
}

func (s *soaked) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// start starts the reader on the board as it is. It is run without what
// listens on a socket: the page and the status.
func (s *soaked) start() {
	s.t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	boot := func() time.Duration { return time.Since(s.began) }
	metrics := status.NewMetrics()
	in := newInstruments(s.config, &metrics.Strike, log)
	line, err := s.outer.Output("strike")
	s.must(err)
	in.closes = append(in.closes, line.Close)
	in.strike, err = relay.NewStrike(timedLine{line, &metrics.Strike}, boot)
	s.must(err)
	in.closes = append(in.closes, in.strike.Halt)
	s.must(in.openInput(s.outer, device.InputExit, relay.ExitDebounce))
	s.must(in.openInput(s.outer, device.InputDoor, relay.DoorDebounce))
	s.must(in.openInput(s.outer, device.InputTamper, relay.TamperDebounce))
	s.must(in.openInput(s.outer, device.InputFire, relay.FireDebounce))
	in.parts.Report(wire.SubjectPanel, in.openKeypad(s.outer, s.config))
	in.parts.Report(wire.SubjectNFC, in.openCards(s.outer))
	s.r = &reader{
		config: s.config, log: log, instruments: in, recent: new(recent),
		clock:    &clock{boot: boot, real: time.Now, start: boot()},
		inbox:    adoption.NewInbox(s.config.Reader.Data, log),
		metrics:  metrics,
		status:   status.NewServer(nil, func() status.Figures { return status.Figures{} }),
		watchdog: supervision.New(nil, log),
	}
	if s.config.Key.TPM != "" {
		s.r.tpm = tpm.Open(s.config.Key.TPM)
		in.closes = append(in.closes, s.r.tpm.Close)
	}
	s.r.watchdog.Guard(in.strike, in.parts)
	ctx, cancel := context.WithCancel(s.t.Context())
	group, ctx := errgroup.WithContext(ctx)
	in.run(ctx, group)
	group.Go(func() error {
		for {
			if err := s.r.once(ctx); !errors.Is(err, errAdopted) {
				return err
			}
		}
	})
	s.stop = func() error {
		defer in.halt()()
		cancel()
		return errors.Join(group.Wait(), in.close())
	}
	synctest.Wait()
}

// restart ends the reader in good order and starts it anew; the chips stay as
// they are.
func (s *soaked) restart() {
	s.t.Helper()
	s.must(s.stop())
	if s.board.Line("strike") {
		s.t.Fatal("the strike stays energised after the reader's end")
	}
	s.start()
	s.tally.restarts++
}

// watch fails the test when the strike is energised without a reason, or for
// too long.
func (s *soaked) watch(ctx context.Context) {
	changes, stop := s.board.Watch()
	defer stop()
	on := false
	late := time.NewTimer(time.Hour)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-late.C:
			if s.board.Line("strike") {
				s.t.Errorf("after %v: the strike is energised beyond its end", time.Since(s.began))
			}
		case <-changes:
			now := s.board.Line("strike")
			if now && !on {
				s.tally.opened++
				if time.Now().After(s.allowed) {
					s.t.Errorf("after %v: the strike was energised for nobody", time.Since(s.began))
				}
				late.Reset(time.Until(s.allowed) + strikeAtMost)
			}
			on = now
		}
	}
}

// strikeAtMost is longer than the policy's pulse.
const strikeAtMost = 8 * time.Second

func TestAReaderGoesOnForWeeksWhateverHappensToIt(t *testing.T) {
	data := adoptedData(t)
	started := goleak.IgnoreCurrent()
	files, heap, goroutines := openFiles(t), heapInUse(), runtime.NumGoroutine()
	var tally soakTally
	synctest.Test(t, func(t *testing.T) {
		tally = soak(t, data)
	})
	debug.FreeOSMemory()
	t.Logf("%v of the reader's time, seed %d\n%s", *soakFor, *soakSeed, tally.report())
	checkSoaked(t, data, &tally)
	t.Logf("before and after: goroutines %d, %d; files %d, %d; heap %d KiB, %d KiB; %s",
		goroutines, runtime.NumGoroutine(), files, openFiles(t), heap>>10, heapInUse()>>10, residentSize(t))
	if now := openFiles(t); now > files {
		t.Errorf("%d files are open, %d were before", now, files)
	}
	if now := heapInUse(); now > heap+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", heap, now)
	}
	goleak.VerifyNone(t, started)
}

// newSoaked powers up a board for the reader with that data.
func newSoaked(t *testing.T, data string) *soaked {
	c := &config{Reader: readerConfig{ID: "front-door", Data: data}}
	c.Board.Kind, c.Board.Sim.Listen, c.Board.Sim.Seed = "sim", "127.0.0.1:0", *soakSeed
	outer, err := board.Open(c.Board, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outer.Close() })
	return &soaked{
		t: t, rng: rand.New(rand.NewPCG(*soakSeed, 1)), config: c,
		outer: outer, board: outer.Simulated(), began: time.Now(),
		tally: soakTally{byFault: map[string]int{}},
	}
}

// soak lets a reader live for -soak, and returns what happened to it.
func soak(t *testing.T, data string) soakTally {
	s := newSoaked(t, data)
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { defer close(watched); s.watch(ctx) }()
	defer func() { cancel(); <-watched }()
	s.start()
	for time.Since(s.began) < *soakFor && !t.Failed() {
		s.pass(time.Duration(s.rng.ExpFloat64() * float64(5*time.Minute)))
		s.something()
	}
	s.heal()
	s.nothingIsStuck()
	s.must(s.stop())
	return s.tally
}

// checkSoaked reads the journal that the reader has left: whole, with every
// opening in it, and with faults spoken of once and not a thousand times.
func checkSoaked(t *testing.T, data string, tally *soakTally) {
	t.Helper()
	var durable device.Durable
	events := journal.Open(journal.Options{Dir: filepath.Join(data, datadir.Journal), State: &durable})
	defer events.Close()
	if began := events.Began(); began != "" {
		t.Errorf("the journal: %s", began)
	}
	kinds, next := map[wire.RecordKind]int{}, uint64(1)
	for entry, err := range events.Records(1) {
		if err != nil {
			t.Fatal(err)
		}
		if entry.Number != next {
			t.Fatalf("record %d comes where %d is due", entry.Number, next)
		}
		next++
		record, err := wire.ParseRecord(entry.Encoded)
		if err != nil {
			t.Fatal(err)
		}
		kinds[record.Kind]++
		if record.Kind == wire.EventsCollapsed {
			t.Errorf("%d of %s were too many to be recorded one by one", record.Count, record.Subject)
		}
	}
	t.Logf("records in the journal, one after the other: %v", kinds)
	if n := kinds[wire.HealthChanged]; n > 2*tally.faults+8*(tally.restarts+1) {
		t.Errorf("%d changes of health for %d faults and %d restarts", n, tally.faults, tally.restarts)
	}
	if n := kinds[wire.AccessGranted]; n < tally.opened-tally.exits {
		t.Errorf("%d grants are on record, and the strike was energised %d times, at most %d of them by the exit button", n, tally.opened, tally.exits)
	}
}
