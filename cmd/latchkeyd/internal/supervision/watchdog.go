// Package supervision has the reader restarted if it hangs, and knows the health of its
// parts.
package supervision

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A Watchdog has a service manager restart the reader, or a watchdog timer reset the
// machine, if the reader hangs. It kicks both regularly, but only
//
//   - while the reader starts, for startWithin at most,
//   - then while the loop turns when asked to, each Task is done within its time, and the
//     strike is not on beyond its end,
//   - and while no Part hangs that has worked. One that hangs from the start on would do so
//     after a restart, too: it is reported, and the rest works. Nor does a part have the
//     reader restarted more often than every partRestart.
//
// A fault that is reported, as a full disk, a dead chip or no link, never stops the kicks.
type Watchdog struct {
	log     *slog.Logger
	manager *serviceManager // nil: none
	timer   *Timer          // nil: none
	every   time.Duration   // between two kicks; 0: nobody waits for any
	began   time.Time       // when the process started
	ask     chan func()     // asks the loop for a turn, after which it calls the function
	served  chan struct{}   // closed after the loop's first turn
	serves  sync.Once       // closes it

	untold, unkicked bool   // that failed and is in the log; only run uses it
	hung             string // why kicks are held back, "" if they are not; only run uses it

	mu     sync.Mutex
	start  *Task
	turn   *Task
	others []*Task
	strike interface{ Overdue() bool } // nil: there is none yet
	parts  *Parts                      // nil: there are none yet
}

const (
	// startWithin is how long a start may take, or a change of site: far more than it
	// takes to read all credentials.
	startWithin = 60 * time.Second
	// partRestart is how long the reader runs at least before a part has it restarted.
	partRestart = 10 * time.Minute
	// kicksInTime is the number of kicks in the time that a supervisor waits for one, so
	// that a slow turn does no harm.
	kicksInTime = 4
)

// Open returns the watchdog of a reader that begins to start. If the timer that the
// config names cannot be opened, it logs that and does without.
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

// New does so with a timer, which may be nil. The environment names the service manager.
func New(timer *Timer, log *slog.Logger) *Watchdog {
	w := &Watchdog{log: log, manager: findServiceManager(), timer: timer, began: time.Now(), ask: make(chan func(), 1), served: make(chan struct{})}
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

// Watch kicks until ctx ends or end is called. end stops the timer if ctx has ended, or if
// the reader never served. Otherwise the timer resets the machine, unless the reader is
// back in time.
func (w *Watchdog) Watch(ctx context.Context) (end func()) {
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(running)
	}()
	return func() {
		stop()
		<-done
		if w.timer == nil {
			return
		}
		stopTimer := ctx.Err() != nil
		select {
		case <-w.served:
		default:
			stopTimer = true
		}
		if err := w.timer.close(stopTimer); err != nil {
			w.log.Error("the watchdog timer was not closed properly: it may reset the machine", "err", err)
		}
	}
}

// run kicks until ctx ends.
func (w *Watchdog) run(ctx context.Context) {
	served := w.served
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
		case <-served:
			w.notify("READY=1")
			served = nil
		case <-tick:
			w.check(time.Now())
		}
	}
}

// check kicks if nothing hangs, and asks the loop for its next turn.
func (w *Watchdog) check(now time.Time) {
	before := w.hung
	if w.hung = w.Hung(now); w.hung == "" {
		w.kick()
	}
	switch {
	case w.hung != "" && before == "":
		w.log.Error("the reader hangs: its watchdog will restart it", "why", w.hung)
	case w.hung == "" && before != "":
		w.log.Warn("the reader responds again: the watchdog need not restart it")
	}
	if !w.start.open() {
		w.askForTurn()
	}
}

// Hung returns what has not been done in time; "" if everything was.
func (w *Watchdog) Hung(now time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.strike != nil && w.strike.Overdue() {
		return "the strike is not released"
	}
	if w.parts != nil && now.Sub(w.began) >= partRestart {
		for _, part := range w.parts.watched {
			if part.hasWorked() && part.late(now) {
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
			w.log.Error("the watchdog timer cannot be kicked: it will reset the machine", "err", err)
		}
		w.unkicked = err != nil
	}
	if w.manager != nil && w.manager.wait > 0 {
		w.notify("WATCHDOG=1")
	}
}

// notify sends a state to the service manager, if there is one.
func (w *Watchdog) notify(state string) {
	if w.manager == nil {
		return
	}
	err := w.manager.notify(state)
	if err != nil && !w.untold {
		w.log.Warn("the service manager cannot be reached", "state", state, "err", err)
	}
	w.untold = err != nil
}

// Guard holds the kicks back while the strike is overdue or a part hangs.
func (w *Watchdog) Guard(strike interface{ Overdue() bool }, parts *Parts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strike, w.parts = strike, parts
}

// Begin is called when the reader begins to start. It forgets the tasks of the last brain.
func (w *Watchdog) Begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.others = nil
	w.start.reset()
	w.turn.reset()
	w.start.Add()
}

// Attend is called when a brain's loop is about to run, with the tasks of the goroutines
// that work for it.
func (w *Watchdog) Attend(tasks ...*Task) {
	w.mu.Lock()
	w.others = tasks
	w.mu.Unlock()
	w.start.Done()
	w.askForTurn()
}

// Asked is where the loop is asked for a turn: it calls the function after the turn.
func (w *Watchdog) Asked() <-chan func() { return w.ask }

// askForTurn asks the loop for a turn, unless one is due.
func (w *Watchdog) askForTurn() {
	if w.turn.open() {
		return
	}
	w.turn.Add()
	select {
	case w.ask <- w.turned:
	default: // the last brain was asked, and did not turn
	}
}

// turned is called by the loop after the turn that it was asked for. After the first one
// the reader serves.
func (w *Watchdog) turned() {
	w.turn.Done()
	w.serves.Do(func() { close(w.served) })
}
