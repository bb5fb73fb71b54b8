package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"
	_ "time/tzdata" // schedules go by the door's time zone, whatever the board has installed

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"latchkey/board"
	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/journal"
	"latchkey/sync/wire"
)

// built is set by the linker, in Unix seconds: -X main.built=…
var built = "0"

func runCommand(ctx context.Context, args []string, stderr io.Writer) error {
	c, err := configFlag(flag.NewFlagSet("latchkeyd run", flag.ContinueOnError), args, stderr)
	if err != nil {
		return err
	}
	unix.Umask(0o077)
	return run(ctx, c, newLog(stderr, slog.LevelInfo))
}

// run runs the reader until ctx ends. An adoption meanwhile is taken over, and
// the reader goes on as the site's.
func run(ctx context.Context, c *config, log *slog.Logger) (err error) {
	if err := openData(c.Reader.Data); err != nil {
		return err
	}
	unlock, err := lockData(c.Reader.Data)
	if err != nil {
		return err
	}
	defer unlock()
	if err := tidy(c.Reader.Data); err != nil {
		log.Warn("what a power cut has left stays", "err", err)
	}
	seconds, err := strconv.ParseInt(built, 10, 64)
	if err != nil {
		return fmt.Errorf("this program was built wrongly: main.built: %w", err)
	}
	r := &reader{config: c, log: log, clock: newClock(time.Unix(seconds, 0)), recent: new(recent), metrics: &metrics{began: time.Now()}}
	r.watchdog = newWatchdog(c.Watchdog, log)
	defer r.watchdog.watch(ctx)()

	b, err := board.Open(c.Board, log)
	if err != nil {
		return c.located(err)
	}
	defer closing(&err, b.Close)
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	r.instruments, err = openInstruments(b, c, log)
	defer func() {
		defer r.instruments.halt()()
		cancel()
		closing(&err, group.Wait)
		closing(&err, r.instruments.close)
	}()
	if err != nil {
		return c.located(err)
	}
	r.watchdog.guard(r.instruments.strike.Overdue)
	go r.exitUnreleased()
	r.status = newStatusServer(func() figures { return r.metrics.now(r.instruments) })
	r.instruments.run(ctx, group)
	group.Go(during(ctx, func(ctx context.Context) error { return r.status.serve(ctx, c.Reader.Data, log) }))
	group.Go(during(ctx, func(ctx context.Context) error { return serveMetrics(ctx, c.Metrics, r.status.asked, log) }))
	group.Go(during(ctx, func(ctx context.Context) error { return b.Serve(ctx, r.page()) }))
	for {
		if err := r.once(ctx); !errors.Is(err, errAdopted) {
			return err
		}
	}
}

// closing adds what goes wrong at the end to what ended it.
func closing(err *error, close func() error) {
	*err = errors.Join(*err, close())
}

