package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// hearWithin is how long a reader listens for the controller at a better broker: it answers
// a state every 30 s, on all brokers.
const hearWithin = 70 * time.Second

// errMoved ends a session that another one has replaced.
var errMoved = errors.New("a session at a better broker has taken its place")

// reroute changes the route.
func (c *Client) reroute(change func(r *route, now time.Duration)) {
	c.mu.Lock()
	change(c.route, c.o.Now())
	c.mu.Unlock()
	select {
	case c.rerouted <- struct{}{}:
	default:
	}
}

// counts says whether a now answers one of the two newest states, and is not of a controller
// that leads no more.
func (c *Client) counts(n *wire.Now) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return n.Nonce != (wire.Nonce{}) && slices.Contains(c.nonces[:], n.Nonce) && n.Term >= c.term
}

// connections makes one connection after the other.
func (c *Client) connections(ctx context.Context) error {
	var last uint64
	defer c.leaving.Wait()
	c.reroute(func(r *route, now time.Duration) { r.down = now })
	for {
		var broker wire.Broker
		var wait time.Duration
		c.reroute(func(r *route, now time.Duration) { broker = r.next(now) })
		s, err := c.connect(ctx, broker, &last)
		for err == nil {
			s, err = c.stay(ctx, s, &last)
		}
		if ctx.Err() != nil {
			return nil
		}
		c.reroute(func(r *route, now time.Duration) { wait = r.ended(now) })
		c.o.Log.Info("no link to the controller", "err", err, "again", wait.Round(time.Second))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// connect opens a session at a broker, which is the link's from then on. It takes a number
// only once the broker is reached.
func (c *Client) connect(ctx context.Context, broker wire.Broker, last *uint64) (*session, error) {
	began := time.Now()
	conn, err := c.open(ctx, broker)
	if err != nil {
		c.reroute(func(r *route, _ time.Duration) { r.kept(broker, time.Since(began), err) })
		return nil, fmt.Errorf("connect to %s: %w", broker, err)
	}
	number, err := c.o.NextConnection()
	if err != nil {
		c.o.Log.Warn("the number of the connection is not kept", "err", err)
	}
	*last = max(*last+1, number)
	will, err := c.o.Will(*last)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s, err := openSession(ctx, conn, c.o.Reader, will, c.o.Topics(), c.mail.deliver)
	c.reroute(func(r *route, _ time.Duration) { r.kept(broker, time.Since(began), err) })
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", broker, err)
	}
	s.within = cmp.Or(c.o.AckWithin, s.within)
	if before := c.session.Swap(s); before != nil {
		before.left.Store(true)
	}
	c.reroute(func(r *route, _ time.Duration) { r.connected(broker, *last) })
	c.mail.put(Connected{*last})
	return s, nil
}

// stay runs the link's session until it ends. It returns the one that has taken its place,
// or why there is none.
func (c *Client) stay(ctx context.Context, s *session, last *uint64) (*session, error) {
	looking, cancel := context.WithCancel(ctx)
	found := make(chan *session, 1)
	go func() {
		next, err := c.goBack(looking, last)
		if next != nil {
			err = errMoved
		}
		if err != nil {
			s.end(err)
		}
		found <- next
	}()
	err := s.run(ctx)
	cancel()
	next := <-found
	switch {
	case ctx.Err() != nil:
		newest := s
		if next != nil {
			c.leaving.Go(s.leave)
			newest = next
		}
		newest.farewell(ctx)
	case next != nil:
		c.o.Log.Info("the link has gone back to a better broker")
		c.leaving.Go(s.leave)
		return next, nil
	default:
		s.conn.Close() // without a clean disconnect, the broker publishes the will
		s.close()
	}
	c.session.Store(nil)
	c.mail.put(Disconnected{err.Error()})
	return nil, err
}

// goBack waits until the link may return to a better broker, and returns its session there, which
// has taken the place of the one before. Without one, it returns why the one before has to end,
// too; nil: ctx has ended.
func (c *Client) goBack(ctx context.Context, last *uint64) (*session, error) {
	for {
		for _, broker := range c.awaitReturn(ctx) {
			err := c.hear(ctx, broker)
			if err == nil {
				var s *session
				if s, err = c.connect(ctx, broker, last); err == nil {
					return s, nil
				}
				// The broker may have told the controller already that the reader is offline.
				if ctx.Err() == nil {
					c.reroute(func(r *route, now time.Duration) { r.looked(now) })
					return nil, err
				}
			}
			if ctx.Err() != nil {
				return nil, nil
			}
			c.o.Log.Info("the controller is not heard over a better broker: the link stays where it is", "broker", broker.String(), "err", err)
		}
		if ctx.Err() != nil {
			return nil, nil
		}
		c.reroute(func(r *route, now time.Duration) { r.looked(now) })
	}
}

// awaitReturn waits until it is time to look at the better brokers, and returns them; nil: ctx has
// ended.
func (c *Client) awaitReturn(ctx context.Context) []wire.Broker {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c.mu.Lock()
		at, now, busy, better := c.route.back, c.o.Now(), c.answers != nil, c.route.better()
		c.mu.Unlock()
		var due <-chan time.Time
		if at != 0 {
			if now >= at && !busy {
				return better
			}
			wait := at - now
			if wait <= 0 {
				wait = returnBusy
			}
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.rerouted:
		case <-due:
		}
	}
}

// hear returns nil once it has heard the controller over a broker. What a broker delivers there
// has no other effect.
func (c *Client) hear(ctx context.Context, broker wire.Broker) error {
	ctx, cancel := context.WithTimeoutCause(ctx, hearWithin, errors.New("the controller is not heard there"))
	defer cancel()
	conn, err := c.open(ctx, broker)
	if err != nil {
		return err
	}
	heard := make(chan struct{}, 1)
	s, err := openSession(ctx, conn, c.o.Reader, nil, []string{c.o.topic(wire.OnNow)}, func(m Message) {
		if m.Retained || len(m.Payload) > wire.OnNow.Limit() {
			return
		}
		// One that answers an older state may be a copy.
		if n, err := wire.OpenNow(c.o.Site, m.Payload, c.o.Controller); err == nil && n.Reader == c.o.Reader && c.counts(n) {
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		return err
	}
	defer s.leave()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-s.lost:
		return err
	case <-heard:
		return nil
	}
}
