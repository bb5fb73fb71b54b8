package sync

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/sync/wire"
)

// Config configures a Client.
type Config struct {
	Options
	Brokers     []string                // URLs of the bundle, in order, see wire.ParseBroker
	Policy      []string                // those of the policy that is stored, in their place; none: it names none
	ReturnAfter time.Duration           // how long the link is up at another broker at most before it may return to the first; 0: 10 minutes
	AckWithin   time.Duration           // how long a broker may take to acknowledge a message; 0: 30 s
	Certificate tls.Certificate         // the reader's
	Authority   *x509.Certificate       // the site's
	Wrap        func(net.Conn) net.Conn // of each TCP connection to a broker, for networks that are simulated; nil: none is

	Cache       Cache
	Journal     Journal
	StorePolicy func(*wire.VerifiedPolicy) error // wire.ErrUnfit: it is not newer

	// NextConnection returns the number of the next connection, above all earlier
	// ones: it is stored durably before it is returned. If that fails, the number
	// comes with the error and is used all the same.
	NextConnection func() (uint64, error)
	// Now returns the time since any moment.
	Now func() time.Duration
	// Tell takes an event for the reader. It may block briefly, but not on disk
	// I/O.
	Tell func(News)
	Log  *slog.Logger
}

// A Client carries out the actions of a Link.
type Client struct {
	o     Config
	open  func(context.Context, wire.Broker) (net.Conn, error)
	disk  disk
	mail  *mail
	link  *Link
	first []Action

	session  atomic.Pointer[session]
	rerouted chan struct{}  // full when the route has changed
	leaving  sync.WaitGroup // sessions that others have replaced

	mu      sync.Mutex
	route   *route
	nonces  [2]wire.Nonce     // of the newest states
	term    uint64            // the highest that the link has heard
	asked   []*wire.Command   // those that ask for a card, the newest last
	awaited wire.CommandID    // whose card the answers are for
	answers chan CardAnswered // to the card that waits for its keys; nil: none does
}

// NewClient returns a client that Run starts.
func NewClient(c Config) (*Client, error) {
	bundle, err := parseBrokers(c.Brokers)
	if err != nil {
		return nil, err
	}
	if len(bundle) == 0 {
		return nil, errors.New("no broker")
	}
	policy, err := parseBrokers(c.Policy)
	if err != nil {
		return nil, err
	}
	c.Log = wire.PlainLog(c.Log)
	client := &Client{o: c, disk: disk{c.Cache, c.Journal, c.StorePolicy}, mail: newMail(), rerouted: make(chan struct{}, 1)}
	client.route = newRoute(&client.o.Options, bundle, policy)
	client.route.calm = cmp.Or(c.ReturnAfter, returnFirst)
	client.open = client.dial
	client.link, client.first = New(c.Options)
	return client, nil
}

func parseBrokers(urls []string) (brokers []wire.Broker, err error) {
	for _, url := range urls {
		b, err := wire.ParseBroker(url)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(brokers, b) { // written in another way
			brokers = append(brokers, b)
		}
	}
	return brokers, nil
}

// Report passes on the condition of the reader and its door. No method but Run
// blocks.
func (c *Client) Report(report Report) {
	c.mail.change(func() { c.mail.report = &report })
}

// Recorded says that there are new records in the journal.
func (c *Client) Recorded() { c.mail.change(func() { c.mail.recorded = true }) }

// Damaged says that the cache has found a part of itself damaged.
func (c *Client) Damaged() { c.mail.change(func() { c.mail.damaged = true }) }

// Run keeps the link up until ctx ends. It is called once.
func (c *Client) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	jobs := make(chan Action, 8) // the link never has more under way
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case a := <-jobs:
				c.mail.put(c.disk.carryOut(a))
			}
		}
	})
	group.Go(func() error { return c.connections(ctx) })
	group.Go(func() error { return c.loop(ctx, jobs) })
	return group.Wait()
}

// loop owns the link; nothing else calls Step.
func (c *Client) loop(ctx context.Context, jobs chan<- Action) error {
	c.carryOut(c.first, jobs)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		e, ok, dropped := c.mail.take()
		if dropped > 0 {
			c.o.Log.Warn("messages came faster than they could be checked, and were dropped", "count", dropped)
		}
		if !ok {
			since := c.o.Now()
			if at, wake := c.link.Deadline(); wake {
				timer.Reset(max(0, at-since))
			}
			select {
			case <-ctx.Done():
				return nil
			case <-c.mail.ready:
				continue
			case <-timer.C:
				e = Tick{}
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		since := c.o.Now()
		c.carryOut(c.link.Step(since, e), jobs)
	}
}

func (c *Client) carryOut(actions []Action, jobs chan<- Action) {
	c.mu.Lock()
	c.nonces, c.term = c.link.nonces(), c.link.states.term
	c.mu.Unlock()
	for _, a := range actions {
		switch a := a.(type) {
		case Publish, Resubscribe:
			if s := c.session.Load(); s != nil {
				s.send(a)
			}
		case Drop:
			if s := c.session.Load(); s != nil {
				s.end(errors.New(a.Why))
			}
		case CardAnswered:
			c.answered(a)
		case News:
			c.note(a)
			c.o.Tell(a)
		default:
			jobs <- a
		}
	}
}

// note keeps what the client itself needs from the news.
func (c *Client) note(n News) {
	switch n := n.(type) {
	case LinkChanged:
		if n.Up {
			c.reroute(func(r *route, now time.Duration) { r.answered(n.Connection, now) })
		} else {
			c.reroute(func(r *route, now time.Duration) { r.silent(now) })
		}
	case PolicyChanged:
		policy, err := parseBrokers(n.Policy.Policy().Brokers)
		if err != nil { // which no checked policy has
			c.o.Log.Error("the policy's brokers cannot be used", "err", err)
			break
		}
		c.reroute(func(r *route, now time.Duration) { r.change(policy, now) })
	case Command:
		if n.Order.ReadsCard() {
			c.mu.Lock()
			c.asked = append(c.asked, &n.Command)
			c.asked = slices.Delete(c.asked, 0, max(0, len(c.asked)-mostAsking))
			c.mu.Unlock()
		}
	case Refused:
		c.o.Log.Warn("refused what the broker delivered", "message", n.Message, "reason", n.Reason)
	}
}
