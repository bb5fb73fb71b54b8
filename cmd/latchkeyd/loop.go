package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/device/journal"
	"latchkey/sync/wire"
)

// errAdopted ends the loop of a reader that has been adopted meanwhile.
var errAdopted = errors.New("adopted")

// loop feeds events to the brain and carries out its actions. It never blocks: the
// journal, the workers, the keypad and the strike have goroutines of their own.
type loop struct {
	clock       *clock
	instruments *instruments
	viewer      viewer
	journal     *journal.Writer
	storing     *supervision.Task // of journal
	recent      *recent
	workers     map[wire.CredentialKind]*worker
	lookups     *status.Lookups
	report      func(device.State)
	answers     <-chan device.Event // of the journal, the workers and the link
	adopted     <-chan struct{}
	asked       <-chan func() // by the watchdog, for a turn; to be called after it

	brain   device.Reader
	waiting []device.Event // to be handled before all others
}

// longestSleep is the longest that the loop waits for an event.
const longestSleep = 30 * time.Second

// run carries out a new brain's first actions, and then handles events until ctx ends or
// the reader is adopted.
func (l *loop) run(ctx context.Context, first []device.Action) error {
	l.carryOut(first)
	l.waiting = append(l.waiting, l.instruments.known()...)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		event, turned, err := l.next(ctx, timer)
		if event == nil {
			return err
		}
		actions := l.brain.Step(l.clock.now(), event)
		if e, ok := event.(device.Identified); ok && e.Kind == wire.Card {
			l.instruments.stopwatch.Card.Decided(e.Proven && slices.ContainsFunc(actions, opens))
		}
		l.carryOut(actions)
		turned()
	}
}

// opens says whether an action opens the door.
func opens(a device.Action) bool {
	strike, ok := a.(device.Strike)
	return ok && strike.For > 0
}

// next returns the next event, and what to call after its turn; no event once ctx has
// ended or the reader is adopted.
func (l *loop) next(ctx context.Context, timer *time.Timer) (event device.Event, turned func(), err error) {
	turned = func() {}
	if len(l.waiting) > 0 {
		// Before events, which may hold something newer from an instrument.
		event, l.waiting = l.waiting[0], l.waiting[1:]
		return event, turned, nil
	}
	timer.Reset(l.sleep())
	adopted := l.adopted
	if l.brain.Durable().Pending != 0 {
		adopted = nil // not before the PIN that is being checked has its outcome
	}
	event = device.Tick{}
	select {
	case <-ctx.Done():
		return nil, turned, nil
	case <-adopted:
		return nil, turned, errAdopted
	case event = <-l.instruments.events:
	case event = <-l.answers:
	case turned = <-l.asked:
	case <-timer.C:
	}
	return event, turned, nil
}

// sleep returns how long to wait for an event before the next turn is due.
func (l *loop) sleep() time.Duration {
	at, ok := l.brain.Deadline()
	if !ok {
		return longestSleep
	}
	return min(max(0, at-l.clock.now().Monotonic), longestSleep)
}

func (l *loop) carryOut(actions []device.Action) {
	for _, action := range actions {
		switch action := action.(type) {
		case device.Append:
			l.recent.add(action)
			l.storing.Add()
			l.journal.Append(action.Batch, action.Records)
		case device.Decided:
			l.instruments.stopwatch.PIN.Decided(action.Granted)
			l.lookups.Decided(action)
		case device.Identify:
			l.identify(action)
		case device.Forget:
			l.instruments.slots.forget(action.Kind)
		case device.Strike:
			l.instruments.strike.Strike(action.For)
		case device.Show:
			l.recent.shown(&action.View)
			if l.instruments.keypad != nil {
				l.instruments.keypad.Show(l.viewer.view(action.View, time.Now(), l.clock.now().Monotonic))
			}
		case device.Report:
			l.report(action.State)
		}
	}
}

// identify moves what was presented from its slot to the worker of its kind.
func (l *loop) identify(action device.Identify) {
	j := &job{seq: action.Seq, enrol: action.Enrol, personalise: action.Personalise}
	l.instruments.slots.take(action.Kind, &j.material)
	worker := l.workers[action.Kind]
	worker.task.Add()
	select {
	case worker.jobs <- j:
	default: // the worker is stuck
		worker.task.Cancel()
		j.material.wipe()
		l.waiting = append(l.waiting, device.Identified{Kind: action.Kind, Seq: action.Seq, Outcome: device.KeyFailed})
	}
}
