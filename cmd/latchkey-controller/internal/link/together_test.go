package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
)

// countingConn counts the writes that come through it.
type countingConn struct {
	net.Conn
	writes int
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes++
	return c.Conn.Write(b)
}

func TestWhatComesWhileTheBrokerIsBusyIsWrittenTogetherAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // a write waits until all of it is read
		counted := &countingConn{Conn: near}
		c := writeTogether(counted)
		var want bytes.Buffer
		for i := range 1000 {
			packet := fmt.Appendf(nil, "packet %d;", i)
			want.Write(packet)
			if n, err := c.Write(packet); n != len(packet) || err != nil {
				t.Fatal(n, err)
			}
			synctest.Wait()
		}
		c.Close()
		if _, err := c.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%d bytes, not %d; %v", len(got), want.Len(), err)
		}
		synctest.Wait()
		if counted.writes != 2 {
			t.Errorf("%d writes, not 2", counted.writes)
		}
	})
}

func TestAWriteToABrokerThatTakesNothingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := writeTogether(near)
		var err error
		for range 3 * mostTogether / 1000 {
			if _, err = c.Write(make([]byte, 1000)); err != nil {
				break
			}
		}
		if err == nil {
			t.Error("everything is taken")
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is open")
		}
	})
}
