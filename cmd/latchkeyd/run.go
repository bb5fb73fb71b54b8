package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device/durable"
	"latchkey/device/pin/tpm"
)

// built is set by the linker, in Unix seconds: -X main.built=…
var built = "0"

func runCommand(ctx context.Context, command *call) error {
	verbose := command.flags.Bool("verbose", false, "log why each card is refused, too")
	c, err := command.config()
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	unix.Umask(0o077)
	signal.Ignore(unix.SIGHUP) // a door does not depend on a terminal
	return run(ctx, c, newLog(command.stderr, level))
}

func newLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// run runs the reader until ctx ends. When it is adopted meanwhile, it goes on as the
// site's.
func run(ctx context.Context, c *config, log *slog.Logger) (err error) {
	if err := datadir.Open(c.Reader.Data); err != nil {
		return err
	}
	unlock, err := datadir.Lock(c.Reader.Data)
	if err != nil {
		return err
	}
	defer unlock()
	volatile := c.checkPersistent()
	if volatile != nil {
		log.Error("the data directory is not safe from power cuts", "err", c.located(volatile))
	}
	if err := durable.Tidy(c.Reader.Data); err != nil {
		log.Warn("unfinished files of an earlier power cut cannot be removed", "err", err)
	}
	seconds, err := strconv.ParseInt(built, 10, 64)
	if err != nil {
		return fmt.Errorf("this program was not built by make: main.built: %w", err)
	}
	r := &reader{config: c, log: log, clock: newClock(time.Unix(seconds, 0)), recent: new(recent), metrics: status.NewMetrics(), data: volatile}
	r.inbox = adoption.NewInbox(c.Reader.Data, log)
	if err := adoption.ForgetNonce(c.Reader.Data); err != nil {
		log.Warn("what the TPM waited for before cannot be forgotten", "err", err)
	}
	if c.Key.TPM != "" {
		r.tpm = tpm.Open(c.Key.TPM)
		defer closing(&err, r.tpm.Close)
	}
	r.watchdog = supervision.Open(c.Watchdog, log)
	defer r.watchdog.Watch(ctx)()

	b, err := board.Open(c.Board, log)
	if err != nil {
		return c.located(err)
	}
	if err := c.saveRunning(); err != nil {
		log.Warn("no copy of the config for the stop hook: do not edit the config while the reader runs", "err", err)
	}
	defer func() {
		if err == nil {
			err = c.removeRunning()
		}
	}()
	defer closing(&err, b.Close)
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	r.instruments, err = openInstruments(b, c, &r.metrics.Strike, log)
	defer func() {
		defer r.instruments.halt()()
		cancel()
		closing(&err, group.Wait)
		closing(&err, r.instruments.close)
	}()
	if err != nil {
		return c.located(err)
	}
	r.watchdog.Guard(r.instruments.strike, r.instruments.parts)
	go r.exitUnreleased()
	r.status = status.NewServer(volatile, func() status.Figures { return r.metrics.Figures(r.instruments.counted()) })
	r.instruments.run(ctx, group)
	group.Go(during(ctx, func(ctx context.Context) error { return r.status.Serve(ctx, c.Reader.Data, log) }))
	group.Go(during(ctx, func(ctx context.Context) error { return status.ServeMetrics(ctx, c.Metrics, r.status.Status, log) }))
	group.Go(during(ctx, func(ctx context.Context) error { return b.Serve(ctx, r.page()) }))
	for {
		if err := r.once(ctx); !errors.Is(err, errAdopted) {
			return err
		}
	}
}

// closing joins the error of a deferred close to the function's own.
func closing(err *error, close func() error) { *err = errors.Join(*err, close()) }

// during runs f until ctx ends, which is no error.
func during(ctx context.Context, f func(context.Context) error) func() error {
	return func() error {
		if err := f(ctx); ctx.Err() == nil || !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

// exitUnreleased ends the process at once if the strike cannot be released: the stop hook
// then releases it.
func (r *reader) exitUnreleased() {
	err := <-r.instruments.strike.Failed()
	r.log.Error("the strike cannot be released: the reader ends, for the stop hook to release it", "err", err)
	os.Exit(1)
}
