// Package link is the controller's side of the protocol with its readers, which
// sync/PROTOCOL.md describes: it publishes the credential log, policies and keys, answers
// fetches, stores and acknowledges records, and sends orders. The broker is trusted with
// delivery only.
//
// A message goes through these functions:
//
//	connection.handle   from the broker, of a known topic and length
//	Link.arrive         from a reader of this site; waits in inbox
//	tracker.message     signature and contents are checked
//	recorder.store      records: stored, then acknowledged
//	Link.answerFetches  fetches
//
// One goroutine, the tracker's, owns what is known of readers and of pending orders. What
// takes longer has its own goroutines: the publisher publishes what has changed in the
// database, the recorder stores records, four workers answer fetches, and the builder makes
// snapshots and, if the database was restored to an older state, a new epoch. Whoever gave an
// order is asked about its card in one, too.
package link

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Options are what New needs.
type Options struct {
	Site        *site.Site
	Cell        int64            // whose readers it serves
	Brokers     []string         // URLs, see wire.ParseBroker; at most wire.MaxBrokers
	Certificate *tls.Certificate // the controller's
	Name        string           // in that certificate; it is the client id, too
	Log         *slog.Logger
	Term        uint64 // of the lead, see wire.Now.Term; 0: none
	// Readers is called with the readers of the cell that have a valid bundle whenever they, or those of other cells,
	// have changed, before anything is published to them. After an error it is called again.
	Readers     func(context.Context, map[string]*site.Peer) error
	SettleAfter time.Duration // how long a reader that is being moved reports over one connection until it has come over; 0: a minute
}

// A Link is the controller's side of the protocol.
type Link struct {
	o           Options
	connections []*connection // one to each broker

	// As the publisher read them last.
	peers atomic.Pointer[map[string]*site.Peer]
	log   atomic.Pointer[site.Log]

	inbox        *queue[message]
	fetches      *queue[fetch]              // to be answered
	needSnapshot *queue[fetch]              // those that wait for a snapshot
	batches      chan reported              // to be stored
	states       chan []*store.State        // to be stored
	ahead        chan policyAhead           // policies to be raised
	keyStates    chan keyState              // what readers say of their keys, to be looked after
	modes        chan []site.ModeReport     // what readers say of modes, to be noted
	links        chan map[string]bool       // which readers are out of reach now, and which are back, to be stored
	answers      chan answers               // records that answer orders
	rollbacks    chan rollback              // to be checked
	astray       *queue[message]            // states of readers that this cell does not serve
	moved        chan struct{}              // readers' cells may have changed
	elsewhere    chan []heardElsewhere      // what other cells hear of readers that are being moved
	deaf         atomic.Bool                // what they hear cannot be read now
	come         chan []*site.Peer          // readers that have come over from another cell, to be stored
	term         atomic.Uint64              // that readers are told: of the lead, or higher, see lookAtMoves
	republish    chan struct{}              // has the publisher publish everything to a broker that was connected
	strangers    chan string                // unknown readers whose messages the broker retains
	placed       chan placedOrder           // orders to be sent
	asked        chan chan<- []ReaderStatus // requests for the status of all readers
	refused      *refused
	begun, ended chan struct{} // closed when begin is done, and when Run returns
}

