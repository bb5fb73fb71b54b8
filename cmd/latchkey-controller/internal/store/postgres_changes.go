package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// changedChannel is the channel on which commits are notified.
const changedChannel = "latchkey_changed"

// changes hears of the commits of all processes, and what these post, while somebody watches or listens,
// with one connection for all of this process.
type changes struct {
	engine    *postgresEngine
	wakes     wakes
	listeners listeners

	closed chan struct{}

	mu       sync.Mutex
	watching int    // those who watch or listen
	stop     func() // ends listening, and waits until it has
}

var errClosed = errors.New("watch database: it is closed")

// listenAgain is the first wait before the server is connected to again. Until listenSoon is over the waits are short, as after
// a server that was restarted who leads hears nobody's orders before it listens.
const (
	listenAgain       = 100 * time.Millisecond
	listenAgainSoon   = 500 * time.Millisecond // at most
	listenSoon        = 30 * time.Second
	listenAgainAtMost = 5 * time.Second
)

// watch calls changed at once, when it is told of a commit, and when it listens again after a connection
// broke: then there may have been some.
func (e *postgresEngine) watch(ctx context.Context, _ <-chan struct{}, changed func() error) error {
	heard := e.changes.join()
	if heard == nil {
		return errClosed
	}
	defer e.changes.leave(heard)
	for {
		began := time.Now()
		if err := changed(); err != nil {
			return err
		}
		rest := RestAfter(time.Since(began))
		select {
		case <-ctx.Done():
			return nil
		case <-e.changes.closed:
			return errClosed
		case <-heard:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
	}
}

// join returns a channel that has an element after commits; nil: the store is closed.
func (c *changes) join() chan struct{} {
	if !c.begin() {
		return nil
	}
	return c.wakes.add()
}

// begin counts one more, and has the first one listen; false: the store is closed.
func (c *changes) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isClosed(c.closed) {
		return false
	}
	if c.watching++; c.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.listen(ctx)
		}()
		c.stop = func() { cancel(); <-ended }
	}
	return true
}

func (c *changes) leave(heard chan struct{}) {
	c.wakes.remove(heard)
	c.end()
}

// end counts one less, and has the last one end listening.
func (c *changes) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watching--; c.watching == 0 && c.stop != nil {
		c.stop()
		c.stop = nil
	}
}

func (c *changes) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !isClosed(c.closed) {
		close(c.closed)
	}
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
}

// listen listens until ctx ends.
func (c *changes) listen(ctx context.Context) {
	lost, wait := time.Now(), listenAgain
	for ctx.Err() == nil {
		if err := c.hear(ctx); err == nil {
			lost, wait = time.Now(), listenAgain
		} else {
			wait = nextWait(wait, time.Since(lost), err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// nextWait returns how long to wait, after another wait, before the server is connected to that has been lost for so long.
// One that refuses does so for longer than one that is away.
func nextWait(last, lost time.Duration, err error) time.Duration {
	switch c := code(err); {
	case strings.HasPrefix(c, "28"), strings.HasPrefix(c, "53"): // invalid_authorization_specification, insufficient_resources
		return listenAgainAtMost
	case lost < listenSoon:
		return min(2*last, listenAgainSoon)
	}
	return min(2*last, listenAgainAtMost)
}

// hear listens until the connection breaks. The error is why there was none.
func (c *changes) hear(ctx context.Context) error {
	config, err := c.engine.connection()
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `LISTEN `+changedChannel); err != nil {
		return err
	}
	c.wakes.wake()
	c.listeners.broken()
	on := map[string]bool{}
	for {
		wait, cancel := context.WithCancel(ctx)
		err := c.listeners.renew(ctx, conn, on, cancel)
		var n *pgconn.Notification
		if err == nil {
			n, err = conn.WaitForNotification(wait)
		}
		others := wait.Err() != nil // listen now
		cancel()
		switch {
		case err != nil && (ctx.Err() != nil || conn.IsClosed() || !others):
			return nil
		case err != nil:
		case n.Channel == changedChannel:
			c.wakes.wake()
		default:
			c.listeners.hear(n)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
