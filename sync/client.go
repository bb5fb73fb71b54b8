package sync

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
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
	Broker      string            // URL, see wire.ParseBroker
	Certificate tls.Certificate   // the reader's
	Authority   *x509.Certificate // the site's

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

// Waits between connections: they double from the first to the most; half of
// each is random.
const (
	reconnectFirst = time.Second
	reconnectMost  = 5 * time.Minute
)

// A Client carries out the actions of a Link.
type Client struct {
	o      Config
	broker wire.Broker
	open   func(context.Context) (net.Conn, error)
	disk   disk
	mail   *mail
	link   *Link
	first  []Action

	session atomic.Pointer[session]
	up      atomic.Bool // the controller has answered on this connection

	mu      sync.Mutex
	asked   []*wire.Command   // those that ask for a card, the newest last
	awaited wire.CommandID    // whose card the answers are for
	answers chan CardAnswered // to the card that waits for its keys; nil: none does
}

// NewClient returns a client that Run starts.
func NewClient(c Config) (*Client, error) {
	broker, err := wire.ParseBroker(c.Broker)
	if err != nil {
		return nil, err
	}
	c.Log = wire.PlainLog(c.Log)
	client := &Client{o: c, broker: broker, disk: disk{c.Cache, c.Journal, c.StorePolicy}, mail: newMail()}
	client.open = client.dial
	client.link, client.first = New(c.Options)
	return client, nil
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
			c.up.Store(true)
		}
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

// connections makes one connection after the other.
func (c *Client) connections(ctx context.Context) error {
	var last uint64
	for try := 0; ; try++ {
		err := c.connection(ctx, &last)
		if ctx.Err() != nil {
			return nil
		}
		if c.up.Swap(false) {
			try = 0
		}
		wait := (&Options{}).backoff(try, reconnectFirst, reconnectMost)
		c.o.Log.Info("no link to the controller", "err", err, "again", wait.Round(time.Second))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// connection makes a connection and returns why it ended. It takes a number only
// once the broker is reached.
func (c *Client) connection(ctx context.Context, last *uint64) error {
	conn, err := c.open(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", c.o.Broker, err)
	}
	number, err := c.o.NextConnection()
	if err != nil {
		c.o.Log.Warn("the number of the connection is not kept", "err", err)
	}
	*last = max(*last+1, number)
	will, err := c.o.Will(*last)
	if err != nil {
		conn.Close()
		return err
	}
	s, err := openSession(ctx, conn, c.o.Reader, will, c.o.Topics(), c.mail.deliver)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", c.o.Broker, err)
	}
	c.session.Store(s)
	c.mail.put(Connected{*last})
	err = s.run(ctx)
	c.session.Store(nil)
	if ctx.Err() != nil {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		if err := s.publish(bye, *will); err == nil {
			s.close()
		}
	}
	conn.Close() // without a clean disconnect, the broker publishes the will
	s.close()
	c.mail.put(Disconnected{err.Error()})
	return err
}
