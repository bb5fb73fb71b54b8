package main

import (
	"net"
	"net/http"
	"sync"
)

// How many connections the console has at once: in all, and from one address, which may
// be a proxy's. A browser makes one, or six without HTTP/2.
const mostConnections, mostConnectionsEach = 1024, 512

// A connectionLimit counts a server's connections, and closes those above the limits.
type connectionLimit struct {
	most, each int

	mu sync.Mutex
	of map[net.Conn]string
	by map[string]int // by address
}

func newConnectionLimit(most, each int) *connectionLimit {
	return &connectionLimit{most: most, each: each, of: map[net.Conn]string{}, by: map[string]int{}}
}

// state is for http.Server.ConnState.
func (c *connectionLimit) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		from, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil {
			from = conn.RemoteAddr().String()
		}
		if len(c.of) >= c.most || c.by[from] >= c.each {
			conn.Close()
			return
		}
		c.of[conn] = from
		c.by[from]++
	case http.StateHijacked, http.StateClosed:
		from, counted := c.of[conn]
		if !counted {
			return
		}
		delete(c.of, conn)
		if c.by[from]--; c.by[from] == 0 {
			delete(c.by, from)
		}
	}
}
