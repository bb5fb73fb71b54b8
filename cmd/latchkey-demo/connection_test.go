package main

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// A cutter passes connections on to a broker and cuts each once so many bytes
// have come from there.
type cutter struct {
	to    string
	after atomic.Int64 // 0: never
	cuts  atomic.Int64
	done  sync.WaitGroup
}

// cut returns a cutter and where it listens.
func cut(t *testing.T, c *cutter) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.done.Add(1)
			go c.pass(conn)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		c.done.Wait()
	})
	return listener.Addr().String()
}

func (c *cutter) pass(reader net.Conn) {
	defer c.done.Done()
	defer reader.Close()
	broker, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer broker.Close()
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		io.Copy(broker, reader)
		broker.Close()
	}()
	limit := c.after.Load()
	if limit == 0 {
		io.Copy(reader, broker)
		return
	}
	if n, _ := io.CopyN(reader, broker, limit); n == limit {
		c.cuts.Add(1)
	}
}

func TestASnapshotWhoseLinkIsCutAgainAndAgainGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	c := new(cutter)
	h := newHouse(t, cut(t, c))
	c.to = h.d.broker
	// Four thousand cards are some 50 chunks, or 400 KiB.
	for user := range 16 {
		args := []string{"user", "add", "--name", fmt.Sprintf("A name that is not quite as long as names may be, number %d", user)}
		for card := range 250 {
			args = append(args, "--card", fmt.Sprintf("04%06x%06x", user+1, card))
		}
		h.do(nil, args...)
	}
	h.start(theBroker, theController, theReader)
	h.inStep()

	h.kill(theReader)
	h.do(nil, "site", "rekey")
	c.after.Store(160 << 10) // less than half of that
	h.start(theReader)
	h.inStep()
	h.sameLog()
	if n := c.cuts.Load(); n < 2 {
		t.Errorf("the link was cut %d times: too few to tell anything", n)
	}
	c.after.Store(0)
	h.eventually("a card opens", func() bool { return h.showCard("040000100000f9") == nil && h.strikes() })
}
