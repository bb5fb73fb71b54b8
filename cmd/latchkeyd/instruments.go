package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/keypad"
	"latchkey/keypad/touch"
	"latchkey/nfc"
	"latchkey/relay"
	"latchkey/sync/wire"
)

// instruments are what the reader senses and acts with. A chip that the config
// does not name is left out; one that does not answer is reported, looked for
// again by its driver, and the rest works.
type instruments struct {
	strike    *relay.Strike
	stopwatch *status.Stopwatch // of PINs
	chips     []func() status.Chip
	unstarted []unstarted // inputs; for watch, once it runs
	parts     *supervision.Parts
	keypad    *keypad.Keypad // nil: no display
	film      *touch.Evdev   // nil: the touch is no input device of the kernel's
	cards     *nfc.Poller    // nil: no card reader
	noPIN     bool           // the config names nothing to type on
	noCards   bool           // it names no card reader
	slots     *slots
	log       *slog.Logger

	events chan device.Event
	closes []func() error // in the order of construction

	mu     sync.Mutex
	inputs map[device.InputName]device.Input
}

// eventsWaiting is far more than people can cause while the loop, which never
// blocks, does one turn.
const eventsWaiting = 256

func newInstruments(c *config, stopwatch *status.Stopwatch, log *slog.Logger) *instruments {
	events := make(chan device.Event, eventsWaiting)
	return &instruments{
		stopwatch: stopwatch, slots: new(slots), log: log, events: events,
		parts:  supervision.NewParts(log, c.located, func(health device.Health) { events <- health }),
		inputs: map[device.InputName]device.Input{},
	}
}

// openInstruments opens what the config names, the strike first and released.
// Only the strike must work. Whoever called closes, also after an error.
func openInstruments(b *board.Board, c *config, stopwatch *status.Stopwatch, log *slog.Logger) (*instruments, error) {
	in := newInstruments(c, stopwatch, log)
	line, err := b.Output("strike")
	if err != nil {
		return in, err
	}
	in.closes = append(in.closes, line.Close)
	if in.strike, err = relay.NewStrike(timedLine{line, stopwatch}, nil); err != nil {
		return in, err
	}
	in.closes = append(in.closes, in.strike.Halt)

	for _, input := range []struct {
		name device.InputName
		opts relay.InputOpts
	}{
		{device.InputExit, relay.DefaultExitOpts},
		{device.InputDoor, relay.DefaultDoorOpts},
		{device.InputTamper, relay.DefaultTamperOpts},
	} {
		if err := in.openInput(b, input.name, input.opts); err != nil {
			in.parts.ReportLine(string(input.name), err)
		}
	}
	in.parts.Report(wire.SubjectPanel, in.openKeypad(b, c))
	in.parts.Report(wire.SubjectNFC, in.openCards(b))
	return in, nil
}

// close gives everything back, the newest first.
func (in *instruments) close() error {
	var errs []error
	for i := len(in.closes) - 1; i >= 0; i-- {
		errs = append(errs, in.closes[i]())
	}
	return errors.Join(errs...)
}

func (in *instruments) openInput(b *board.Board, name device.InputName, opts relay.InputOpts) error {
	input := relay.NewInput(string(name), opts, func(active bool) { in.input(device.Input{Name: name, Active: active}) })
	line, err := b.Input(string(name), input.Changed)
	if errors.Is(err, board.ErrNotWired) {
		return nil
	}
	if err != nil {
		return err
	}
	in.closes = append(in.closes, line.Close, input.Halt)
	return in.startInput(string(name), func() error { return input.Start(line) })
}

// startInput starts an input, or has it started later if that fails.
func (in *instruments) startInput(name string, start func() error) error {
	err := start()
	if err != nil {
		in.unstarted = append(in.unstarted, unstarted{name, start})
	}
	return err
}

// timedLine is the strike's line, and tells a stopwatch when it is set.
type timedLine struct {
	line interface{ SetValue(int) error }
	*status.Stopwatch
}

func (l timedLine) SetValue(value int) error {
	err := l.line.SetValue(value)
	if err == nil {
		l.Strike(value != 0, time.Now())
	}
	return err
}

// rest has a chip put to rest at the end. That a bus does not work has been
// reported, and is no failure of the program's.
func (in *instruments) rest(halt func() error) {
	in.closes = append(in.closes, func() error {
		if err := halt(); err != nil {
			in.log.Warn("not put to rest", "err", err)
		}
		return nil
	})
}

// output opens a line that may be missing: nil then.
func (in *instruments) output(b *board.Board, name string) (board.Output, error) {
	line, err := b.Output(name)
	if errors.Is(err, board.ErrNotWired) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	in.closes = append(in.closes, line.Close)
	return line, nil
}

// run runs what has a goroutine of its own until ctx ends.
func (in *instruments) run(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return in.watch(ctx) })
	if in.keypad != nil {
		group.Go(during(ctx, in.keypad.Run))
		if in.film != nil {
			group.Go(during(ctx, func(ctx context.Context) error { return in.film.Run(ctx, in.keypad.PenChanged) }))
		}
	}
	if in.cards != nil {
		group.Go(during(ctx, func(ctx context.Context) error { return in.cards.Run(ctx, in.onCard) }))
	}
}

// present puts a secret into its slot and tells the brain.
func (in *instruments) present(kind wire.CredentialKind, secret []byte) {
	if in.slots.put(kind, secret) {
		if kind == wire.PIN {
			in.stopwatch.LastDigit(time.Now())
		}
		in.events <- device.Presented{Kind: kind}
	}
}

// input tells the brain of an input's level.
func (in *instruments) input(level device.Input) {
	in.mu.Lock()
	in.inputs[level.Name] = level
	in.mu.Unlock()
	in.events <- level
}

// counted returns what the chips' drivers have counted.
func (in *instruments) counted() []status.Chip {
	var all []status.Chip
	for _, count := range in.chips {
		all = append(all, count())
	}
	return all
}

// known returns what is known of every part and input, for a brain that begins.
func (in *instruments) known() []device.Event {
	in.mu.Lock()
	defer in.mu.Unlock()
	var all []device.Event
	for _, health := range in.parts.Known() {
		all = append(all, health)
	}
	for _, level := range in.inputs {
		all = append(all, level)
	}
	return all
}

// halt begins the end: the strike is released, and events are thrown away from
// now on, for those who have one for a loop that has ended, until stopped.
func (in *instruments) halt() (stop func()) {
	if in.strike != nil {
		in.strike.Strike(0)
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-in.events:
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}
