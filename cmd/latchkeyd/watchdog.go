package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// watchdog has those who supervise the reader, a service manager or a timer of
// the machine, start it anew if it hangs. It pets them
//
//   - while the reader starts, for startWithin at most,
//   - then while the loop turns when it is asked to, each worker and the
//     journal's writer answer within their bounds, and the strike is not on
//     beyond its end,
//   - and while no part hangs that has worked. One that hangs from the start on
//     would hang again; it is shown and reported, and the rest works. Nor does a
//     part have the reader start anew more often than every partRestart.
//
// What does not work but says so, a full disk, a dead chip, no link, is shown
// and reported, and never a reason to stop petting.
type watchdog struct {
	log     *slog.Logger
	manager *manager    // nil: none
	timer   *resetTimer // nil: none
	every   time.Duration
	began   time.Time     // of the process
	ask     chan func()   // asks the loop for a turn, after which it calls that
	first   chan struct{} // the loop has turned for the first time

	untold, unpetted bool   // and the log has it; for run
	held             string // why nobody is petted, "" if they are; for run

	mu      sync.Mutex
	start   duty
	turn    duty
	others  []*duty
	guarded *instruments // nil: not known yet
	served  bool         // the loop has turned once
}

const (
	// startWithin is how long a start may take, or going over to another
	// site: far more than one needs that reads its credentials anew.
	startWithin = 60 * time.Second
	// identifyWithin is three times what the brain waits for an outcome.
	identifyWithin = 30 * time.Second
	// storeWithin is beyond what memory cards stall for when they tidy up.
	storeWithin = 60 * time.Second
	// partRestart is how long the reader has run before it is started anew for
	// a part of it.
	partRestart = 10 * time.Minute
	// petsInTime is how many pets would fit into the time that supervisors
	// wait for one, so that a slow turn does not matter.
	petsInTime = 4
)

// newWatchdog finds out who supervises the reader. A timer that the config
// names and that cannot be had is said, and the reader goes on without it.
func newWatchdog(c watchdogConfig, log *slog.Logger) *watchdog {
	w := &watchdog{log: log, manager: newManager(), began: time.Now(), ask: make(chan func(), 1), first: make(chan struct{}, 1)}
	w.start.within = startWithin
	var wait time.Duration // the shortest that a supervisor waits
	if w.manager != nil {
		wait = w.manager.wait
	}
	if c.Device != "" {
		timer, err := openResetTimer(c.Device, c.Timeout)
		if err != nil {
			log.Error("no watchdog timer guards this machine", "err", err)
		} else {
			log.Info("a watchdog timer guards this machine", "device", c.Device, "timeout", timer.timeout)
			w.timer = timer
			if wait == 0 || timer.timeout < wait {
				wait = timer.timeout
			}
		}
	}
	w.every = wait / petsInTime
	w.turn.within = w.every / 2
	w.begin()
	return w
}

// watch pets until ctx ends. The function that it returns ends it all: the
// timer is stopped if the end was asked for, or if the reader never served.
// Else the machine is reset, unless the reader is back in time.
func (w *watchdog) watch(ctx context.Context) (end func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx, stopped)
	}()
	return func() {
		close(stopped)
		<-done
		if w.timer == nil {
			return
		}
		if err := w.timer.close(ctx.Err() != nil || !w.hasServed()); err != nil {
			w.log.Error("watchdog timer", "err", err)
		}
	}
}

// run pets until ctx ends or stopped is closed.
func (w *watchdog) run(ctx context.Context, stopped <-chan struct{}) {
	var tick <-chan time.Time // never, if nobody waits
	if w.every > 0 {
		ticker := time.NewTicker(w.every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			w.say("STOPPING=1")
			return
		case <-stopped:
			w.say("STOPPING=1")
			return
		case <-w.first:
			w.say("READY=1")
		case <-tick:
			w.look(time.Now())
		}
	}
}

// look pets if all is well, and asks the loop for its next turn.
func (w *watchdog) look(now time.Time) {
	why := w.hung(now)
	before := w.held
	w.held = why
	switch {
	case why != "" && before == "":
		w.log.Error("the reader hangs: its watchdog is not petted", "why", why)
	case why == "" && before != "":
		w.log.Warn("the reader goes on: its watchdog is petted again")
	}
	if why == "" {
		w.pet()
	}
	if !w.start.open() {
		w.askForTurn()
	}
}

// hung says what has not been done in time, "" if everything was.
func (w *watchdog) hung(now time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.guarded != nil && w.guarded.strike.Overdue() {
		return "the strike is not released"
	}
	if w.guarded != nil && now.Sub(w.began) >= partRestart {
		for _, p := range w.guarded.parts {
			if p.broken(now) {
				return fmt.Sprintf("%s takes more than %s", p.name, p.within)
			}
		}
	}
	for _, d := range append([]*duty{&w.start, &w.turn}, w.others...) {
		if d.late(now) {
			return fmt.Sprintf("%s takes more than %s", d.name, d.within)
		}
	}
	return ""
}

func (w *watchdog) pet() {
	if w.timer != nil {
		err := w.timer.pet()
		if err != nil && !w.unpetted {
			w.log.Error("watchdog timer", "err", err)
		}
		w.unpetted = err != nil
	}
	if w.manager != nil && w.manager.wait > 0 {
		w.say("WATCHDOG=1")
	}
}

// say tells the service manager, if there is one.
func (w *watchdog) say(state string) {
	if w.manager == nil {
		return
	}
	err := w.manager.say(state)
	if err != nil && !w.untold {
		w.log.Warn("the service manager is not told", "state", state, "err", err)
	}
	w.untold = err != nil
}

// guard has petting end while the strike is overdue or a part hangs.
func (w *watchdog) guard(in *instruments) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.guarded = in
}

// begin is called when the reader begins to start, the first time and after an
// adoption. What its last brain owed is forgotten.
func (w *watchdog) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.others = nil
	w.start.name, w.turn.name = "the start", "a turn of the loop"
	w.start.forget()
	w.turn.forget()
	w.start.given()
}

// attend is called when a brain's loop is about to run, with what its
// goroutines owe it.
func (w *watchdog) attend(others ...*duty) {
	w.mu.Lock()
	w.others = others
	w.mu.Unlock()
	w.start.done()
	w.askForTurn()
}

// askForTurn asks the loop for a turn, unless it owes one.
func (w *watchdog) askForTurn() {
	if w.turn.open() {
		return
	}
	w.turn.given()
	select {
	case w.ask <- w.turned:
	default: // asked of the brain before
	}
}

// turned is called by the loop after the turn that it was asked for. With the
// first one the reader serves.
func (w *watchdog) turned() {
	w.turn.done()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.served {
		w.served = true
		w.first <- struct{}{}
	}
}

func (w *watchdog) hasServed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.served
}
