package broker

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// flushFor is how long what was written before the end may take to go out.
const flushFor = time.Second

// An outbox is a connection that is never waited for: mochi writes to a client
// under a lock that whoever publishes to that client needs, so one that reads
// nothing would hold up the controller, and with it everybody. What is written
// waits here, up to maxQueued bytes; a connection that lets more pile up ends.
type outbox struct {
	net.Conn
	admit func() // it is no stranger any more; may be called again

	mu      sync.Mutex
	moved   sync.Cond
	waiting net.Buffers
	size    int   // bytes of waiting, and of what is being written
	waits   bool  // Write waits for room rather than end the connection
	err     error // why nothing is taken any more
}

func newOutbox(conn net.Conn, admit func()) *outbox {
	o := &outbox{Conn: conn, admit: admit}
	o.moved.L = &o.mu
	go o.run()
	return o
}

// wait has Write wait for room: of the controller's own connection, to
// which all readers send.
func (o *outbox) wait() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waits = true
}

// Write implements net.Conn.
func (o *outbox) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.waits && o.err == nil && o.size > maxQueued {
		o.moved.Wait()
	}
	if o.err == nil && o.size+len(b) > maxQueued && !o.waits {
		o.err = errLags
		o.Conn.Close()
	}
	if o.err != nil {
		return 0, o.err
	}
	o.waiting = append(o.waiting, append([]byte(nil), b...))
	o.size += len(b)
	o.moved.Broadcast()
	return len(b), nil
}

// run writes what waits until the connection ends.
func (o *outbox) run() {
	defer o.Conn.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.waiting) == 0 && o.err == nil {
			o.moved.Wait()
		}
		if len(o.waiting) == 0 || errors.Is(o.err, errLags) {
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
		o.moved.Broadcast()
	}
}

// Close implements net.Conn: nothing is read any more, and what was written
// goes out within flushFor.
func (o *outbox) Close() error {
	o.admit()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = net.ErrClosed
		o.Conn.SetWriteDeadline(time.Now().Add(flushFor))
		o.Conn.SetReadDeadline(time.Unix(1, 0))
		o.moved.Broadcast()
	}
	return nil
}

// SetWriteDeadline implements net.Conn: Write does not wait.
func (o *outbox) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn: for reading only. One who says nothing in
// time is read from no more, and so closed.
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
