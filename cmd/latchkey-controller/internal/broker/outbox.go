package broker

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// flushFor is how long a closed connection may take to send what was written before.
const flushFor = time.Second

// An outbox is a connection whose Write does not block: mochi writes to a client under a
// lock that every publisher to that client needs, so a client that reads nothing would
// block the controller, and with it all others. What is written waits here, up to
// maxQueued bytes; a connection with more is closed.
type outbox struct {
	net.Conn
	identified func() // is called when the client has identified itself; may be called again

	mu      sync.Mutex
	changed sync.Cond
	waiting net.Buffers
	size    int   // bytes that wait or are being written
	blocks  bool  // Write waits for room rather than close the connection
	err     error // why Write takes nothing any more
}

func newOutbox(conn net.Conn, identified func()) *outbox {
	o := &outbox{Conn: conn, identified: identified}
	o.changed.L = &o.mu
	go o.run()
	return o
}

// block has Write wait for room: for the controller's own connection, to which all
// readers send.
func (o *outbox) block() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.blocks = true
}

// Write implements net.Conn.
func (o *outbox) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.blocks && o.err == nil && o.size > maxQueued {
		o.changed.Wait()
	}
	if o.err == nil && o.size+len(b) > maxQueued && !o.blocks {
		o.err = errSlow
		o.Conn.Close()
	}
	if o.err != nil {
		return 0, o.err
	}
	o.waiting = append(o.waiting, append([]byte(nil), b...))
	o.size += len(b)
	o.changed.Broadcast()
	return len(b), nil
}

// run writes what waits until the connection is closed.
func (o *outbox) run() {
	defer o.Conn.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.waiting) == 0 && o.err == nil {
			o.changed.Wait()
		}
		if len(o.waiting) == 0 || errors.Is(o.err, errSlow) {
			return
		}
		batch := o.waiting
		o.waiting = nil
		o.mu.Unlock()
		n, err := batch.WriteTo(o.Conn)
		o.mu.Lock()
		o.size -= int(n)
		if err != nil {
			o.err, o.waiting = err, nil
		}
		o.changed.Broadcast()
	}
}

// Close implements net.Conn: nothing is read any more, and what was written may still be
// sent for flushFor.
func (o *outbox) Close() error {
	o.identified()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = net.ErrClosed
		o.Conn.SetWriteDeadline(time.Now().Add(flushFor))
		o.Conn.SetReadDeadline(time.Unix(1, 0))
		o.changed.Broadcast()
	}
	return nil
}

// SetWriteDeadline implements net.Conn, and does nothing: Write does not block.
func (o *outbox) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn, for reading only: mochi closes a client from which it
// cannot read in time.
func (o *outbox) SetDeadline(t time.Time) error { return o.SetReadDeadline(t) }

// SetReadDeadline implements net.Conn.
func (o *outbox) SetReadDeadline(t time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return os.ErrClosed
	}
	return o.Conn.SetReadDeadline(t)
}
