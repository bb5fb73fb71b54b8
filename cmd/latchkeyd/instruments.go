package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"periph.io/x/conn/v3/spi"

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

// instruments are the reader's strike, inputs and chips. What the config does not name
// is left out. A chip that does not answer is reported, its driver keeps trying, and the
// rest works.
type instruments struct {
	strike    *relay.Strike
	stopwatch *status.Stopwatch
	chips     []func() status.Chip
	unstarted []func() error // start inputs whose line is in use; only watch uses it, once it runs
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

// openInstruments opens what the config names, the strike first and released. Only the
// strike must work. The caller closes the instruments, after an error too.
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
		name     device.InputName
		debounce time.Duration
	}{
		{device.InputExit, relay.ExitDebounce},
		{device.InputDoor, relay.DoorDebounce},
		{device.InputTamper, relay.TamperDebounce},
		{device.InputFire, relay.FireDebounce},
	} {
		if err := in.openInput(b, input.name, input.debounce); err != nil {
			in.parts.ReportLine(string(input.name), err)
		}
	}
	in.parts.Report(wire.SubjectPanel, in.openKeypad(b, c))
	in.parts.Report(wire.SubjectNFC, in.openCards(b))
	return in, nil
}

// close closes everything, the newest first.
func (in *instruments) close() error {
	var errs []error
	for _, close := range slices.Backward(in.closes) {
		errs = append(errs, close())
	}
	return errors.Join(errs...)
}

func (in *instruments) openInput(b *board.Board, name device.InputName, debounce time.Duration) error {
	input := relay.NewInput(string(name), debounce, func(active bool) { in.input(device.Input{Name: name, Active: active}) })
	line, err := in.inputLine(b, string(name), input.Changed)
	if line == nil {
		return err
	}
	in.closes = append(in.closes, input.Halt)
	return in.startInput(string(name), func() error { return input.Start(line) })
}

// startInput starts an input; watch tries again if that fails.
func (in *instruments) startInput(name string, start func() error) error {
	err := start()
	if err != nil {
		in.unstarted = append(in.unstarted, func() error {
			err := start()
			in.parts.ReportLine(name, err)
			return err
		})
	}
	return err
}

// timedLine is the strike's line. It tells a stopwatch of each change.
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

// haltAtEnd halts a chip at the end. If that fails, the program does not: the fault has
// been reported before.
func (in *instruments) haltAtEnd(halt func() error) {
	in.closes = append(in.closes, func() error {
		if err := halt(); err != nil {
			in.log.Warn("a chip could not be switched off", "err", err)
		}
		return nil
	})
}

// port opens a chip's SPI port; nil if the config does not name it.
func (in *instruments) port(b *board.Board, name string) (spi.Port, error) {
	port, err := b.SPI(name)
	if err != nil {
		return nil, unlessNotWired(err)
	}
	in.closes = append(in.closes, port.Close)
	return port, nil
}

// output opens an output; nil if the config does not name it.
func (in *instruments) output(b *board.Board, name string) (board.Output, error) {
	line, err := b.Output(name)
	if err != nil {
		return nil, unlessNotWired(err)
	}
	in.closes = append(in.closes, line.Close)
	return line, nil
}

// inputLine opens an input's line; nil if the config does not name it.
func (in *instruments) inputLine(b *board.Board, name string, on func(active bool)) (board.Input, error) {
	line, err := b.Input(name, on)
	if err != nil {
		return nil, unlessNotWired(err)
	}
	in.closes = append(in.closes, line.Close)
	return line, nil
}

func unlessNotWired(err error) error {
	if errors.Is(err, board.ErrNotWired) {
		return nil
	}
	return err
}

// run starts the instruments' goroutines, which end with ctx.
func (in *instruments) run(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return in.watch(ctx) })
	if in.keypad != nil {
		group.Go(during(ctx, in.keypad.Run))
		if in.film != nil {
			group.Go(during(ctx, func(ctx context.Context) error { return in.film.Run(ctx, in.keypad.PenChanged) }))
		}
	}
	if in.cards != nil {
		group.Go(during(ctx, func(ctx context.Context) error { return in.cards.Run(ctx, func(e nfc.Event) { in.onCard(ctx, e) }) }))
	}
}

// presentPIN puts a PIN into its slot and tells the loop.
func (in *instruments) presentPIN(digits []byte) {
	if in.slots.put(wire.PIN, digits, nil) {
		in.stopwatch.PIN.Begin(time.Now())
		in.events <- device.Presented{Kind: wire.PIN}
	}
}

// input tells the loop of an input's level.
func (in *instruments) input(level device.Input) {
	in.mu.Lock()
	in.inputs[level.Name] = level
	in.mu.Unlock()
	in.events <- level
}

// counted returns the counters of the chips' drivers.
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

// halt releases the strike. Until stop is called it discards events, so that nobody
// blocks who has one for a loop that has ended.
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