// during runs f until ctx ends, which is no error.
func during(ctx context.Context, f func(context.Context) error) func() error {
	return func() error {
		if err := f(ctx); ctx.Err() == nil || !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

// exitUnreleased ends the process at once, whatever else it is doing, when the
// strike cannot be released: the stop hook releases it then.
func (r *reader) exitUnreleased() {
	err := <-r.instruments.strike.Failed()
	r.log.Error("the strike cannot be released", "err", err)
	os.Exit(1)
}

// reader is what lives on while the reader is adopted, anew or for the first
// time.
type reader struct {
	config      *config
	log         *slog.Logger
	clock       *clock
	instruments *instruments
	status      *statusServer
	recent      *recent
	metrics     *metrics
	watchdog    *watchdog
	tried       time.Time // modification time of the adoption that was tried last
	refused     string    // why the last adoption was not taken over; "": it was
}

// once runs the reader as what its data directory makes it: one that waits for
// its adoption, or a site's.
func (r *reader) once(ctx context.Context) (err error) {
	dir := r.config.Reader.Data
	r.watchdog.begin()
	r.takeOver()
	r.clock.forget()
	site, err := r.site()
	known := err == nil || errors.Is(err, fs.ErrNotExist)
	start := device.Start{
		Reader: r.config.Reader.ID, Version: version, Fingerprint: r.fingerprint(),
		Site: site.ID, NewJournal: errors.Is(err, fs.ErrNotExist) || site.First,
	}

	var durable device.Durable
	events := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir), Fresh: start.NewJournal, Fold: &durable, Synced: r.metrics.sync.took})
	defer closing(&err, events.Close)
	if began := events.Began(); began != "" && began != "new" {
		r.log.Error("a new journal begins, and PIN entry is locked out", "err", began)
		start.JournalFault = began
	}
	if !known || site.Bundle == 0 && durable.Site != (wire.SiteID{}) {
		// Not set up for now: what was held of the site must not be forgotten.
		start.Site = durable.Site
	}

	options := cache.Options{Dir: dir, Site: site.ID, Controller: site.controller(), Highest: cache.Place(durable.Held())}
	policy, err := cache.LoadPolicy(options, r.config.Reader.ID)
	if err == nil {
		start.Policy, err = device.LoadPolicy(policy)
	}
	r.clock.trustSystem(err == nil && policy.SystemTime)
	var inForce uint64
	if err == nil {
		inForce = policy.Revision
	}
	held := openHeld(options)
	defer closing(&err, held.cache.Close)
	defer r.metrics.begin(events, filepath.Dir(held.epoch.KeyFile))()
	if site.Bundle != 0 && err != nil {
		r.log.Error("no valid policy: nobody can open but with the exit button; have the reader adopted anew", "err", err)
	}
	if err := held.fault(); site.Bundle != 0 && err != nil {
		r.log.Error("credentials cannot be used", "err", err)
	}
	start.Held = device.Held(held.cache.Held())

	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer closing(&err, group.Wait)
	defer cancel()
	answers := make(chan device.Event) // to this brain, and no later one
	send := func(event device.Event) {
		select {
		case answers <- event:
		case <-ctx.Done():
		}
	}
	adopted := make(chan struct{}, 1)
	link := r.newLink(site, options, durable, inForce, held, linkedJournal{events}, send)
	storing := &duty{name: "storing a record", within: storeWithin}
	writer := journal.NewWriter(events, func(stored journal.Stored) {
		defer storing.done()
		if stored.Err == nil {
			if site.First {
				r.begun(site)
			}
			link.recorded()
		}
		send(answer(stored))
	})
	l := &loop{
		clock: r.clock, instruments: r.instruments, viewer: viewer{linked: site.Broker != ""},
		answers: answers,
		journal: writer, storing: storing, recent: r.recent, adopted: adopted, asked: r.watchdog.ask,
		workers: map[wire.CredentialKind]*worker{},
		report: func(state device.State) {
			r.status.report(state, site, start.Fingerprint, r.refused)
			link.report(state)
		},
	}
	owed := []*duty{storing}
	for _, kind := range []wire.CredentialKind{wire.PIN, wire.Card} {
		identifying := &duty{name: fmt.Sprintf("identifying a %s", kind), within: identifyWithin}
		owed = append(owed, identifying)
		l.workers[kind] = &worker{kind: kind, duty: identifying, held: held, jobs: make(chan *job, jobsWaiting), tally: &r.metrics.tally, answer: send, enrol: link.enrol, damaged: link.damaged}
	}
	group.Go(during(ctx, writer.Run))
	for _, worker := range l.workers {
		group.Go(func() error { return worker.run(ctx) })
	}
	group.Go(func() error { return lookForAdoption(ctx, dir, r.tried, adopted) })
	if site.Bundle != 0 {
		group.Go(func() error { return r.scrub(ctx, held.cache, link.damaged) })
		group.Go(func() error { return link.run(ctx) })
	}
	var first []device.Action
	l.brain, first = device.New(durable, start, r.clock.now())
	l.waiting = held.health()
	r.watchdog.attend(owed...)
	err = l.run(ctx, first)
	r.instruments.strike.Strike(0) // before all else, and the next brain knows of none
	return err
}

