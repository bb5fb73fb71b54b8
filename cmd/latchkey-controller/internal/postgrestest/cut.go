package postgrestest

import (
	"bytes"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
)

// A Cut passes bytes on between a store and a server, and closes a connection when it is sent a commit.
type Cut struct {
	net.Listener
	Commits atomic.Int64 // how many commits are cut from now on
	Before  atomic.Bool  // the server does not get them
	server  string
}

// NewCut has a cut in front of a server until the test ends.
func NewCut(t testing.TB, server *Own) *Cut {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	c := &Cut{Listener: listener, server: fmt.Sprintf("127.0.0.1:%d", server.Port)}
	go c.serve()
	return c
}

// Address returns the address of a database through the cut, of the role postgres.
func (c *Cut) Address(database string) string {
	return "postgres://postgres@" + c.Addr().String() + "/" + database
}

func (c *Cut) serve() {
	for {
		client, err := c.Accept()
		if err != nil {
			return
		}
		go c.pass(client)
	}
}

func (c *Cut) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var hush atomic.Bool
	go func() {
		defer client.Close()
		b := make([]byte, 1<<16)
		for {
			n, err := server.Read(b)
			if err != nil || hush.Load() {
				return
			}
			client.Write(b[:n])
		}
	}()
	b := make([]byte, 1<<16)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		if bytes.Contains(b[:n], []byte("commit\x00")) && c.Commits.Add(-1) >= 0 {
			if c.Before.Load() {
				return
			}
			hush.Store(true)
		}
		server.Write(b[:n])
	}
}
