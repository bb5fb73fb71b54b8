package fleet

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A network is a reader's connection to its broker, as the reader's place has it.
type network struct {
	delay time.Duration // of each read and write
	rate  int           // bytes a second; 0: any

	dials atomic.Int64 // TCP connections made: a TLS handshake each
	bytes atomic.Int64 // over them, both ways, without the headers of TCP

	mu    sync.Mutex
	conns []net.Conn // open ones, the newest last: two while a reader looks at another broker
	off   bool       // there is no power, or no cable
}

// wrap implements sync.Config.Wrap.
func (n *network) wrap(conn net.Conn) net.Conn {
	n.dials.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, conn)
	if n.off {
		conn.Close()
	}
	opened := &openConn{conn, n}
	if n.delay == 0 && n.rate == 0 {
		return opened
	}
	return &slowConn{opened, n}
}

// cut closes all connections. off: there is none from now on.
func (n *network) cut(off bool) {
	n.mu.Lock()
	n.off = off
	n.mu.Unlock()
	n.lose()
}

// lose closes all connections.
func (n *network) lose() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.conns {
		conn.Close()
	}
}

// at returns the address of the broker, if there is one connection; "": there is none, or several.
func (n *network) at() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.conns) != 1 {
		return ""
	}
	return n.conns[0].RemoteAddr().String()
}

// An openConn is a connection of which its network knows until it is closed.
type openConn struct {
	net.Conn
	of *network
}

// Close implements net.Conn.
func (c *openConn) Close() error {
	c.of.mu.Lock()
	c.of.conns = slices.DeleteFunc(c.of.conns, func(other net.Conn) bool { return other == c.Conn })
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// Read implements net.Conn.
func (c *openConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.of.bytes.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (c *openConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.of.bytes.Add(int64(n))
	return n, err
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
