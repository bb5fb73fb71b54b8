// Package link is the controller's end of the link to its readers: it tells
// them the credential log, their policies and keys, answers what they fetch,
// keeps what they report, and takes orders to them. The messages, and who may
// say what when, are described in the project's sync/PROTOCOL.md.
//
// One goroutine, the desk, owns what is known of readers and orders. What takes
// longer stands beside it: the teller watches the database and publishes what
// moved, the keeper stores records and acknowledges them, clerks answer
// fetches, and the maker makes snapshots and epochs. The broker is trusted with
// delivery only, and paho with a single connection at a time.
package link

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Options are what a link is made of.
type Options struct {
	Site        *site.Site
	Broker      string           // URL, see wire.ParseBroker
	Certificate *tls.Certificate // the controller's
	Name        string           // in that certificate; the client id too
	Log         *slog.Logger
	// Readers is called with the readers that have a bundle in force, when
	// they have changed, and before anything is published to them.
	Readers func(map[string]*site.Peer)
}

// A Link is the controller's end of the link.
type Link struct {
	o    Options
	edge edge

	// What the teller knows, for all.
	peers atomic.Pointer[map[string]*site.Peer]
	log   atomic.Pointer[site.Log]

	inbox    *queue[message]
	fetches  *queue[*wire.Fetch] // to be answered
	unmade   *queue[*wire.Fetch] // that need a snapshot first
	batches  chan *wire.Records
	states   chan []*store.State
	raises   chan raise
	answers  chan answers
	inquests chan inquest
	told     chan struct{} // the teller publishes everything anew
	stray    chan string   // readers of which the broker keeps something, and that nobody knows

	placed  chan placed
	asked   chan chan<- []Reader
	refused *refusals
}

// New returns a link.
func New(o Options) (*Link, error) {
	broker, err := wire.ParseBroker(o.Broker)
	if err != nil {
		return nil, err
	}
	o.Log = wire.PlainLog(o.Log)
	l := &Link{
		o:        o,
		inbox:    newQueue[message](8),
		fetches:  newQueue[*wire.Fetch](fetchesEach),
		unmade:   newQueue[*wire.Fetch](4),
		batches:  make(chan *wire.Records, 1024),
		states:   make(chan []*store.State, 1),
		raises:   make(chan raise, 1),
		answers:  make(chan answers, 64),
		inquests: make(chan inquest, 1),
		told:     make(chan struct{}, 1),
		stray:    make(chan string, 64),
		placed:   make(chan placed),
		asked:    make(chan chan<- []Reader),
		refused:  newRefusals(o.Log),
	}
	l.edge = edge{o: &l.o, broker: broker, log: o.Log, arrive: l.arrive, up: func() { signal(l.told) }}
	return l, nil
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// clerks is how many fetches are answered at once, fetchesEach how many of one
// reader may wait.
const clerks, fetchesEach = 4, 16

// Run runs the link until ctx ends or the database fails.
func (l *Link) Run(ctx context.Context) error {
	err := l.begin(ctx)
	if err == nil {
		err = l.run(ctx)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // it ended while it began
	}
	return err
}

func (l *Link) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.edge.run(ctx) })
	group.Go(func() error { return l.tell(ctx) })
	group.Go(func() error { return l.keep(ctx) })
	group.Go(func() error { return l.produce(ctx) })
	for range clerks {
		group.Go(func() error { return l.answer(ctx) })
	}
	group.Go(func() error { return l.desk(ctx) })
	return group.Wait()
}

// begin reads what the others need from the start.
func (l *Link) begin(ctx context.Context) error {
	peers, _, err := l.o.Site.Peers(ctx)
	if err != nil {
		return err
	}
	log, err := l.o.Site.Log(ctx, wire.Place{})
	if err != nil {
		return err
	}
	l.peers.Store(&peers)
	l.log.Store(log)
	l.o.Readers(peers)
	return nil
}

// arrive takes a message from the broker over, if it comes from a reader of
// this site that does not send more than can be looked at.
func (l *Link) arrive(m message) {
	if m.reader != "" && (*l.peers.Load())[m.reader] == nil {
		l.refused.note(m.reader, m.channel, "no reader of this site, or removed")
		if m.retained {
			select {
			case l.stray <- m.reader:
			default: // the rest after the next connection
			}
		}
		return
	}
	if !l.inbox.put(m.reader, m) {
		l.refused.note(m.reader, m.channel, "more than can be looked at")
	}
}

// A Reader is how a reader is, for people.
type Reader struct {
	ID      string
	Door    string
	Online  bool
	Awaited bool        // it was connected when the controller began, and is due to be heard of
	Heard   time.Time   // zero: never
	State   *wire.State // the last one; nil: none
	Current bool        // it holds the newest log and policy
}

// Readers returns how all readers are.
func (l *Link) Readers(ctx context.Context) ([]Reader, error) {
	answer := make(chan []Reader, 1)
	select {
	case l.asked <- answer:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case readers := <-answer:
		return readers, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
