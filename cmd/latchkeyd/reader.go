package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/journal"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// reader is what stays while the reader is adopted by a site.
type reader struct {
	config      *config
	log         *slog.Logger
	clock       *clock
	instruments *instruments
	inbox       *adoption.Inbox
	status      *status.Server
	recent      *recent
	metrics     *status.Metrics
	watchdog    *supervision.Watchdog
	tpm         *tpm.TPM // nil: the config names none
	data        error    // what is wrong with where the data is kept

	// received is the bundle that has come over the network, until it is taken over.
	received *wire.Bundle
}

// storeWithin is longer than memory cards stall for housekeeping.
const storeWithin = 60 * time.Second

// once runs the reader until ctx ends or it is adopted: as a site's if its data
// directory holds one, or else as one that waits for adoption.
func (r *reader) once(ctx context.Context) (err error) {
	dir := r.config.Reader.Data
	r.watchdog.Begin()
	if r.tpm == nil { // otherwise watchTPM sees to it
		if _, err := adoption.KeepTPM(dir, nil); err != nil {
			r.log.Error("the request for adoption still names a TPM, and the config none: the file cannot be removed", "err", err)
		}
	}
	r.inbox.TakeOver()
	r.clock.set(time.Time{}, 0)
	site, err := r.site()
	unadopted := errors.Is(err, fs.ErrNotExist)
	known := err == nil || unadopted
	start := device.Start{
		Reader: cmp.Or(r.config.Reader.ID, site.Reader), Version: version, Fingerprint: r.fingerprint(),
		Site: site.ID, Adopter: r.adopter(site), NewJournal: unadopted || site.First,
		NoPIN: r.instruments.noPIN, NoCards: r.instruments.noCards, Counted: r.tpm != nil,
	}

	var durable device.Durable
	events := journal.Open(journal.Options{Dir: filepath.Join(dir, datadir.Journal), Fresh: start.NewJournal, State: &durable, Synced: r.metrics.Sync.Add})
	defer closing(&err, events.Close)
	if began := events.Began(); began != "" && began != string(wire.ReasonNew) {
		r.log.Error("the journal is lost: a new one begins, and PIN entry is locked out until a known card is shown or the controller unlocks the door", "err", began)
		start.JournalFault = began
	}
	isNew := unadopted && r.isNew(durable, start)
	looks := unadopted && r.mayLook(isNew)
	if !known || site.Bundle == 0 && durable.Site != (wire.SiteID{}) {
		// Not set up for now: what the journal holds of the site must not be forgotten.
		start.Site = durable.Site
	}

	// The revisions that one site has reached do not bind the next one.
	reached := durable
	if start.Replaced = site.Replaced; start.Replaced || start.Site != durable.Site {
		reached.Leave()
	}
	options := cache.Options{Dir: dir, Site: site.ID, Controller: site.ControllerKey(), Highest: reached.Held()}
	policy, err := cache.LoadPolicy(options, start.Reader)
	if err == nil {
		start.Policy, err = device.LoadPolicy(policy)
	}
	r.clock.trustSystem(err == nil && policy.Policy().SystemTime)
	var inForce *wire.Policy
	if err == nil {
		inForce = policy.Policy()
	}
	held := openHeld(ctx, options, r.tpm)
	held.isNew = isNew
	defer closing(&err, held.cache.Close)
	defer r.metrics.Begin(events, filepath.Dir(held.current().epoch.KeyFile))()
	if site.Bundle != 0 && err != nil {
		r.log.Error("no valid policy: only the exit button opens the door; have the reader adopted anew", "err", err)
	}
	if keys := held.current(); site.Bundle != 0 && held.isOpen() {
		keys.log(r.log)
	}
	start.Held = held.cache.Held()

	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer closing(&err, group.Wait)
	defer cancel()
	answers := make(chan device.Event) // for this brain only
	send := func(event device.Event) {
		select {
		case answers <- event:
		case <-ctx.Done():
		}
	}
	adopted := make(chan struct{}, 1)
	link := r.newLink(ctx, site, options, reached, inForce, held, events, send)
	storing := supervision.NewTask("storing a record", storeWithin)
	writer := journal.NewWriter(events, func(stored journal.Stored) {
		defer storing.Done()
		if stored.Err == nil {
			if err := site.JournalBegun(dir); err != nil {
				r.log.Warn("site.cbor cannot be written: tried again with the next record", "err", err)
			}
			link.recorded()
		}
		send(answer(stored))
	})
	l := &loop{
		clock: r.clock, instruments: r.instruments, viewer: viewer{linked: site.Broker != ""},
		answers: answers,
		journal: writer, storing: storing, recent: r.recent, adopted: adopted, asked: r.watchdog.Asked(),
		workers: map[wire.CredentialKind]*worker{}, lookups: &r.metrics.Lookups,
		report: func(state device.State) {
			r.status.Report(state, status.Adoption{
				Site: site.Name, Controller: controllerOf(site), Fingerprint: start.Fingerprint,
				Linked: site.Broker != "", Refused: r.inbox.Refused(),
			})
			link.report(state)
		},
	}
	tasks := []*supervision.Task{storing}
	for _, kind := range []wire.CredentialKind{wire.PIN, wire.Card} {
		identifying := supervision.NewTask(fmt.Sprintf("identifying a %s", kind), identifyWithin)
		tasks = append(tasks, identifying)
		l.workers[kind] = &worker{kind: kind, task: identifying, held: held, jobs: make(chan *job, jobsWaiting), lookups: &r.metrics.Lookups, answer: send, enrol: link.enrol, keys: link.cardKeys, damaged: link.damaged, log: r.log}
	}
	group.Go(during(ctx, writer.Run))
	for _, worker := range l.workers {
		group.Go(func() error { return worker.run(ctx) })
	}
	restart := func() {
		select {
		case adopted <- struct{}{}:
		default:
		}
	}
	group.Go(func() error {
		if r.inbox.Await(ctx, nextSecond) {
			restart()
		}
		return nil
	})
	if r.tpm != nil {
		group.Go(func() error { return r.watchTPM(ctx, held, send, restart) })
	}
	if looks {
		group.Go(func() error { return r.look(ctx, start, send, restart) })
	}
	if site.Bundle != 0 {
		group.Go(func() error { return r.scrub(ctx, held.cache, link.damaged) })
		group.Go(func() error { return link.run(ctx) })
	}
	var first []device.Action
	l.brain, first = device.New(durable, start, r.clock.now())
	l.waiting = held.health()
	r.watchdog.Attend(tasks...)
	err = l.run(ctx, first)
	r.instruments.strike.Strike(0) // the next brain does not know that it is on
	return err
}

