package fleet

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A network is a reader's connection to its broker, as the reader's place has it.
type network struct {
	delay time.Duration // of each read and write
	rate  int           // bytes a second; 0: any

	dials atomic.Int64 // TCP connections made: a TLS handshake each

	mu   sync.Mutex
	conn net.Conn // the newest; nil: none
	off  bool     // there is no power, or no cable
}

// wrap implements sync.Config.Wrap.
func (n *network) wrap(conn net.Conn) net.Conn {
	n.dials.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conn = conn
	if n.off {
		conn.Close()
	}
	if n.delay == 0 && n.rate == 0 {
		return conn
	}
	return &slowConn{conn, n}
}

// cut closes the connection. off: there is none from now on.
func (n *network) cut(off bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.off = off
	if n.conn != nil {
		n.conn.Close()
		n.conn = nil
	}
}

// A slowConn is a connection over a slow link.
type slowConn struct {
	net.Conn
	of *network
}

func (c *slowConn) wait(bytes int) {
	wait := c.of.delay
	if c.of.rate > 0 {
		wait += time.Second * time.Duration(bytes) / time.Duration(c.of.rate)
	}
	time.Sleep(wait)
}

// Read implements net.Conn.
func (c *slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wait(n)
	return n, err
}

// Write implements net.Conn.
func (c *slowConn) Write(b []byte) (int, error) {
	c.wait(len(b))
	return c.Conn.Write(b)
}