// New returns a link.
func New(o Options) (*Link, error) {
	if len(o.Brokers) == 0 || len(o.Brokers) > wire.MaxBrokers {
		return nil, fmt.Errorf("%d brokers: name 1 to %d", len(o.Brokers), wire.MaxBrokers)
	}
	o.Log, o.SettleAfter = wire.PlainLog(o.Log), cmp.Or(o.SettleAfter, time.Minute)
	l := &Link{
		o:            o,
		inbox:        newQueue[message](8),
		fetches:      newQueue[fetch](fetchesEach),
		needSnapshot: newQueue[fetch](4),
		batches:      make(chan reported, 1024),
		states:       make(chan []*store.State, 1),
		ahead:        make(chan policyAhead, 1),
		keyStates:    make(chan keyState, 64),
		modes:        make(chan []site.ModeReport, 1),
		links:        make(chan map[string]bool, 1),
		answers:      make(chan answers, 64),
		rollbacks:    make(chan rollback, 1),
		astray:       newQueue[message](1),
		moved:        make(chan struct{}, 1),
		elsewhere:    make(chan []heardElsewhere),
		come:         make(chan []*site.Peer, 1),
		republish:    make(chan struct{}, 1),
		strangers:    make(chan string, 64),
		placed:       make(chan placedOrder),
		asked:        make(chan chan<- []ReaderStatus),
		refused:      newRefused(o.Log),
		begun:        make(chan struct{}),
		ended:        make(chan struct{}),
	}
	l.term.Store(o.Term)
	l.astray.most = mostAstray
	same := newSameBroker()
	for i, url := range o.Brokers {
		broker, err := wire.ParseBroker(url)
		if err != nil {
			return nil, err
		}
		c := newConnection(&l.o, broker)
		c.same, c.index = same, i
		c.arrive, c.up = l.arrive, func() { signal(l.republish) }
		l.connections = append(l.connections, c)
	}
	return l, nil
}

// signal sends, unless a signal waits there already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// fetchWorkers is how many fetches are answered at once, fetchesEach how many of one reader
// may wait.
const fetchWorkers, fetchesEach = 4, 16

// watchAgain is how long after the database failed it is tried again.
const watchAgain = 2 * time.Second

// Run runs the link until ctx ends, or fails if it cannot begin. While the database fails
// later, it tries again: nothing is acknowledged meanwhile that is not stored. It is called once.
func (l *Link) Run(ctx context.Context) error {
	defer close(l.ended)
	err := l.begin(ctx)
	if err == nil {
		close(l.begun)
		err = l.run(ctx)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // it was stopped while it began
	}
	return err
}

func (l *Link) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	changed := make(chan struct{}, 1) // the database has
	group.Go(func() error {
		site.Persist(ctx, l.o.Log, "cannot watch what changes", watchAgain, func() error {
			return l.o.Site.Watch(ctx, func() error { signal(changed); return nil })
		})
		return nil
	})
	for _, c := range l.connections {
		group.Go(func() error { return c.run(ctx) })
	}
	group.Go(func() error { return l.publishChanges(ctx, changed) })
	group.Go(func() error { return l.followMoves(ctx) })
	group.Go(func() error { return l.storeReports(ctx) })
	group.Go(func() error { return l.build(ctx) })
	for range fetchWorkers {
		group.Go(func() error { return l.answerFetches(ctx) })
	}
	group.Go(func() error { return l.track(ctx) })
	return group.Wait()
}

// errEnded is for what is asked of a link that does not run any more.
var errEnded = &store.UnavailableError{Reason: language.Say("this controller has just stopped leading the site; nothing was done. Try again in some seconds")}

// running waits until the link runs.
func (l *Link) running(ctx context.Context) error {
	select {
	case <-l.begun:
	case <-l.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-l.ended:
		return errEnded
	default:
		return nil
	}
}

// begin reads what all goroutines need from the start.
func (l *Link) begin(ctx context.Context) error {
	peers, _, err := l.o.Site.NewPeers(ctx, l.o.Cell, nil)
	if err != nil {
		return err
	}
	log, err := l.o.Site.Log(ctx, wire.Position{})
	if err != nil {
		return err
	}
	l.peers.Store(&peers)
	l.log.Store(log)
	return l.o.Readers(ctx, peers)
}

// strange is why a message is refused whose reader the link does not serve.
const strange = "no reader of this site, or removed, or of another cell"

// arrive puts a message into the inbox if its reader is one of this site's and has not too
// many there.
func (l *Link) arrive(m message) {
	if m.reader != "" && (*l.peers.Load())[m.reader] == nil {
		l.refused.log(m.reader, m.channel, strange)
		if !m.retained && m.channel == wire.OnState {
			l.astray.put(m.reader, m) // if too many wait, it comes again
		}
		if m.retained {
			select {
			case l.strangers <- m.reader:
			default: // the broker sends it again after the next connection
			}
		}
		return
	}
	if !l.inbox.put(m.reader, m) {
		l.refused.log(m.reader, m.channel, "too many of its messages wait")
	}
}