// site returns the site that the reader belongs to. With an error, which is
// fs.ErrNotExist if there never was one, it returns an empty site: only the exit button
// works then.
func (r *reader) site() (*adoption.Site, error) {
	held, err := adoption.ReadSite(r.config.Reader.Data)
	if err == nil {
		err = held.CheckReader(r.config.Reader.ID)
	}
	switch {
	case err == nil:
		return held, nil
	case errors.Is(err, fs.ErrNotExist):
		r.log.Info("not adopted yet: adopt it in the controller's console; or run latchkeyd identity, give the request to the controller, and its bundle to latchkeyd adopt")
	default:
		r.log.Error("not set up: only the exit button opens the door", "err", err)
	}
	return new(adoption.Site), err
}

// fingerprint returns what the screen shows for adoption; "" while there are no keys, or the
// TPM was not reached yet.
func (r *reader) fingerprint() string {
	fingerprint, err := adoption.Fingerprint(r.config.Reader.Data)
	if err != nil && !(r.tpm != nil && errors.Is(err, adoption.ErrNotReached)) {
		r.log.Error("the screen cannot show the fingerprint for adoption", "err", err)
	}
	return fingerprint
}

// answer turns the journal's answer into the brain's event.
func answer(stored journal.Stored) device.Stored {
	if stored.Err == nil {
		return device.Stored{Batch: stored.Batch}
	}
	for _, fault := range []error{journal.ErrFull, journal.ErrReadOnly, journal.ErrBusy} {
		if errors.Is(stored.Err, fault) {
			return device.Stored{Batch: stored.Batch, Fault: fault.Error()}
		}
	}
	return device.Stored{Batch: stored.Batch, Fault: journal.ErrDisk.Error()}
}
