package link

import (
	"net"
	"os"
	"sync"
	"time"
)

// Limits of what waits to be written to the broker, in bytes, and of how long it may take
// what is written.
const (
	mostTogether   = 256 << 10
	togetherWithin = 30 * time.Second
	goodbyeWithin  = time.Second
)

// togetherFor is the time between two writes, at least: what comes meanwhile is written
// together. The first after a pause goes out at once.
const togetherFor = 5 * time.Millisecond

// A togetherConn is a connection that writes together what comes soon after a write. A
// Mosquitto that is busy with handshakes reads one TLS record of each client in a round, and
// rounds then take long: with a record for each packet, what ten thousand readers wait for
// would come through one by one.
type togetherConn struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond
	waiting []byte
	err     error // why Write takes nothing any more
}

func writeTogether(conn net.Conn) *togetherConn {
	c := &togetherConn{Conn: conn}
	c.changed.L = &c.mu
	go c.run()
	return c
}

// Write implements net.Conn. It waits while too much waits.
func (c *togetherConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && len(c.waiting) > mostTogether {
		c.changed.Wait()
	}
	if c.err != nil {
		return 0, c.err
	}
	c.waiting = append(c.waiting, b...)
	c.changed.Broadcast()
	return len(b), nil
}

// run writes what waits until the connection is closed or fails.
func (c *togetherConn) run() {
	defer c.Conn.Close()
	var batch []byte
	var next time.Time // when it may write again
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.waiting) == 0 && c.err == nil {
			c.changed.Wait()
		}
		if len(c.waiting) == 0 {
			return
		}
		closed := c.err != nil
		if !closed {
			c.mu.Unlock()
			time.Sleep(time.Until(next))
			c.mu.Lock()
			if closed = c.err != nil; !closed {
				c.Conn.SetWriteDeadline(time.Now().Add(togetherWithin))
			}
		}
		batch, c.waiting = c.waiting, batch[:0]
		next = time.Now().Add(togetherFor)
		c.mu.Unlock()
		_, err := c.Conn.Write(batch)
		c.mu.Lock()
		if err != nil {
			c.err, c.waiting = err, nil
		}
		c.changed.Broadcast()
	}
}

// Close implements net.Conn. What was written before is sent, if that takes no longer than
// goodbyeWithin.
func (c *togetherConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = net.ErrClosed
		c.Conn.SetWriteDeadline(time.Now().Add(goodbyeWithin))
		c.Conn.SetReadDeadline(time.Unix(1, 0))
		c.changed.Broadcast()
	}
	return nil
}

// SetWriteDeadline implements net.Conn, and does nothing: run sets its own.
func (c *togetherConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn, for reading only.
func (c *togetherConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *togetherConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return os.ErrClosed
	}
	return c.Conn.SetReadDeadline(t)
}
