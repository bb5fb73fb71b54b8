package main

import (
	"net"
	"net/http"
	"sync"
)

// Connections to the console at once: of all, and of one address, which may be a
// proxy's. A browser has one, or six without HTTP/2.
const mostConnections, mostConnectionsEach = 1024, 512

// A crowd is the connections that the console has. One too many is ended at once.
type crowd struct {
	mu sync.Mutex
	of map[net.Conn]string
	by map[string]int // by address
}

func newCrowd() *crowd { return &crowd{of: map[net.Conn]string{}, by: map[string]int{}} }

// state is for http.Server.ConnState.
func (c *crowd) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		from, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil {
			from = conn.RemoteAddr().String()
		}
		if len(c.of) >= mostConnections || c.by[from] >= mostConnectionsEach {
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