// takeOver takes over an adoption that has come. One that is refused is set
// aside; one that fails, for want of room perhaps, is tried again later.
func (r *reader) takeOver() {
	dir := r.config.Reader.Data
	err := takeOver(dir)
	if err == nil {
		r.tried, r.refused = time.Time{}, ""
		return
	}
	r.log.Error("the adoption is not taken over", "err", err)
	r.refused = err.Error()
	if errors.Is(err, errRefused) {
		if err := os.Rename(filepath.Join(dir, adoptionFile), filepath.Join(dir, adoptionFile+".refused")); err == nil {
			return
		}
	}
	if info, err := os.Stat(filepath.Join(dir, adoptionFile)); err == nil {
		r.tried = info.ModTime()
	}
}

// site returns the site that the reader belongs to, or one without a bundle
// number and why: fs.ErrNotExist if it never belonged to any. A reader whose
// site cannot be read is not set up: its exit button works.
func (r *reader) site() (*site, error) {
	held, err := readSite(r.config.Reader.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.log.Info("not adopted yet: run latchkeyd identity, give the request to the controller, and its bundle to latchkeyd adopt")
		return new(site), err
	case err != nil:
		r.log.Error("not set up", "err", err)
		return new(site), err
	case held.Reader != r.config.Reader.ID:
		err := fmt.Errorf("the site adopted this reader as %s, but reader.id is %s in the config: make them equal", held.Reader, r.config.Reader.ID)
		r.log.Error("not set up", "err", err)
		return new(site), err
	}
	return held, nil
}

// answer turns the journal's answer into the brain's event.
func answer(stored journal.Stored) device.Stored {
	event := device.Stored{Batch: stored.Batch}
	for _, fault := range []error{journal.ErrFull, journal.ErrReadOnly, journal.ErrBusy, journal.ErrDisk} {
		if errors.Is(stored.Err, fault) {
			event.Fault = fault.Error()
			return event
		}
	}
	if stored.Err != nil {
		event.Fault = journal.ErrDisk.Error()
	}
	return event
}

// begun notes that the first journal of an adopted reader is there: from now
// on a missing one is one that was lost.
func (r *reader) begun(s *site) {
	s.First = false
	if err := writeFile(r.config.Reader.Data, siteFile, wire.Marshal(s)); err != nil {
		s.First = true // tried again with the next record
		r.log.Warn("the beginning of the journal is not noted", "err", err)
	}
}

// fingerprint is what the screen shows for adoption; "" as long as there are no
// keys.
func (r *reader) fingerprint() string {
	id, err := readIdentity(r.config.Reader.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		r.log.Error("identity", "err", err)
		return ""
	}
	fingerprint, err := id.fingerprint()
	if err != nil {
		r.log.Error("identity", "err", err)
	}
	return fingerprint
}

// adoptAgain is how long an adoption that failed waits for another try.
const adoptAgain = time.Minute

// lookForAdoption looks every second whether a bundle, or the keys that a
// request is made of, have come. The bundle that was tried last waits.
func lookForAdoption(ctx context.Context, dir string, tried time.Time, adopted chan<- struct{}) error {
	_, err := os.Stat(filepath.Join(dir, identityFile))
	hadKeys := err == nil
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-nextSecond():
		}
		bundle, err := os.Stat(filepath.Join(dir, adoptionFile))
		come := err == nil && (!bundle.ModTime().Equal(tried) || time.Since(began) > adoptAgain)
		_, err = os.Stat(filepath.Join(dir, identityFile))
		if come || err == nil && !hadKeys {
			adopted <- struct{}{}
			return nil
		}
	}
}

// Scrubbing reads a chunk of 8 KiB each scrubEvery, all of them after the start
// and then once a day.
const (
	scrubEvery = 100 * time.Millisecond
	scrubAgain = 24 * time.Hour
)

func (r *reader) scrub(ctx context.Context, c *cache.Cache, damaged func()) error {
	for {
		spoiled := 0
		err := c.Scrub(ctx, scrubEvery, func(damage *cache.Damage) {
			spoiled++
			r.log.Error("credentials are damaged", "err", damage)
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.log.Error("scrub", "err", err)
		}
		if spoiled > 0 {
			damaged()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(scrubAgain):
		}
	}
}
