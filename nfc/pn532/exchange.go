package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bounds of one exchange.
const (
	ackWait    = 15 * time.Millisecond  // UM0701-02 §6.2.3: ACK within 15 ms, else resend
	answerWait = 100 * time.Millisecond // of a command that needs no card
	step       = 2 * time.Millisecond   // between looks at the status
	firstLook  = 2 * time.Millisecond   // after a frame was written
	abortPause = 2 * time.Millisecond   // in which an aborting chip takes no command
	sends      = 3                      // of one command
	reads      = 3                      // of one response, with a NACK between

	overhead = 10 // bytes of a frame around its data, extended frames included
)

var (
	errTimeout = errors.New("no answer in time")
	errNoACK   = errors.New("command not acknowledged")
)

// ErrSyntax says that the chip took a command's frame and refused its content.
var ErrSyntax = errors.New("pn532: the chip refused a command (application level error)")

// command is one exchange: body is the command code and its parameters, room the
// most bytes its response has, response code included, and limit how long the
// response may take, looked for after first.
type command struct {
	body         []byte
	room         int
	first, limit time.Duration
}

// exchange carries a command out and returns its response's parameters, which
// stand in a buffer that the next transfer overwrites. Where something fails the
// command is aborted, so that the chip is idle afterwards if it can be.
//
// Transfers of an undisturbed exchange: the command, status, ACK, status,
// response; each look at the status that came too early is one more, and with an
// interrupt line that works it is none.
func (d *Dev) exchange(ctx context.Context, c command) ([]byte, error) {
	data, err := d.talk(ctx, c)
	if err != nil && !errors.Is(err, ErrSyntax) {
		d.abort()
	}
	return data, err
}

func (d *Dev) talk(ctx context.Context, c command) ([]byte, error) {
	if err := d.sendCommand(ctx, c.body); err != nil {
		return nil, fmt.Errorf("command %02X: %w", c.body[0], err)
	}
	first := c.first
	for i := 0; ; i++ {
		if err := d.waitReady(ctx, first, step, c.limit); err != nil {
			return nil, fmt.Errorf("command %02X: %w", c.body[0], err)
		}
		data, err := d.readResponse(c)
		if err == nil || errors.Is(err, ErrSyntax) {
			return data, err
		}
		if i == reads-1 || !garbled(err) {
			return nil, fmt.Errorf("command %02X: %w", c.body[0], err)
		}
		d.garble()
		d.count.retries.Add(1)
		if err := d.writeFrame(nackFrame[:]); err != nil { // once more, please
			return nil, err
		}
		first = firstLook
	}
}

// noisyFor is how long a wire that has garbled a frame is not trusted.
const noisyFor = 5 * time.Minute

func (d *Dev) garble() {
	d.count.garbled.Add(1)
	d.noisy = time.Now().Add(noisyFor)
}

// garbled errors are those that the wire makes; asking again helps.
func garbled(err error) bool {
	return errors.Is(err, errNoFrame) || errors.Is(err, errTruncated) ||
		errors.Is(err, errChecksum) || errors.Is(err, errDirection)
}

// sendCommand sends a command until the chip acknowledges it.
func (d *Dev) sendCommand(ctx context.Context, body []byte) error {
	d.command = appendFrame(d.command[:0], body...)
	for i := range sends {
		if i > 0 {
			d.count.retries.Add(1)
		}
		if err := d.writeFrame(d.command); err != nil {
			return err
		}
		err := d.waitReady(ctx, firstLook, step, ackWait)
		if errors.Is(err, errTimeout) {
			continue
		}
		if err != nil {
			return err
		}
		// Exactly the six bytes of an ACK: reading on costs the response its
		// first byte.
		r, err := d.readBytes(len(ackFrame))
		if err != nil {
			return err
		}
		if kind, _, err := parseFrame(r); err == nil && kind == frameACK {
			return nil
		}
		// An old response, or noise.
		d.garble()
		if err := d.drain(ctx); err != nil {
			return err
		}
	}
	return errNoACK
}

// readResponse reads the frame that waits, in one window.
func (d *Dev) readResponse(c command) ([]byte, error) {
	r, err := d.readBytes(c.room + overhead)
	if err != nil {
		return nil, err
	}
	kind, data, err := parseFrame(r)
	switch {
	case err != nil:
		return nil, err
	case kind == frameSyntaxError:
		return nil, ErrSyntax
	case kind != frameInfo || data[0] != c.body[0]+1:
		return nil, errDirection
	case len(data) > c.room:
		return nil, errTruncated
	}
	return data[1:], nil
}

// drain reads away what waits: after a restart, the answer to what the host
// asked before.
func (d *Dev) drain(ctx context.Context) error {
	for range 3 {
		ok, err := d.status()
		if err != nil || !ok {
			return err
		}
		if _, err := d.readBytes(maxBody + overhead); err != nil {
			return err
		}
		if err := wait(ctx, firstLook); err != nil {
			return err
		}
	}
	return nil
}

// abort ends whatever the chip does: an ACK from the host has no answer. The
// pause after it belongs to it, also when the caller's context has ended.
func (d *Dev) abort() {
	if d.writeFrame(ackFrame[:]) == nil {
		time.Sleep(abortPause)
	}
}
