package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/device/journal"
	"latchkey/relay"
	"latchkey/sync/wire"
)

// supervisors are a service manager's socket and a terminal in the place of a
// watchdog timer: what is written to it can be read, and it is a device.
type supervisors struct {
	t            *testing.T
	socket, tty  int
	socketPath   string
	terminalPath string
}

func newSupervisors(t *testing.T) *supervisors {
	t.Helper()
	s := &supervisors{t: t, socketPath: filepath.Join(t.TempDir(), "notify")}
	var err error
	if s.socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s.socket) })
	if err := unix.Bind(s.socket, &unix.SockaddrUnix{Name: s.socketPath}); err != nil {
		t.Fatal(err)
	}
	if s.tty, err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s.tty) })
	n, err := unix.IoctlGetInt(s.tty, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(s.tty, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	s.terminalPath = fmt.Sprintf("/dev/pts/%d", n)
	t.Setenv("NOTIFY_SOCKET", s.socketPath)
	t.Setenv("WATCHDOG_USEC", "4000000")
	return s
}

// told returns what the service manager was told since the last call.
func (s *supervisors) told() (states []string) {
	s.t.Helper()
	b := make([]byte, 4096)
	for {
		n, _, err := unix.Recvfrom(s.socket, b, unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			return states
		}
		if err != nil {
			s.t.Fatal(err)
		}
		states = append(states, string(b[:n]))
	}
}

// written returns what was written to the timer since the last call.
func (s *supervisors) written() string {
	s.t.Helper()
	b := make([]byte, 4096)
	n, err := unix.Read(s.tty, b)
	if err == unix.EAGAIN || err == unix.EIO { // EIO: nobody has it open
		return ""
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b[:n])
}

// kicks lets some seconds go by, in a bubble, and counts the kicks of each.
func (s *supervisors) kicks(seconds int) (manager, timer int) {
	s.t.Helper()
	for range seconds {
		time.Sleep(time.Second)
		synctest.Wait()
		for _, state := range s.told() {
			if state == "WATCHDOG=1" {
				manager++
			}
		}
		timer += strings.Count(s.written(), "\x00")
	}
	return manager, timer
}

// stuck is where a part of the reader hangs as long as it is set.
type stuck struct{ until atomic.Pointer[chan struct{}] }

func (s *stuck) set() {
	until := make(chan struct{})
	s.until.Store(&until)
}

func (s *stuck) free() { close(*s.until.Load()) }

func (s *stuck) pass() {
	if until := s.until.Load(); until != nil {
		<-*until
	}
}

// SetValue is a strike's line.
func (s *stuck) SetValue(int) error {
	s.pass()
	return nil
}

// watched is a reader without chips under a watchdog, in a bubble: its loop,
// brain, card worker, journal and strike are real.
type watched struct {
	*supervisors
	log                         bytes.Buffer // read after synctest.Wait
	loop, worker, journal, line stuck
	happen                      func() // gives each part something to do
	finish                      func() // ends it as SIGTERM does, and waits
}

// watchdog returns one whose supervisors wait four seconds for a kick.
func (s *supervisors) watchdog(log *slog.Logger) *supervision.Watchdog {
	s.t.Helper()
	terminal, err := os.OpenFile(s.terminalPath, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return supervision.New(supervision.NewTimer(terminal, 4*time.Second), log)
}

// watch starts one.
func (s *supervisors) watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{supervisors: s}
	ctx, stop := context.WithCancel(t.Context())
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	dog := s.watchdog(log)
	end := dog.Watch(ctx)

	began := time.Now()
	strike, err := relay.NewStrike(&w.line, func() time.Duration { return time.Since(began) })
	if err != nil {
		t.Fatal(err)
	}
	in := newInstruments(new(config), new(status.Stopwatch), log)
	in.strike = strike
	dog.Guard(strike, in.parts)
	var durable device.Durable
	records := journal.Open(journal.Options{Dir: filepath.Join(t.TempDir(), "journal"), Fresh: true, State: &durable})
	answers := make(chan device.Event, 64)
	storing := supervision.NewTask("storing a record", storeWithin)
	writer := journal.NewWriter(records, func(stored journal.Stored) {
		defer storing.Done()
		w.journal.pass()
		answers <- answer(stored)
	})
	identifying := supervision.NewTask("identifying a card", identifyWithin)
	cards := &worker{kind: wire.Card, task: identifying, lookups: new(status.Lookups), jobs: make(chan *job, jobsWaiting), answer: func(e device.Event) { answers <- e },
		enrol: func(wire.CommandID, []byte) error {
			w.worker.pass()
			return nil
		}}
	l := &loop{
		lookups: new(status.Lookups),
		clock:   newClock(time.Unix(0, 0)), answers: answers, asked: dog.Asked(), recent: new(recent),
		instruments: in,
		journal:     writer, storing: storing, workers: map[wire.CredentialKind]*worker{wire.Card: cards},
		report: func(device.State) { w.loop.pass() },
	}
	w.happen = func() {
		l.instruments.events <- device.Input{Name: device.InputTamper, Active: true}
		l.identify(device.Identify{Kind: wire.Card, Enrol: wire.CommandID{1}})
		strike.Strike(time.Second)
	}
	var first []device.Action
	l.brain, first = device.New(durable, device.Start{Reader: "front-door", NewJournal: true}, l.clock.now())
	var group errgroup.Group
	group.Go(during(ctx, writer.Run))
	group.Go(func() error { return cards.run(ctx) })
	dog.Attend(storing, identifying)
	group.Go(func() error { return l.run(ctx, first) })
	w.finish = func() {
		stop()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if err := strike.Halt(); err != nil {
			t.Error(err)
		}
		end()
		if err := records.Close(); err != nil {
			t.Error(err)
		}
	}
	return w
}

func TestTheWatchdogIsKickedWhileTheReaderWorks(t *testing.T) {
	s := newSupervisors(t)
	synctest.Test(t, func(t *testing.T) {
		w := s.watch(t)
		w.happen()
		synctest.Wait()
		if told := s.told(); len(told) != 1 || told[0] != "READY=1" {
			t.Errorf("at its start the service manager is told %q", told)
		}
		if manager, timer := s.kicks(100); manager != 100 || timer != 100 {
			t.Errorf("in 100 s of a supervision of 4 s, kicked %d and %d times", manager, timer)
		}
		w.finish()
		if told := s.told(); len(told) != 1 || told[0] != "STOPPING=1" {
			t.Errorf("at its end the service manager is told %q", told)
		}
		if written := s.written(); written != "V" {
			t.Errorf("at its end %q is written to the timer, not the V that stops it", written)
		}
	})
}

func TestTheWatchdogIsNotKickedWhileTheReaderHangs(t *testing.T) {
	for _, test := range []struct {
		part   func(w *watched) *stuck
		within time.Duration
		why    string
	}{
		{func(w *watched) *stuck { return &w.loop }, 0, "a turn of the loop takes more than"},
		{func(w *watched) *stuck { return &w.worker }, identifyWithin, "identifying a card takes more than"},
		{func(w *watched) *stuck { return &w.journal }, storeWithin, "storing a record takes more than"},
		{func(w *watched) *stuck { return &w.line }, time.Second, "the strike is not released"},
	} {
		t.Run(test.why, func(t *testing.T) {
			s := newSupervisors(t)
			synctest.Test(t, func(t *testing.T) {
				w := s.watch(t)
				synctest.Wait()
				part := test.part(w)
				part.set()
				w.happen()
				within := int(test.within/time.Second) + 2
				if manager, timer := s.kicks(within); manager > within || timer > within {
					t.Errorf("kicked %d and %d times in %d s", manager, timer, within)
				} else if manager < within-3 {
					t.Errorf("kicked %d times in the %d s in which it may still come", manager, within)
				}
				if manager, timer := s.kicks(60); manager != 0 || timer != 0 {
					t.Errorf("kicked %d and %d times in the next 60 s, while it hangs", manager, timer)
				}
				if !strings.Contains(w.log.String(), test.why) {
					t.Errorf("the log does not say why: %s", w.log.String())
				}
				part.free()
				if manager, timer := s.kicks(60); manager < 58 || timer < 58 {
					t.Errorf("kicked %d and %d times in the 60 s after it goes on", manager, timer)
				}
				w.finish()
			})
		})
	}
}

func TestAStartMayTakeAMinuteAndNoMore(t *testing.T) {
	s := newSupervisors(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		dog := s.watchdog(slog.New(slog.DiscardHandler))
		end := dog.Watch(ctx)
		if _, timer := s.kicks(60); timer != 60 {
			t.Errorf("kicked %d times in the first 60 s of a start", timer)
		}
		if _, timer := s.kicks(60); timer != 0 {
			t.Errorf("kicked %d times in the 60 s after", timer)
		}
		stop()
		end()
	})
}

func TestATimerRunsOnWhenAReaderFailsThatHasServed(t *testing.T) {
	s := newSupervisors(t)
	synctest.Test(t, func(t *testing.T) {
		dog := s.watchdog(slog.New(slog.DiscardHandler))
		end := dog.Watch(t.Context())
		dog.Attend()
		(<-dog.Asked())() // the loop turns
		end()             // and yet run returns, with an error
		if written := s.written(); strings.Contains(written, "V") {
			t.Errorf("the timer was stopped: %q", written)
		}
	})
}
