// Package supervision has the reader started anew if it hangs, and knows how each
// of its parts is.
package supervision

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A Watchdog has a service manager, or a timer of the machine, start the reader
// anew if it hangs. Each waits for a sign of life, a kick, and gets it
//
//   - while the reader starts, for startWithin at most,
//   - then while the loop turns when it is asked to, each Task is done within its
//     time, and the strike is not on beyond its end,
//   - and while no Part hangs that has worked. One that hangs from the start on
//     would hang again; it is shown and reported, and the rest works. Nor does a
//     part have the reader start anew more often than every partRestart.
//
// What does not work but says so, a full disk, a dead chip, no link, is shown
// and reported, and never a reason to hold the kicks back.
type Watchdog struct {
	log     *slog.Logger
	manager *serviceManager // nil: none
	timer   *Timer          // nil: none
	every   time.Duration
	began   time.Time     // of the process
	ask     chan func()   // asks the loop for a turn, after which it calls that
	first   chan struct{} // the loop has turned for the first time

	untold, unkicked bool   // and the log has it; for run
	hung             string // why kicks are held back, "" if they are not; for run

	mu     sync.Mutex
	start  *Task
	turn   *Task
	others []*Task
	strike interface{ Overdue() bool } // nil: there is none yet
	parts  *Parts                      // nil: there are none yet
	served bool                        // the loop has turned once
}

const (
	// startWithin is how long a start may take, or going over to another
	// site: far more than one needs that reads its credentials anew.
	startWithin = 60 * time.Second
	// partRestart is how long the reader has run before it is started anew for
	// a part of it.
	partRestart = 10 * time.Minute
	// kicksInTime is how many kicks would fit into the time that supervisors
	// wait for one, so that a slow turn does not matter.
	kicksInTime = 4
)

// Open finds out who supervises the reader. It logs that a timer which the config
// names cannot be had, and the reader goes on without it.
func Open(c Config, log *slog.Logger) *Watchdog {
	if c.Device == "" {
		return New(nil, log)
	}
	timer, err := openTimer(c.Device, c.Timeout)
	if err != nil {
		log.Error("no watchdog timer guards this machine", "err", err)
		return New(nil, log)
	}
	log.Info("a watchdog timer guards this machine", "device", c.Device, "timeout", timer.timeout)
	return New(timer, log)
}

// New returns the watchdog of a reader that begins to start. It kicks the service
// manager that the environment names, and the timer unless that is nil.
func New(timer *Timer, log *slog.Logger) *Watchdog {
	w := &Watchdog{log: log, manager: findServiceManager(), timer: timer, began: time.Now(), ask: make(chan func(), 1), first: make(chan struct{}, 1)}
	var wait time.Duration // the shortest that a supervisor waits
	if w.manager != nil {
		wait = w.manager.wait
	}
	if timer != nil && (wait == 0 || timer.timeout < wait) {
		wait = timer.timeout
	}
	w.every = wait / kicksInTime
	w.start = NewTask("the start", startWithin)
	w.turn = NewTask("a turn of the loop", w.every/2)
	w.Begin()
	return w
}

// Watch kicks until ctx ends. The function that it returns ends it all: the timer
// is stopped if the end was asked for, or if the reader never served. Otherwise
// the machine is reset, unless the reader is back in time.
func (w *Watchdog) Watch(ctx context.Context) (end func()) {
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

// run kicks until ctx ends or stopped is closed.
func (w *Watchdog) run(ctx context.Context, stopped <-chan struct{}) {
	var tick <-chan time.Time // never, if nobody waits
	if w.every > 0 {
		ticker := time.NewTicker(w.every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			w.notify("STOPPING=1")
			return
		case <-stopped:
			w.notify("STOPPING=1")
			return
		case <-w.first:
			w.notify("READY=1")
		case <-tick:
			w.check(time.Now())
		}
	}
}

// check kicks if all is well, and asks the loop for its next turn.
func (w *Watchdog) check(now time.Time) {
	why := w.Hung(now)
	before := w.hung
	w.hung = why
	switch {
	case why != "" && before == "":
		w.log.Error("the reader hangs: its watchdog is no longer kicked", "why", why)
	case why == "" && before != "":
		w.log.Warn("the reader goes on: its watchdog is kicked again")
	}
	if why == "" {
		w.kick()
	}
	if !w.start.open() {
		w.askForTurn()
	}
}

// Hung says what has not been done in time, "" if everything was.
func (w *Watchdog) Hung(now time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.strike != nil && w.strike.Overdue() {
		return "the strike is not released"
	}
	if w.parts != nil && now.Sub(w.began) >= partRestart {
		for _, part := range w.parts.watched {
			if part.broken(now) {
				return part.complaint()
			}
		}
	}
	for _, task := range append([]*Task{w.start, w.turn}, w.others...) {
		if task.late(now) {
			return task.complaint()
		}
	}
	return ""
}

func (w *Watchdog) kick() {
	if w.timer != nil {
		err := w.timer.kick()
		if err != nil && !w.unkicked {
			w.log.Error("watchdog timer", "err", err)
		}
		w.unkicked = err != nil
	}
	if w.manager != nil && w.manager.wait > 0 {
		w.notify("WATCHDOG=1")
	}
}

// notify tells the service manager, if there is one.
func (w *Watchdog) notify(state string) {
	if w.manager == nil {
		return
	}
	err := w.manager.notify(state)
	if err != nil && !w.untold {
		w.log.Warn("the service manager is not told", "state", state, "err", err)
	}
	w.untold = err != nil
}

// Guard holds the kicks back while the strike is overdue or a part hangs.
func (w *Watchdog) Guard(strike interface{ Overdue() bool }, parts *Parts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strike, w.parts = strike, parts
}

// Begin is called when the reader begins to start again, after an adoption. What
// its last brain owed is forgotten.
func (w *Watchdog) Begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.others = nil
	w.start.reset()
	w.turn.reset()
	w.start.Add()
}

// Attend is called when a brain's loop is about to run, with the tasks of its
// goroutines.
func (w *Watchdog) Attend(tasks ...*Task) {
	w.mu.Lock()
	w.others = tasks
	w.mu.Unlock()
	w.start.Done()
	w.askForTurn()
}

// Asked is where the loop is asked for a turn. It calls what it gets there after
// the turn.
func (w *Watchdog) Asked() <-chan func() { return w.ask }

// askForTurn asks the loop for a turn, unless it owes one.
func (w *Watchdog) askForTurn() {
	if w.turn.open() {
		return
	}
	w.turn.Add()
	select {
	case w.ask <- w.turned:
	default: // asked of the brain before
	}
}

// turned is called by the loop after the turn that it was asked for. With the
// first one the reader serves.
func (w *Watchdog) turned() {
	w.turn.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.served {
		w.served = true
		w.first <- struct{}{}
	}
}

func (w *Watchdog) hasServed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.served
}
